/** Joins of streams in a running job: in parallel they give what nested loops give. */
import t from 'tap'
import { collect, runTest } from '../../actors/testing/index.js'
import { intervalJoin, keyBy, pipeline, timestamps } from '../../lib/index.js'

interface Row {
  readonly id: number
  readonly key: number
  readonly at: number
}

t.test('an interval join at parallelism 2 gives what nested loops give', async (t) => {
  const rows = Array.from({ length: 200 }, (_, id): Row => {
    return { id, key: id % 7, at: (id * 37) % 100 }
  })
  const [lefts, rights] = [rows.slice(0, 100), rows.slice(100)]
  const pairs = collect<readonly [Row | undefined, Row | undefined]>()
  const job = pipeline('pairs', (flow) => {
    const timed = () => timestamps((row: Row) => row.at, { outOfOrderMs: 200 })
    const right = flow.from(rights).pipe(
      timed(),
      keyBy((row) => row.key),
    )
    flow
      .from(lefts)
      .pipe(
        timed(),
        keyBy((row) => row.key),
        intervalJoin(right, { lower: -5, upper: 5, kind: 'full', parallelism: 2 }),
      )
      .to(pairs)
  })
  await runTest(job)
  const near = (a: Row, b: Row) => a.key === b.key && Math.abs(a.at - b.at) <= 5
  const expected = [
    ...lefts.flatMap((a) => rights.filter((b) => near(a, b)).map((b) => `${a.id} ${b.id}`)),
    ...lefts.filter((a) => !rights.some((b) => near(a, b))).map((a) => `${a.id} -`),
    ...rights.filter((b) => !lefts.some((a) => near(a, b))).map((b) => `- ${b.id}`),
  ]
  const seen = pairs.records.map(([a, b]) => `${a?.id ?? '-'} ${b?.id ?? '-'}`)
  t.same(seen.sort(), expected.sort())
})
