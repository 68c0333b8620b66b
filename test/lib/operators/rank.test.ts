/** Rankings, first and last per key, and forgetting, against naive references. */
import fc from 'fast-check'
import t from 'tap'
import { collect, runTest } from '../../../actors/testing/index.js'
import { type SortKey, sortKeyComparer } from '../../../lib/base/sort-order.js'
import { fromArray, generate } from '../../../lib/connectors/index.js'
import {
  type ChangingTopNOptions,
  distinct,
  firstPerKey,
  keyBy,
  lastPerKey,
  pipeline,
  topN,
} from '../../../lib/index.js'
import { mergedRankings, NO_RANKING, ranked } from '../../../lib/operators/rank/ranking.js'
import type { WindowResult } from '../../../lib/operators/stream.js'
import { timestamps } from '../../../lib/operators/time/timestamps.js'
import { window } from '../../../lib/operators/window/window.js'
import { tumbling } from '../../../lib/window/assigner.js'
import { feed, open } from '../../support/operator-harness.js'
import { testSeed } from '../../support/test-seed.js'

fc.configureGlobal({ seed: testSeed() })

const numbers = fc.array(fc.integer({ min: -5, max: 5 }), { maxLength: 60 })
const cuts = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 })
const text = (value: unknown) => JSON.stringify(value)

const sortKeys: fc.Arbitrary<SortKey> = fc.letrec<{ key: SortKey }>((tie) => ({
  key: fc.oneof(
    { depthSize: 'small' },
    fc.double(),
    fc.integer({ min: -2, max: 2 }),
    fc.bigInt({ min: -2n, max: 2n }),
    fc.string({ maxLength: 2 }),
    fc.boolean(),
    fc.date(),
    fc.constantFrom(null, undefined, Number.NaN, new Date(Number.NaN)),
    fc.array(tie('key'), { maxLength: 2 }),
  ),
})).key

t.test('sort keys are in a total order, which descending turns round but for nothing', async () => {
  const ascending = sortKeyComparer('asc')
  const descending = sortKeyComparer('desc')
  const sign = Math.sign
  fc.assert(
    fc.property(sortKeys, sortKeys, sortKeys, (a, b, c) => {
      for (const compare of [ascending, descending]) {
        if (compare(a, a) !== 0) return false
        if (sign(compare(a, b)) !== -sign(compare(b, a)) && compare(a, b) !== 0) return false
        if (compare(a, b) <= 0 && compare(b, c) <= 0 && compare(a, c) > 0) return false
      }
      return true
    }),
    { numRuns: 3000 },
  )
})

t.test('nothing comes last in both directions, and kinds are kept apart', async (t) => {
  const values: SortKey[] = [null, 'b', 2, Number.NaN, [1], 'a', undefined, true, 1n, new Date(0)]
  t.same(values.toSorted(sortKeyComparer('asc')).slice(0, 7), [
    1n,
    2,
    'a',
    'b',
    true,
    new Date(0),
    [1],
  ])
  const descending = values.toSorted(sortKeyComparer('desc'))
  t.same(descending.slice(0, 7), [[1], new Date(0), true, 'b', 'a', 2, 1n])
  t.same(
    descending.slice(7),
    [null, Number.NaN, undefined].filter((v) => v !== undefined).concat([undefined as never]),
  )
  t.same([[2, 1], [1, 9], [1]].toSorted(sortKeyComparer('asc')), [[1], [1, 9], [2, 1]])
  t.throws(() => sortKeyComparer('asc')({} as SortKey, 1), { code: 'E_BAD_SORT_KEY' })
})

t.test(
  'rankings merged in any way are the ranking of all, equals in order of arrival',
  async () => {
    const compare = sortKeyComparer('desc')
    const property = (input: readonly number[], n: number, at: number, ties: boolean) => {
      const records = input.map((value, i) => [value, i] as const)
      const rank = (some: typeof records) =>
        some.reduce(
          (ranking, record) => ranked(ranking, record[0], record, n, compare, ties),
          NO_RANKING,
        )
      const expected = records
        .toSorted((a, b) => b[0] - a[0])
        .filter(([value], i, all) => i < n || (ties && value === all[n - 1]![0]))
      const parts = [rank(records.slice(0, at)), rank(records.slice(at))] as const
      const merged = mergedRankings(...parts, n, compare, ties)
      return (
        text(rank(records).records) === text(expected) && text(merged.records) === text(expected)
      )
    }
    fc.assert(
      fc.property(numbers, fc.integer({ min: 1, max: 6 }), fc.nat(60), fc.boolean(), property),
      { numRuns: 1000 },
    )
  },
)

/** Every ranking that differs from the one before, of the records or of the latest of each id. */
function changesOf(
  input: readonly Quote[],
  n: number,
  direction: 'asc' | 'desc',
  byId: boolean,
): Quote[][] {
  const sign = direction === 'asc' ? 1 : -1
  let before: Quote[] = []
  const seen: Quote[] = []
  return input.flatMap((quote) => {
    const at = byId ? seen.findIndex(({ id }) => id === quote.id) : -1
    if (at >= 0) seen[at] = quote
    else seen.push(quote)
    const now = seen.toSorted((a, b) => (a.price - b.price) * sign).slice(0, n)
    const isSame = now.length === before.length && now.every((each, i) => each === before[i])
    before = now
    return isSame ? [] : [now]
  })
}

interface Quote {
  readonly id: string
  readonly price: number
}

const quotes = fc.array(
  fc.record({
    id: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    price: fc.integer({ min: 0, max: 6 }),
  }),
  { maxLength: 60 },
)
const directions = fc.constantFrom('asc' as const, 'desc' as const)
const sizes = fc.integer({ min: 1, max: 4 })

for (const byId of [false, true]) {
  t.test(
    `topN speaks when its ranking changes${byId ? ', of the latest of each id' : ''}`,
    async () => {
      const options: ChangingTopNOptions<Quote> = { by: ({ price }) => price, emit: 'changes' }
      const withId: ChangingTopNOptions<Quote> = { ...options, id: ({ id }) => id }
      fc.assert(
        fc.property(quotes, cuts, sizes, directions, (input, cut, n, order) => {
          const op = topN<Quote, 'untimed', never>(n, { ...(byId ? withId : options), order })
          const harness = feed(open(op), input, cut)
          return text(harness.values) === text(changesOf(input, n, order, byId))
        }),
        { numRuns: 400 },
      )
    },
  )

  t.test(`topN keeps keys apart${byId ? ', and their ids' : ''}`, async () => {
    const keyOf = ({ price }: Quote) => price % 2
    fc.assert(
      fc.property(quotes, cuts, sizes, (input, cut, n) => {
        const op = topN<Quote, 'untimed', never>(n, {
          by: ({ price }) => price,
          emit: 'changes',
          ...(byId ? { id: ({ id }: Quote) => id } : {}),
        })
        const harness = feed(open(op, { keyed: true }), input, cut, keyOf)
        return [0, 1].every((key) => {
          const mine = harness.values.flatMap((value) => {
            const [of, ranking] = value as [number, Quote[]]
            return of === key ? [ranking] : []
          })
          const own = input.filter((quote) => keyOf(quote) === key)
          return text(mine) === text(changesOf(own, n, 'desc', byId))
        })
      }),
      { numRuns: 200 },
    )
  })
}

t.test('topN goes on from its state', async (t) => {
  const op = () =>
    topN<Quote, 'untimed', never>(2, {
      by: ({ price }) => price,
      id: ({ id }) => id,
      emit: 'changes',
    })
  const first = open(op())
  first.batch([
    { id: 'a', price: 3 },
    { id: 'b', price: 2 },
    { id: 'c', price: 1 },
  ])
  const second = open(op(), { state: [first.state()] })
  second.batch([{ id: 'a', price: 0 }])
  t.same(second.values, [
    [
      { id: 'b', price: 2 },
      { id: 'c', price: 1 },
    ],
  ])
})

t.test('topN gives its final ranking once, the same at any parallelism', async (t) => {
  const prices = Array.from({ length: 5000 }, (_, i) => (i * 7919) % 5003)
  const expected = prices.toSorted((a, b) => b - a).slice(0, 5)
  for (const parallelism of [1, 2, 3]) {
    const all = collect<readonly number[]>()
    const perKey = collect<readonly [number, readonly number[]]>()
    const { error } = await runTest(
      pipeline('top', (flow) => {
        const input = flow.from(generate(prices.length, (i) => prices[i]!))
        input.pipe(topN(5, { by: (price) => price, name: 'all' })).to(all)
        input
          .pipe(
            keyBy((price) => price % 3),
            topN(2, { by: (price) => price, order: 'asc', name: 'keyed' }),
          )
          .to(perKey)
      }),
      { parallelism },
    )
    t.equal(error, null)
    t.same(all.records, [expected])
    t.same(
      new Map(perKey.records),
      new Map(
        [0, 1, 2].map((key) => [
          key,
          prices
            .filter((p) => p % 3 === key)
            .toSorted((a, b) => a - b)
            .slice(0, 2),
        ]),
      ),
    )
  }
})

t.test('topN of an endless stream is refused, unless it speaks at changes', async (t) => {
  const make = (options: { emit?: 'changes' }) =>
    pipeline('endless', (flow) => {
      flow
        .from(generate(Number.POSITIVE_INFINITY, (i) => i))
        .pipe(topN(1, { by: (n: number) => n, ...options } as never))
        .to(collect())
    }).compose()
  t.throws(() => make({}), { code: 'E_NEVER_SPEAKS' })
  t.doesNotThrow(() => make({ emit: 'changes' }))
})

t.test('topN says what is wrong with its options', async (t) => {
  const by = (n: number) => n
  t.throws(() => topN(0, { by }), { code: 'E_BAD_ARGUMENT', message: /from 1 to 10000/ })
  t.throws(() => topN(1, { by: 'price' as never }), { code: 'E_BAD_ARGUMENT', message: /by/ })
  t.throws(() => topN(1, { by, order: 'down' as never }), { message: /'asc' or 'desc'/ })
  t.throws(() => topN(1, { by, id: by } as never), {
    code: 'E_BAD_ARGUMENT',
    message: /emit.*'changes'/,
  })
  t.throws(() => topN(1, { by, top: 1 } as never), { code: 'E_UNKNOWN_OPTION' })
})

t.test('first and last per key, at any parallelism', async (t) => {
  const records = Array.from({ length: 3000 }, (_, i) => ({ key: (i * 31) % 17, at: i }))
  for (const parallelism of [1, 2]) {
    const firsts = collect<{ key: number; at: number }>()
    const lasts = collect<readonly [number, { key: number; at: number }]>()
    const { error } = await runTest(
      pipeline('dedup', (flow) => {
        const keyed = flow.from(fromArray(records)).pipe(keyBy(({ key }) => key))
        keyed.pipe(firstPerKey()).to(firsts)
        keyed.pipe(lastPerKey({ by: ({ at }) => at })).to(lasts)
      }),
      { parallelism },
    )
    t.equal(error, null)
    t.same(
      firsts.records.toSorted((a, b) => a.at - b.at),
      records.slice(0, 17),
    )
    t.same(
      new Map(lasts.records),
      new Map(records.slice(-17).map((record) => [record.key, record])),
    )
  }
})

t.test(
  'the last per key is the greatest, of equals the last; nothing is never the greatest',
  async (t) => {
    const run = (records: readonly unknown[]) =>
      feed(
        open(
          lastPerKey<(typeof records)[number], 'untimed', number>({
            by: (r) => (r as [SortKey])[0],
          }) as never,
          {
            keyed: true,
          },
        ),
        records,
        [2],
        () => 0,
      ).values
    t.same(
      run([
        [2, 'a'],
        [3, 'b'],
        [3, 'c'],
        [1, 'd'],
        [null, 'e'],
      ]),
      [[0, [3, 'c']]],
    )
    t.same(
      run([
        [null, 'a'],
        [undefined, 'b'],
      ]),
      [[0, [undefined, 'b']]],
    )
  },
)

t.test('what has not come for as long as the retention is forgotten', async (t) => {
  for (const op of [
    distinct<number, 'untimed', never>((n) => n, { retention: '1h' }),
    firstPerKey<number, 'untimed', number>({ retention: 3_600_000 }),
  ]) {
    const harness = open(op as never, { keyed: true })
    const push = (...records: number[]) => harness.batch(records, records)
    push(1, 2, 1)
    t.same(harness.values, [1, 2])
    harness.clock.advance(3_599_999)
    push(1)
    harness.clock.advance(1)
    push(1, 2)
    t.same(harness.values, [1, 2, 2], 'a value that comes again is kept longer')
    harness.clock.advance(3_600_000)
    push(1)
    t.same(harness.values, [1, 2, 2, 1])
  }
})

t.test('the memory of forgotten values is given back', async (t) => {
  const harness = open(distinct<number, 'untimed', never>(undefined, { retention: 1000 }))
  for (let round = 0; round < 50; round++) {
    harness.batch(Array.from({ length: 1000 }, (_, i) => round * 1000 + i))
    harness.clock.advance(500)
  }
  const { size } = harness.state().value('seen', { ttl: { ms: 1000, update: 'readWrite' } })
  t.ok(size <= 4000, `${size} of 50000 values`)
})

t.test('topN and lastPerKey speak once per window', async (t) => {
  const records = Array.from({ length: 3000 }, (_, i) => ({ at: i * 10, n: (i * 7919) % 3001 }))
  for (const parallelism of [1, 2]) {
    const tops = collect<WindowResult<number, readonly (typeof records)[0][]>>()
    const lasts = collect<WindowResult<number, (typeof records)[0]>>()
    const { error } = await runTest(
      pipeline('windows', (flow) => {
        const windows = flow.from(fromArray(records)).pipe(
          timestamps(({ at }) => at, { outOfOrderMs: 0 }),
          keyBy(({ n }) => n % 2),
          window(tumbling('10s')),
        )
        windows.pipe(topN(2, { by: ({ n }) => n })).to(tops)
        windows.pipe(lastPerKey({ by: ({ at }) => at })).to(lasts)
      }),
      { parallelism },
    )
    t.equal(error, null)
    for (const key of [0, 1]) {
      for (const start of [0, 10_000, 20_000]) {
        const own = records.filter(
          ({ at, n }) => at >= start && at < start + 10_000 && n % 2 === key,
        )
        const ofWindow = (result: { key: number; start: number }) =>
          result.key === key && result.start === start
        t.same(
          tops.records.filter(ofWindow).map(({ value }) => value),
          [own.toSorted((a, b) => b.n - a.n).slice(0, 2)],
        )
        t.same(
          lasts.records.filter(ofWindow).map(({ value }) => value),
          [own.at(-1)],
        )
      }
    }
  }
})
