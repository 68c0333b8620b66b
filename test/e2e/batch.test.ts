/** Bounded inputs give their final results once, the same ones on any number of slots, at every width. */
import t from 'tap'
import { N, numberAt } from './jobs/batch.js'
import { ended, runModule } from './support.js'

t.setTimeout(400_000)

const numbers = Array.from({ length: N }, (_, i) => numberAt(i))
const text = (value: unknown) => JSON.stringify(value)
const total = (N * (N - 1)) / 2
/** Of 0, 3, 6 … 1497, those below 1000 have N / 1000 partners each. */
const MATCHED = 334
const joined = [
  ['both', (MATCHED * N) / 1000],
  ['l', N - (MATCHED * N) / 1000],
  ['r', 500 - MATCHED],
]

const expected = [
  ['count', N],
  ['sum', total],
  ['min', 0],
  ['max', N - 1],
  ['avg', total / N],
  ['reduce', numbers.reduce((a, n) => (a + n) % 1009, 0)],
  ['topN', [N - 1, N - 2, N - 3]],
  ['sort', { last: N - 1, seen: N, wrong: 0 }],
  ['ranges', [true, N / 2 - 1]],
  ['ranges', [false, N - 1]],
  ...joined.map((each) => ['hashJoin', each]),
  ...joined.map((each) => ['sortMergeJoin', each]),
  ...Array.from({ length: 10 }, (_, key) => ['first', [key, 1]]),
  ...Array.from({ length: 10 }, (_, key) => ['last', [key, N - 10 + key]]),
]

for (const [slots, parallelism] of [
  [1, 1],
  [1, 3],
  [2, 2],
  [2, 3],
] as const) {
  t.test(`${slots} slots at parallelism ${parallelism}`, async (t) => {
    const { error, results, summary } = await ended(runModule(t, 'batch', { slots, parallelism }))
    t.equal(error, null)
    t.strictSame(results.map(text).sort(), expected.map(text).sort())
    const operators = summary!.chains.flatMap((chain) => chain.operators)
    const sorting = operators.find(({ counters }) => (counters.spilledBytes ?? 0) > 0)
    t.ok(sorting, 'something was spilled, and counted in its thread')
    // Counted by three kinds, and one of them is most of it.
    const hot = operators.flatMap(({ hotKeys }) => hotKeys).filter(({ key }) => key === 'l')
    t.ok(
      hot.some(({ share }) => share > 0.5),
      'hot keys are told by the threads that see them',
    )
  })
}
