/** Sorting, in memory and spilled, against the sort of arrays. */
import { readdirSync } from 'node:fs'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { collect, runTest, type TestOptions } from '../../../actors/testing/index.js'
import { sortKeyComparer } from '../../../lib/base/sort-order.js'
import { generate } from '../../../lib/connectors/index.js'
import { map, partitionByRange, pipeline, sort } from '../../../lib/index.js'
import { ExternalSort } from '../../../lib/operators/batch/external-sort.js'
import { mergeRows } from '../../../lib/operators/batch/merge-rows.js'
import { arrayCursor, type Row, type RowCursor } from '../../../lib/operators/batch/rows.js'
import { createMemorySpill } from '../../support/memory-spill.js'
import { feed, type OperatorHarness, open } from '../../support/operator-harness.js'
import { testSeed } from '../../support/test-seed.js'

fc.configureGlobal({ seed: testSeed() })

const ascending = sortKeyComparer('asc') as (a: unknown, b: unknown) => number
const text = (value: unknown) => JSON.stringify(value)

interface Pair {
  readonly rank: number
  readonly at: number
}

const rowOf = ({ rank, at }: Pair): Row => ({ rank, record: at, key: undefined })

function drained(cursor: RowCursor): unknown[] {
  const records: unknown[] = []
  for (; cursor.row !== null; cursor.advance()) records.push(cursor.row.record)
  return records
}

t.test('merging sorted rows is stable, whatever their number', async () => {
  const lists = fc.array(fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 12 }), {
    maxLength: 9,
  })
  fc.assert(
    fc.property(lists, (given) => {
      let at = 0
      const rows = given.map((list) => list.map((rank) => ({ rank, at: at++ })))
      const sorted = rows.map((list) => list.toSorted((a, b) => a.rank - b.rank))
      const merged = mergeRows(
        sorted.map((list) => arrayCursor(list.map(rowOf))),
        ascending,
      )
      const expected = rows.flat().toSorted((a, b) => a.rank - b.rank)
      return text(drained(merged)) === text(expected.map((pair) => pair.at))
    }),
    { numRuns: 300 },
  )
})

t.test('an external sort is the sort of all rows, whatever is spilled', async (t) => {
  for (const memoryBytesMax of [2_000, 20_000, 10 ** 9]) {
    const spill = createMemorySpill()
    const sorting = new ExternalSort({
      compare: ascending,
      spill,
      memoryBytesMax,
      ranked: true,
      keyed: false,
    })
    const rows = Array.from({ length: 20_000 }, (_, at) => ({ rank: (at * 7919) % 1009, at }))
    for (const row of rows) {
      sorting.add(row.at, row.rank, undefined)
      // The rest of a batch comes though it is busy.
      while (sorting.busy && row.at % 700 === 0) sorting.step()
    }
    while (sorting.busy || !sorting.settle()) sorting.step()
    t.equal(spill.created > 0, memoryBytesMax < 10 ** 9, `${spill.created} runs`)
    t.ok(spill.living <= 16, `${spill.living} runs at the end`)
    const expected = rows.toSorted((a, b) => a.rank - b.rank).map(({ at }) => at)
    t.strictSame(drained(sorting.sorted()), expected, `with ${memoryBytesMax} bytes`)
    t.equal(spill.living, 0)
  }
})

/** Feeds a sort whose every turn may leave it busy. */
function feedSort(
  harness: OperatorHarness,
  records: readonly unknown[],
  keyOf?: (record: never) => unknown,
) {
  const turns = () => {
    for (let i = 0; harness.deferred && i < 100_000; i++) {
      harness.gateOpen = true
      harness.turn()
    }
  }
  for (let at = 0; at < records.length; at += 512) {
    const part = records.slice(at, at + 512)
    harness.batch(part, keyOf === undefined ? null : part.map((record) => keyOf(record as never)))
    turns()
  }
  harness.end()
  turns()
  return harness
}

const numberAt = (i: number) => (i * 7919) % 10_007
const numbers = fc.array(fc.integer({ min: -9, max: 9 }), { maxLength: 80 })
const cuts = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 })

t.test('sort gives what Array.sort gives', async () => {
  const half = (x: number) => Math.floor(x / 2)
  fc.assert(
    fc.property(numbers, cuts, fc.boolean(), (input, cut, down) => {
      const sign = down ? -1 : 1
      const order = down ? 'desc' : 'asc'
      const expected = text(input.toSorted((a, b) => (half(a) - half(b)) * sign))
      const run = (options: Parameters<typeof sort<number, 'untimed', never>>[0]) => {
        const harness = feed(open(sort<number, 'untimed', never>(options)), input, cut)
        return harness.broken.length === 0 && text(harness.values) === expected
      }
      return run({ by: half, order }) && run({ compare: (a, b) => (half(a) - half(b)) * sign })
    }),
    { numRuns: 200 },
  )
})

t.test('sort spills, keeps keys, and leaves nothing behind', async (t) => {
  const spill = createMemorySpill()
  const records = Array.from({ length: 30_000 }, (_, i) => ({
    n: (i * 7919) % 30_011,
    text: 'x'.repeat(40),
  }))
  const keyOf = ({ n }: { n: number }) => n % 3
  const harness = feedSort(
    open(sort<(typeof records)[0], 'untimed', number>({ by: ({ n }) => n, memoryMb: 1 }), {
      spill,
      keyed: true,
    }),
    records,
    keyOf,
  )
  t.same(harness.broken, [])
  t.ok(spill.created > 5, `${spill.created} runs`)
  t.ok(harness.counter('spilledBytes') > 1_000_000)
  t.strictSame(
    harness.values,
    records.toSorted((a, b) => a.n - b.n),
  )
  t.strictSame(harness.keys, (harness.values as typeof records).map(keyOf))
  t.same(harness.marks, ['end'])
  t.equal(spill.living, 0)
  harness.unsubscribe()
  t.equal(spill.closed, true)
})

t.test('a record that cannot be ordered is an error of its own', async (t) => {
  const by = (n: number) => (n === 3 ? ({} as never) : n)
  const skipped = open(sort<number, 'untimed', never>({ by }), { policy: 'skip' })
  t.same(feed(skipped, [4, 3, 1]).values, [1, 4])
  const failed = open(sort<number, 'untimed', never>({ by }))
  t.match(feed(failed, [4, 3, 1]).error, { message: /ordered by numbers/ })
})

t.test('sort says what is wrong with its options', async (t) => {
  const by = (n: number) => n
  t.throws(() => sort({} as never), { code: 'E_BAD_ARGUMENT', message: /by must be a function/ })
  t.throws(() => sort({ by, compare: by } as never), {
    message: /compare beside by must be left out/,
  })
  t.throws(() => sort({ by, memoryMb: 0 }), { code: 'E_BAD_ARGUMENT', message: /memoryMb/ })
  t.throws(() => sort({ by, within: 'job' as never }), {
    code: 'E_BAD_ARGUMENT',
    message: /within/,
  })
})

t.test('an endless stream cannot be sorted', async (t) => {
  const endless = pipeline('endless', (flow) => {
    flow
      .from(generate(Number.POSITIVE_INFINITY, (i) => i))
      .pipe(sort({ by: (i) => i }))
      .to(collect())
  })
  t.throws(() => endless.compose(), {
    code: 'E_NEVER_SPEAKS',
    message: /never ends: sort the records of a window.*topN\(…, \{ emit: 'changes' \}\)\.$/,
  })
})

t.test('a whole stream comes out in order, at any parallelism', async (t) => {
  for (const parallelism of [1, 2]) {
    const sorted = collect<number>()
    const { error } = await runTest(
      pipeline('sorted', (flow) => {
        flow
          .from(generate(10_000, numberAt))
          .pipe(
            map((n) => n),
            sort({ by: (n) => n, order: 'desc' }),
          )
          .to(sorted)
      }),
      { parallelism },
    )
    t.equal(error, null)
    const expected = Array.from({ length: 10_000 }, (_, i) => numberAt(i)).sort((a, b) => b - a)
    t.strictSame(sorted.records, expected)
  }
})

t.test('ranges sorted by their subtasks are the whole in order, subtask by subtask', async (t) => {
  const seen = collect<readonly [number, number]>()
  const { error } = await runTest(
    pipeline('ranges', (flow) => {
      flow
        .from(generate(10_000, numberAt))
        .pipe(
          partitionByRange((n) => n, [2_500, 5_000, 7_500]),
          sort({ by: (n) => n, within: 'subtask' }),
          map((n) => [n, Math.floor(n / 5_000)] as const),
        )
        .to(seen)
    }),
    { parallelism: 2 },
  )
  t.equal(error, null)
  for (const half of [0, 1]) {
    const own = seen.records.filter(([, of]) => of === half).map(([n]) => n)
    t.strictSame(
      own,
      own.toSorted((a, b) => a - b),
    )
    t.ok(own.length > 4_900)
  }
  t.equal(seen.records.length, 10_000)
})

/** Runs a sort that spills to files of a folder of its own; gives the folder's content afterwards. */
async function spilling(t: Test, options: TestOptions, failing = false) {
  const folder = t.testdir({})
  const before = process.env.TMPDIR
  process.env.TMPDIR = folder
  t.teardown(() => {
    if (before === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = before
  })
  const sorted = collect<{ n: number }>()
  let most = 0
  const outcome = await runTest(
    pipeline('spilling', (flow) => {
      flow
        .from(generate(20_000, (i) => ({ n: numberAt(i), text: 'x'.repeat(100) })))
        .pipe(
          sort({ by: ({ n }) => n, memoryMb: 1, name: 'sorting' }),
          map((record) => {
            most = Math.max(most, readdirSync(folder).length)
            if (failing) throw new Error('unlucky')
            return { n: record.n }
          }),
        )
        .to(sorted)
    }),
    options,
  )
  return { outcome, sorted: sorted.records.map(({ n }) => n), most, left: readdirSync(folder) }
}

const all = Array.from({ length: 20_000 }, (_, i) => numberAt(i)).sort((a, b) => a - b)

t.test('a job that spills removes its files at the end', async (t) => {
  const { outcome, sorted, most, left } = await spilling(t, {})
  t.equal(outcome.error, null)
  t.strictSame(sorted, all)
  t.equal(most, 1)
  t.same(left, [])
  const operators = outcome.summary!.chains.flatMap((chain) => chain.operators)
  const sorting = operators.find(({ operator }) => operator === 'sorting')
  t.ok((sorting?.counters.spilledBytes ?? 0) > 1_000_000)
})

t.test('an attempt that fails removes its files, and the next one sorts anew', async (t) => {
  const inject = [{ operator: 'sorting', afterRecords: 15_000 }]
  const { outcome, sorted, left } = await spilling(t, { inject })
  t.equal(outcome.summary?.restarts, 1)
  t.strictSame(sorted, all)
  t.same(left, [])
})

t.test('a job that fails while it reads its files removes them', async (t) => {
  const supervise = { maxRestarts: 0 }
  const { outcome, most, left } = await spilling(t, { supervise }, true)
  t.match(outcome.error, { code: 'E_USER_CODE' })
  t.equal(most, 1)
  t.same(left, [])
})
