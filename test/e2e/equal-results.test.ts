/** The same results at every width, on any number of slots, under any seed and after failures. */
import fc from 'fast-check'
import t from 'tap'
import { run } from '../../actors/index.js'
import { collect, runTest } from '../../actors/testing/index.js'
import { fromArray, results } from '../../lib/connectors/index.js'
import {
  aggregate,
  count,
  distinct,
  keyBy,
  max,
  min,
  type Op,
  pipeline,
  rebalance,
  reduce,
  type Stream,
  scan,
  sum,
} from '../../lib/index.js'
import { testSeed } from '../support/test-seed.js'
import { PAIRS } from './jobs/combined.js'
import wordCount, { LINES } from './jobs/word-count.js'
import { ended, ending, runModule } from './support.js'

fc.configureGlobal({ seed: testSeed() })

t.setTimeout(400_000)

const WIDTHS = [1, 2, 3, 4]

/** Word counts, independently. */
function countWords(): unknown[] {
  const counts = new Map<string, number>()
  const words = LINES.flatMap((line) => line.split(' '))
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  return [...[...counts].sort(byText), { words: counts.size, total: words.length }]
}

const byText = (a: unknown, b: unknown) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)

const settled = (records: readonly unknown[]) => [
  ...records.filter(Array.isArray).sort(byText),
  ...records.filter((record) => !Array.isArray(record)),
]

/** After a failure what was there before comes again: the same, at least once. */
const once = (records: readonly unknown[]) =>
  [...new Set(records.map((record) => JSON.stringify(record)))]
    .map((text) => JSON.parse(text))
    .sort(byText)

t.test('counts the same words in one thread at every width', async (t) => {
  for (const parallelism of WIDTHS) {
    const { results } = await ended(ending(t, run(wordCount(), { parallelism })))
    t.same(settled(results), countWords(), `parallelism ${parallelism}`)
  }
})

for (const slots of [1, 2, 3]) {
  t.test(`counts the same words on ${slots} slots at every width`, async (t) => {
    const counting = WIDTHS.map((parallelism) =>
      ended(runModule(t, 'word-count', { slots, parallelism })),
    )
    for (const [i, { error, results }] of (await Promise.all(counting)).entries()) {
      t.equal(error, null)
      t.same(settled(results), countWords(), `parallelism ${WIDTHS[i]}`)
    }
  })
}

t.test('scan sees the records of a key in order behind a hash exchange', async (t) => {
  const { error, results } = await ended(runModule(t, 'in-order', { slots: 2, parallelism: 4 }))
  t.equal(error, null)
  const steps = results as readonly { key: string; wrong: boolean; seen: number }[]
  t.same(
    steps.filter(({ wrong }) => wrong),
    [],
  )
  t.equal(steps.length, 7, 'each key of the second half has come to its end')
})

for (const [slots, parallelism] of [
  [1, 2],
  [2, 2],
  [2, 3],
] as const) {
  t.test(`${slots} slots combine streams alike at parallelism ${parallelism}`, async (t) => {
    const { error, results } = await ended(runModule(t, 'combined', { slots, parallelism }))
    t.equal(error, null)
    const texts = results as readonly string[]
    const count = (prefix: string) => texts.filter((text) => text.startsWith(prefix)).length
    const distinctOf = (prefix: string) =>
      new Set(texts.filter((text) => text.startsWith(prefix))).size
    t.equal(count('zip '), PAIRS)
    t.equal(count('zip 1000000'), PAIRS, 'each key has zipped its own')
    t.equal(count('cross'), 3 * PAIRS)
    t.equal(distinctOf('cross'), 3 * PAIRS)
    t.equal(count('open'), 3 * PAIRS)
    t.equal(distinctOf('open'), 3 * PAIRS)
    t.equal(count('self 0'), PAIRS)
    t.ok(count('latest only') >= 1)
    t.same(
      texts.filter((text) => text.startsWith('concat')),
      ['concat one', 'concat two'],
    )
    t.equal(count('never'), 0)
  })
}

interface Sale {
  readonly shop: number | string
  readonly price: number
}

/** Each aggregate, and the same of one key's records by hand. */
const aggregates: Readonly<
  Record<
    string,
    readonly [
      Op<Stream<Sale, 'untimed', Sale['shop']>, Stream<readonly [unknown, unknown]>>,
      (sales: readonly Sale[]) => unknown,
    ]
  >
> = {
  count: [count({ name: 'folded' }), (sales) => sales.length],
  sum: [sum((sale: Sale) => sale.price, { name: 'folded' }), (sales) => total(sales)],
  min: [
    min((a: Sale, b: Sale) => a.price - b.price, { name: 'folded' }),
    (sales) => ({ shop: sales[0]!.shop, price: Math.min(...prices(sales)) }),
  ],
  max: [
    max((a: Sale, b: Sale) => a.price - b.price, { name: 'folded' }),
    (sales) => ({ shop: sales[0]!.shop, price: Math.max(...prices(sales)) }),
  ],
  reduce: [
    reduce((sold: number, sale: Sale) => sold + sale.price, 0, { name: 'folded' }),
    (sales) => total(sales),
  ],
  aggregate: [
    aggregate(
      {
        select: (sale: Sale) => sale.price,
        create: () => ({ sum: 0, n: 0 }),
        add: (mean, price: number) => ({ sum: mean.sum + price, n: mean.n + 1 }),
        merge: (a, b) => ({ sum: a.sum + b.sum, n: a.n + b.n }),
        result: (mean) => mean.sum / mean.n,
      },
      { name: 'folded' },
    ),
    (sales) => total(sales) / sales.length,
  ],
}

const prices = (sales: readonly Sale[]) => sales.map(({ price }) => price)
const total = (sales: readonly Sale[]) => prices(sales).reduce((a, b) => a + b, 0)

function byShop(sales: readonly Sale[]): Map<Sale['shop'], Sale[]> {
  const shops = new Map<Sale['shop'], Sale[]>()
  for (const sale of sales) shops.set(sale.shop, [...(shops.get(sale.shop) ?? []), sale])
  return shops
}

const anySales = fc.array(
  fc.record(
    {
      shop: fc.oneof(fc.nat({ max: 5 }), fc.constantFrom('0', 'north', '')),
      price: fc.integer({ min: -50, max: 50 }),
    },
    { noNullPrototype: true },
  ),
  { maxLength: 60 },
)
interface SomeRun {
  readonly parallelism: number
  readonly seed: number
  /** Records after which an operator fails; null: none does. */
  readonly failsAfter: number | null
  readonly failing: string
}

const anyRun: fc.Arbitrary<SomeRun> = fc.record({
  parallelism: fc.integer({ min: 1, max: 4 }),
  seed: fc.nat(),
  failsAfter: fc.option(fc.integer({ min: 1, max: 30 }), { nil: null }),
  failing: fc.constantFrom('sales', 'by shop', 'folded'),
})

for (const [name, [operator, byHand]] of Object.entries(aggregates)) {
  t.test(`${name} per key equals its computation by hand`, async (t) => {
    const check = async (sales: Sale[], { parallelism, seed, failsAfter, failing }: SomeRun) => {
      const seen = collect<readonly [unknown, unknown]>()
      const { error } = await runTest(
        pipeline('sales', (flow) => {
          const keyed = flow
            .from(fromArray(sales, { splits: 3 }), { name: 'sales' })
            .pipe(rebalance())
            .pipe(keyBy((sale: Sale) => sale.shop, { name: 'by shop' }))
          keyed.pipe(operator).to(seen)
        }),
        {
          parallelism,
          seed,
          inject: failsAfter === null ? [] : [{ operator: failing, afterRecords: failsAfter }],
        },
      )
      if (error !== null) throw new Error(error.message)
      const expected = [...byShop(sales)].map(([shop, sold]) => [shop, byHand(sold)])
      t.same(
        failsAfter === null ? settled(seen.records) : once(seen.records),
        expected.sort(byText),
      )
    }
    await fc.assert(fc.asyncProperty(anySales, anyRun, check), { numRuns: 25 })
  })
}

t.test('scan and distinct speak of every record as it comes', async (t) => {
  const check = async (sales: Sale[], parallelism: number, seed: number) => {
    const scanned = collect<readonly [unknown, number]>()
    const shops = collect<Sale>()
    const { error } = await runTest(
      pipeline('sales', (flow) => {
        const all = flow.from(fromArray(sales)).pipe(keyBy((sale: Sale) => sale.shop))
        all.pipe(scan((sold: number, sale: Sale) => sold + sale.price, 0)).to(scanned)
        all.pipe(distinct((sale: Sale) => sale.price)).to(shops)
      }),
      { parallelism, seed },
    )
    if (error !== null) throw new Error(error.message)
    for (const [shop, sold] of byShop(sales)) {
      let running = 0
      const expected = sold.map(({ price }) => {
        running += price
        return running
      })
      t.same(
        scanned.records.filter(([key]) => key === shop).map(([, value]) => value),
        expected,
      )
      const first = [...new Set(prices(sold))]
      t.same(
        shops.records.filter((sale) => sale.shop === shop).map(({ price }) => price),
        first,
      )
    }
    t.equal(scanned.records.length, sales.length)
  }
  const widths = fc.integer({ min: 1, max: 4 })
  await fc.assert(fc.asyncProperty(anySales, widths, fc.nat(), check), { numRuns: 25 })
})

t.test('a whole-stream aggregate speaks once, of an empty stream too', async (t) => {
  for (const parallelism of WIDTHS) {
    const { results: sums } = await runTest(
      pipeline('nothing', (flow) => {
        flow.from(fromArray<number>([])).pipe(sum()).to(results())
      }),
      { parallelism },
    )
    t.same(sums, [0])
  }
})
