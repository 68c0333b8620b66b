/** Joins in whole pipelines, in several subtasks, against nested loops. */
import t from 'tap'
import { collect, runTest } from '../../actors/testing/index.js'
import { collection } from '../../lib/connectors/index.js'
import {
  broadcastJoin,
  coGroup,
  intervalJoin,
  join,
  keyBy,
  map,
  pipeline,
  type Stream,
  session,
  temporalJoin,
  timestamps,
  tumbling,
  windowJoin,
} from '../../lib/index.js'
import { BATCH_RECORDS_MAX } from '../../lib/operators/signal.js'

interface Row {
  readonly id: number
  readonly key: number
  readonly at: number
}

const lefts = Array.from({ length: 300 }, (_, id): Row => ({ id, key: id % 7, at: id * 10 }))
const rights = Array.from({ length: 200 }, (_, id): Row => ({ id, key: id % 5, at: id * 14 }))

type Keyed = Stream<Row, 'event', number>
type Joining<T> = (left: Keyed, right: Keyed) => Stream<T, 'event' | 'untimed', unknown>

async function joined<T>(build: Joining<T>): Promise<string[][]> {
  const outcomes: string[][] = []
  for (const parallelism of [1, 2]) {
    const seen = collect<T>()
    const outcome = await runTest(
      pipeline('joins', (flow) => {
        const rows = (from: readonly Row[]) =>
          flow.from(collection(from, { splits: parallelism })).pipe(
            timestamps((row: Row) => row.at, { outOfOrderMs: 4000 }),
            keyBy((row: Row) => row.key),
          )
        build(rows(lefts), rows(rights)).to(seen as never)
      }),
      { parallelism },
    )
    t.equal(outcome.error, null)
    outcomes.push(seen.records.map((record) => JSON.stringify(record)).sort())
  }
  return outcomes
}

function pairs(near: (left: Row, right: Row) => boolean): string[] {
  return lefts
    .flatMap((left) =>
      rights
        .filter((right) => right.key === left.key && near(left, right))
        .map((right) => JSON.stringify([left.id, right.id])),
    )
    .sort()
}

const ids = map(([left, right]: readonly [Row, Row]) => [left.id, right.id])

t.test('intervalJoin', async (t) => {
  const expected = pairs((left, right) => Math.abs(left.at - right.at) <= 50)
  const near = { lower: '-50ms', upper: 50 } as const
  for (const outcome of await joined((left, right) =>
    left.pipe(intervalJoin(right, near)).pipe(ids),
  )) {
    t.same(outcome, expected)
  }
})

t.test('windowJoin', async (t) => {
  const expected = pairs((left, right) => Math.floor(left.at / 100) === Math.floor(right.at / 100))
  for (const outcome of await joined((left, right) =>
    left.pipe(windowJoin(right, tumbling(100))).pipe(ids),
  )) {
    t.same(outcome, expected)
  }
})

t.test('windowJoin of every kind keeps what has no partner in its window', async (t) => {
  const [outcome] = await joined((left, right) =>
    left.pipe(
      windowJoin(right, tumbling(100), { kind: 'full' }),
      map(([left, right]) => [left?.id ?? null, right?.id ?? null]),
    ),
  )
  const matched = pairs((left, right) => Math.floor(left.at / 100) === Math.floor(right.at / 100))
  const found = new Set(matched.flatMap((text) => (JSON.parse(text) as number[])[0]!))
  const lonely = outcome!.filter((text) => text.endsWith(',null]'))
  t.equal(lonely.length, lefts.filter(({ id }) => !found.has(id)).length)
  t.same(
    outcome!.filter((text) => !text.includes('null')),
    matched,
  )
})

for (const [allowedLateness, expected, dropped] of [
  [0, [[5, 7]], 1],
  // A window speaks anew, with all of its pairs.
  [
    '1h',
    [
      [5, 7],
      [5, 7],
      [6, 7],
    ],
    0,
  ],
] as const) {
  t.test(`windowJoin: a record comes late, allowed: ${allowedLateness}`, async (t) => {
    // The last is of the first window again, many batches after the watermark has passed that one.
    const far = Array.from({ length: 20 * BATCH_RECORDS_MAX }, (_, i) => 1_000 + i)
    const seen = collect<readonly [number, number]>()
    const { summary, error } = await runTest(
      pipeline('late', (flow) => {
        const timed = (times: readonly number[]) =>
          flow.from(times).pipe(
            timestamps((ms: number) => ms, { outOfOrderMs: 0 }),
            keyBy(() => 'all'),
          )
        timed([5, ...far, 6])
          .pipe(windowJoin(timed([7]), tumbling(10), { allowedLateness, name: 'join' }))
          .to(seen)
      }),
    )
    t.equal(error, null)
    t.same(seen.records, expected)
    const operators = summary!.chains.flatMap((chain) => chain.operators)
    const join = operators.find(({ operator }) => operator === 'join')
    t.equal(join?.counters.droppedLate ?? 0, dropped, 'what is not joined is counted')
  })
}

t.test('coGroup, also within sessions whose gap depends on the record', async (t) => {
  const outcomes = await joined((left, right) =>
    left.pipe(
      coGroup(
        right,
        session((row: Row) => row.key + 60) as never,
        ({ key, window, left, right }) => [[key, window.start, left.length, right.length]],
      ),
    ),
  )
  t.same(outcomes[0], outcomes[1])
  const counted = outcomes[0]!.map((text) => JSON.parse(text) as number[])
  const sum = (at: number) => counted.reduce((total, row) => total + row[at]!, 0)
  t.same([sum(2), sum(3)], [lefts.length, rights.length])
})

t.test('join', async (t) => {
  const expected = pairs(() => true)
  for (const outcome of await joined((left, right) =>
    left.pipe(join(right, { retention: 'unbounded' })).pipe(ids),
  )) {
    t.same(outcome, expected)
  }
})

t.test('broadcastJoin', async (t) => {
  const expected = lefts
    .filter(({ id }) => id < rights.length)
    .map(({ id }) => JSON.stringify([id, id]))
    .sort()
  for (const outcome of await joined((left, right) =>
    left.pipe(broadcastJoin(right, { by: ({ id }) => id, sideBy: ({ id }) => id })).pipe(ids),
  )) {
    t.same(outcome, expected)
  }
})

t.test('temporalJoin', async (t) => {
  const expected = lefts
    .flatMap((left) => {
      const valid = rights.filter(({ key, at }) => key === left.key && at <= left.at).at(-1)
      return valid === undefined ? [] : [JSON.stringify([left.id, valid.id])]
    })
    .sort()
  for (const outcome of await joined((left, right) => left.pipe(temporalJoin(right)).pipe(ids))) {
    t.same(outcome, expected)
  }
})
