/** Windows in whole jobs: exchanged, in parallel, with watermarks of their own making. */
import t from 'tap'
import { collect, runTest } from '../../actors/testing/index.js'
import { fromArray } from '../../lib/connectors/index.js'
import {
  type Assigner,
  count,
  countTrigger,
  countWindow,
  cumulating,
  globalWindow,
  keyBy,
  map,
  pipeline,
  reduce,
  session,
  sideOutput,
  sideTag,
  sliding,
  slidingCount,
  sum,
  timestamps,
  tumbling,
  type WindowResult,
  window,
  windowAll,
  windowProcess,
} from '../../lib/index.js'
import { BATCH_RECORDS_MAX } from '../../lib/operators/signal.js'
import { type OracleAssigner, type OracleResult, WindowOracle } from '../support/window-oracle.js'

interface Reading {
  readonly key: string
  readonly timeMs: number
  readonly id: number
}

/** In order within a second, and back by half of it. */
const readings: readonly Reading[] = Array.from({ length: 3_000 }, (_, id) => ({
  key: `k${(id * 7) % 11}`,
  timeMs: id * 10 - (id % 5) * 100,
  id,
}))

const OUT_OF_ORDER = 500

const CASES: Readonly<
  Record<string, { readonly assigner: Assigner<Reading, 'event'>; readonly oracle: OracleAssigner }>
> = {
  tumbling: {
    assigner: tumbling('1s', { offset: '300ms' }),
    oracle: { kind: 'tumbling', size: 1000, offset: 300 },
  },
  sliding: {
    assigner: sliding('3s', '1s'),
    oracle: { kind: 'sliding', size: 3000, slide: 1000, offset: 0 },
  },
  cumulating: {
    assigner: cumulating('6s', '1s'),
    oracle: { kind: 'cumulating', size: 6000, step: 1000 },
  },
  session: {
    assigner: session((reading) => (reading.id % 9 === 0 ? 20 : 120)),
    oracle: { kind: 'session', gap: ({ id }) => (id % 9 === 0 ? 20 : 120) },
  },
}

function expected(oracle: OracleAssigner): readonly OracleResult[] {
  const windows = new WindowOracle(oracle, { kind: 'eventTime' }, false, 0)
  for (const reading of readings) windows.record(reading)
  windows.end()
  return windows.results
}

const shown = (results: readonly WindowResult<string, number>[]): string[] =>
  results.map(({ key, start, end, value }) => `${key} ${start} ${end} ${value}`).sort()

const countsOf = (results: readonly OracleResult[]): string[] =>
  shown(results.map(({ key, start, end, ids }) => ({ key, start, end, value: ids.length })))

for (const [name, { assigner, oracle }] of Object.entries(CASES)) {
  t.test(`${name} windows of two subtasks give each window of each key once`, async (t) => {
    const counts = collect<WindowResult<string, number>>()
    const folded = collect<WindowResult<string, number>>()
    const processed = collect<WindowResult<string, number>>()
    const outcome = await runTest(
      pipeline('windows', (flow) => {
        const keyed = flow.from(fromArray(readings)).pipe(
          timestamps((reading) => reading.timeMs, { outOfOrderMs: OUT_OF_ORDER }),
          keyBy((reading) => reading.key),
        )
        keyed.pipe(window(assigner), count()).to(counts)
        keyed
          .pipe(
            window(assigner),
            reduce((n: number) => n + 1, 0),
          )
          .to(folded)
        keyed
          .pipe(
            window(assigner),
            windowProcess(({ key, window, records }) => [
              { key, ...window, value: records.length },
            ]),
          )
          .to(processed)
      }),
      { parallelism: 2 },
    )
    t.equal(outcome.error, null)
    const all = countsOf(expected(oracle))
    t.ok(all.length > 30)
    t.same(shown(counts.records), all)
    t.same(shown(folded.records), all)
    t.same(shown(processed.records), all)
  })
}

t.test('windows of the whole stream are folded in parallel and joined in one place', async (t) => {
  const sums = collect<{ start: number; value: number }>()
  const outcome = await runTest(
    pipeline('all', (flow) => {
      flow
        .from(fromArray(readings))
        .pipe(
          timestamps((reading) => reading.timeMs, { outOfOrderMs: OUT_OF_ORDER }),
          windowAll(tumbling('10s')),
          sum((reading) => reading.id),
        )
        .to(sums)
    }),
    { parallelism: 2 },
  )
  t.equal(outcome.error, null)
  const byStart = new Map<number, number>()
  for (const { timeMs, id } of readings) {
    const start = Math.floor(timeMs / 10_000) * 10_000
    byStart.set(start, (byStart.get(start) ?? 0) + id)
  }
  t.same(new Map(sums.records.map(({ start, value }) => [start, value])), byStart)
  t.equal(sums.records.length, byStart.size)
})

t.test('results have the time of their window, so windows of windows work', async (t) => {
  const perMinute = collect<{ start: number; end: number; value: number }>()
  const outcome = await runTest(
    pipeline('twice', (flow) => {
      flow
        .from(fromArray(readings))
        .pipe(
          timestamps((reading) => reading.timeMs, { outOfOrderMs: OUT_OF_ORDER }),
          keyBy((reading) => reading.key),
          window(tumbling('1s')),
          count(),
          windowAll(tumbling('10s')),
          sum((result) => result.value),
        )
        .to(perMinute)
    }),
    { parallelism: 2 },
  )
  t.equal(outcome.error, null)
  t.equal(
    perMinute.records.reduce((total, { value }) => total + value, 0),
    readings.length,
  )
})

t.test('late records leave by the side, or are counted', async (t) => {
  const late = sideTag<Reading>('late')
  const [counts, aside] = [collect<{ value: number }>(), collect<number>()]
  // Behind the 20 s that are in order, ten that are long over. A watermark may wait for a few batches.
  const between = Array.from({ length: 20 * BATCH_RECORDS_MAX }, () => readings.at(-1)!)
  const old = readings.slice(0, 10)
  const outcome = await runTest(
    pipeline('late', (flow) => {
      const windowed = flow.from(fromArray([...readings, ...between, ...old])).pipe(
        timestamps((reading) => reading.timeMs, { outOfOrderMs: OUT_OF_ORDER }),
        keyBy((reading) => reading.key),
        window(tumbling('1s'), { late }),
        count(),
      )
      windowed.to(counts)
      windowed
        .pipe(
          sideOutput(late),
          map((reading) => reading.id),
        )
        .to(aside)
    }),
  )
  t.equal(outcome.error, null)
  t.same(
    [...aside.records].sort((a, b) => a - b),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  )
  t.equal(
    counts.records.reduce((sum, { value }) => sum + value, 0),
    readings.length + between.length,
  )
})

t.test('windows by count need no time', async (t) => {
  const [threes, last, global] = [
    collect<WindowResult<string, number>>(),
    collect<number[]>(),
    collect<WindowResult<string, number>>(),
  ]
  const outcome = await runTest(
    pipeline('counted', (flow) => {
      const keyed = flow
        .from(fromArray(readings.slice(0, 100)))
        .pipe(keyBy((reading) => (reading.id < 70 ? 'a' : 'b')))
      keyed.pipe(window(countWindow(30)), count({ name: 'thirties' })).to(threes)
      keyed
        .pipe(
          window(slidingCount(4, 20)),
          windowProcess(({ records }) => [records.map(({ id }) => id)]),
        )
        .to(last)
      keyed.pipe(window(globalWindow(), { trigger: countTrigger(40) }), count()).to(global)
    }),
    { parallelism: 2 },
  )
  t.equal(outcome.error, null)
  t.same(shown(threes.records), ['a 0 30 30', 'a 30 60 30', 'a 60 70 10', 'b 0 30 30'])
  t.same(
    [...last.records].sort((a, b) => a[0]! - b[0]!),
    [
      [16, 17, 18, 19],
      [36, 37, 38, 39],
      [56, 57, 58, 59],
      [66, 67, 68, 69],
      [86, 87, 88, 89],
      [96, 97, 98, 99],
    ],
  )
  t.same(shown(global.records), [
    'a -Infinity Infinity 40',
    'a -Infinity Infinity 70',
    'b -Infinity Infinity 30',
  ])
})
