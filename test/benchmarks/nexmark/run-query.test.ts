import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { generate } from '../../../benchmarks/nexmark/generate.js'
import { runQuery } from '../../../benchmarks/nexmark/run-query.js'

t.test('a run tells what it took, and writes what came out', async (t) => {
  const out = join(t.testdir(), 'rows.txt')
  const report = await runQuery({ query: 'q0', events: '5000', seed: '3', out })
  t.match(report, { query: 'q0', events: 5000, rate: 10_000, slots: 0, parallelism: 1 })
  t.ok(report.wallSeconds > 0 && report.cpuSeconds > 0 && report.peakRssMb > 0)
  t.ok(report.p50Ms !== null && report.p99Ms !== null && report.p50Ms <= report.p99Ms)
  t.equal(readFileSync(out, 'utf8').split('\n').length, 4600 + 1)
  t.notOk(existsSync(`${out}.parts`))
})

t.test('a generated data set gives what is generated on the way', async (t) => {
  const data = t.testdir()
  const dataset = { events: '5000', rate: '100', seed: '3', partitions: '2' }
  await generate({ ...dataset, format: 'bin', out: data })
  const replayed = await runQuery({ query: 'q8', data, parallelism: '2', sink: 'hash' })
  const generated = await runQuery({ query: 'q8', ...dataset, parallelism: '2', sink: 'hash' })
  t.ok(replayed.rows! > 0)
  t.same([replayed.rows, replayed.rowSum], [generated.rows, generated.rowSum])
})

t.test('text has one line per event, by kind and partition', async (t) => {
  const out = t.testdir()
  await generate({ events: '1000', partitions: '2', format: 'ndjson', out })
  const lines = ['person', 'auction', 'bid'].map((kind) =>
    [0, 1].flatMap((p) =>
      readFileSync(join(out, `${kind}-${p}-of-2.ndjson`), 'utf8')
        .trim()
        .split('\n'),
    ),
  )
  t.same(
    lines.map(({ length }) => length),
    [20, 60, 920],
  )
  t.match(JSON.parse(lines[2]![0]!), { seq: 4, auction: 1000 })
})

t.test('paced events come no sooner than they are due', async (t) => {
  const { wallSeconds } = await runQuery({ query: 'q2', events: '2000', pace: '10000' })
  t.ok(wallSeconds >= 0.19, `${wallSeconds} s`)
})

t.test('going on needs snapshots to go on from', async (t) => {
  await t.rejects(runQuery({ query: 'q0', restore: 'latest' }), { message: /--checkpoint-dir/ })
  await t.rejects(runQuery({ query: 'q0', 'checkpoint-dir': 'x' }), {
    message: /--checkpoint-interval/,
  })
  await t.rejects(runQuery({ query: 'q99' }), { message: /there are q0, q1/ })
})
