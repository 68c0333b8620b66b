import t from 'tap'
import { BASELINES, baselineText } from '../../../benchmarks/nexmark/baselines.js'
import { queryNames } from '../../../benchmarks/nexmark/catalog.js'
import { dataFileName } from '../../../benchmarks/nexmark/data-file.js'
import { DataReader } from '../../../benchmarks/nexmark/data-reader.js'
import { writeDataFile } from '../../../benchmarks/nexmark/data-writer.js'
import { runBaseline } from '../../../benchmarks/nexmark/run-baseline.js'
import { runQuery } from '../../../benchmarks/nexmark/run-query.js'
import { SMALL } from './answers.js'
import { answerOfRows } from './judge.js'

const data = t.testdir()
writeDataFile(data, SMALL.dataset, 0, 1)

for (const [query, baseline] of Object.entries(BASELINES)) {
  t.test(`the loop of ${query} gives the answer of the query`, async (t) => {
    const rows = new Map<string, number>()
    const loop = baseline.create((row, sign = 1) => {
      const text = baselineText(query, row)
      rows.set(text, (rows.get(text) ?? 0) + sign)
    })
    const reader = new DataReader(`${data}/${dataFileName(0, 1)}`, baseline.reads)
    for (let block = 0; block < reader.blocks; block++) loop.block(reader.block(block))
    loop.end()
    reader.close()
    const left = [...rows].flatMap(([text, n]) => Array<string>(n).fill(text))
    t.same(answerOfRows(query, left), SMALL.of[query])
  })

  t.test(`the sums of ${query} and of its loop agree`, async (t) => {
    if (!queryNames().includes(query)) return
    const loop = runBaseline({ query, data, sink: 'hash' })
    const { rows, rowSum } = await runQuery({ query, data, sink: 'hash' })
    t.same([rows, rowSum], [loop.rows, loop.rowSum])
  })
}
