/**
 * Every query gives its answer, however it runs. In pairs: each query at each parallelism, in both
 * places and with each disorder, and each of these with each other over all queries. With CI_FULL: all.
 */
import t, { type Test } from 'tap'
import { queryNames } from '../../../benchmarks/nexmark/catalog.js'
import { type Answers, GOLDEN, SMALL } from './answers.js'
import { answerOf, type Way, wayText } from './judge.js'

const PARALLELISMS = [1, 2, 4]
const DISORDERS = [1, 50, 1000]
const SLOTS = [0, 2]
/** Its rows go to files in a way of their own. */
const OWN_TESTS = ['q10']

t.setTimeout(3_600_000)

const ALL_WAYS: readonly Way[] = PARALLELISMS.flatMap((parallelism) =>
  SLOTS.flatMap((slots) => DISORDERS.map((outOfOrder) => ({ parallelism, slots, outOfOrder }))),
)

const inPairs = (at: number): readonly Way[] =>
  PARALLELISMS.map((parallelism, i) => ({
    parallelism,
    slots: SLOTS[(i + at) % SLOTS.length]!,
    outOfOrder: DISORDERS[(i + at) % DISORDERS.length]!,
  }))

for (const [at, query] of queryNames().entries()) {
  if (OWN_TESTS.includes(query)) continue
  t.test(`${query} gives its answer`, async (t) => {
    const full = process.env.CI_FULL !== undefined
    const golden = full
      ? ALL_WAYS
      : [{ parallelism: 2, slots: at % 2 === 0 ? 2 : 0, outOfOrder: 1 }]
    for (const way of full ? ALL_WAYS : inPairs(at)) await check(t, query, SMALL, way)
    for (const way of golden) await check(t, query, GOLDEN, way)
  })
}

t.test('the answers know every query', async (t) => {
  const known = [...Object.keys(GOLDEN.of), ...OWN_TESTS]
  t.same(
    queryNames().filter((name) => !known.includes(name)),
    [],
  )
})

async function check(t: Test, query: string, answers: Answers, way: Way): Promise<void> {
  const answer = await answerOf(query, answers, way)
  t.same(answer, answers.of[query], `${answers.dataset.events} events, ${wayText(way)}`)
}
