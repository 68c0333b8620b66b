/** What is collected for a channel, compared with plain lists, whatever the sizes of batches have been before. */
import t from 'tap'
import { type Random, seededRandom } from '../../../lib/base/random.js'
import { Collector, NO_GROUP, NO_TIME } from '../../../lib/channel/collector.js'
import { BATCH_RECORDS_MAX, type Batch, batch } from '../../../lib/operators/signal.js'
import { testSeed } from '../../support/test-seed.js'

const SEED = testSeed(1)

interface Columns {
  readonly keyed: boolean
  readonly timed: boolean
}

const recordsOf = (from: number, length: number): number[] =>
  Array.from({ length }, (_, i) => from + i)
const keyOf = (record: number) => `key ${record}`
const groupOf = (record: number) => record % 128
const timeOf = (record: number) => record * 10

const batchOf = (records: number[], { keyed, timed }: Columns): Batch =>
  batch(
    records,
    keyed ? records.map(keyOf) : null,
    keyed ? Uint16Array.from(records, groupOf) : null,
    timed ? Float64Array.from(records, timeOf) : null,
  )

/** Sizes come in runs: some full batches, then some small ones, then any. */
function sizeOf(random: Random, run: number): number {
  const most = [BATCH_RECORDS_MAX, 5, 40, BATCH_RECORDS_MAX][run % 4]!
  return run % 4 === 0 ? most : 1 + Math.floor(random() * most)
}

function collect(collector: Collector, size: number, random: Random, columns: Columns): void {
  let next = 0
  while (next < size) {
    const length = 1 + Math.floor(random() * Math.min(60, size - next))
    const records = recordsOf(next, length)
    if (random() < 0.5) collector.append(batchOf(records, columns))
    else {
      const { keyed, timed } = columns
      for (const record of records) {
        const group = keyed ? groupOf(record) : NO_GROUP
        collector.add(record, keyOf(record), group, timed ? timeOf(record) : NO_TIME)
      }
    }
    next += length
  }
}

t.test('hands over what was added, with its columns and nothing else', async (t) => {
  const random = seededRandom(SEED)
  const collector = new Collector()
  for (let run = 0; run < 60; run++) {
    // A channel's batches may change their columns between two that are handed over.
    const columns: Columns = { keyed: random() < 0.5, timed: random() < 0.5 }
    for (let batches = 0; batches < 5; batches++) {
      const size = sizeOf(random, run)
      collect(collector, size, random, columns)
      const expected = batchOf(recordsOf(0, size), columns)
      if (collector.size !== size) t.equal(collector.size, size)
      if (random() < 0.2) same(collector.copy(), expected)
      same(collector.take(), expected)
      if (collector.size !== 0) t.equal(collector.size, 0)
    }
  }
  t.pass()

  function same(found: Batch, expected: Batch): void {
    const { records, keys, groups, times } = found
    // Compared as a whole, and as assertions only where they differ: there are many.
    const [a, b] = [found, expected].map((one) => JSON.stringify(Object.values(one)))
    if (a === b && keys?.length === expected.keys?.length) return
    t.same({ records, keys, groups, times }, expected, `seed ${SEED}`)
  }
})

t.test('what does not fit, or has other columns, is not taken in', async (t) => {
  const collector = new Collector()
  const plain: Columns = { keyed: false, timed: false }
  t.ok(collector.append(batchOf(recordsOf(0, 10), plain)))
  t.notOk(collector.append(batchOf(recordsOf(10, 10), { keyed: true, timed: false })))
  t.notOk(collector.append(batchOf(recordsOf(10, 10), { keyed: false, timed: true })))
  t.notOk(collector.append(batchOf(recordsOf(10, BATCH_RECORDS_MAX - 9), plain)))
  t.ok(collector.append(batchOf(recordsOf(10, BATCH_RECORDS_MAX - 10), plain)))
  t.same(collector.take().records, recordsOf(0, BATCH_RECORDS_MAX))
})

t.test('what was cleared is gone', async (t) => {
  const collector = new Collector()
  collect(collector, 300, seededRandom(SEED), { keyed: true, timed: true })
  collector.clear()
  t.equal(collector.size, 0)
  collector.add(7, 'seven', 7, NO_TIME)
  const { records, keys, groups, times } = collector.take()
  t.same([records, keys, groups && [...groups], times], [[7], ['seven'], [7], null])
})
