/** Order at restores with another parallelism: see `support/order-simulation.ts`. */
import t from 'tap'
import { type OrderOutcome, simulateOrder } from '../support/order-simulation.js'
import { testSeed } from '../support/test-seed.js'

const SEED = testSeed(1)
const SEEDS = Number(process.env.MILLRACE_SEEDS ?? (process.env.CI_FULL ? 300 : 20))

t.setTimeout(600_000)

t.test(`${SEEDS} seeds: what is of one split and one key stays in order`, async (t) => {
  t.comment(`MILLRACE_SEEDS=${SEEDS}`)
  const all: OrderOutcome[] = []
  for (let seed = SEED; seed < SEED + SEEDS; seed++) {
    const outcome = await simulateOrder(seed)
    all.push(outcome)
    if (outcome.verdict === null) continue
    t.fail(`MILLRACE_SEED=${seed} MILLRACE_SEEDS=1: ${outcome.text}: ${outcome.verdict}`)
    if (process.env.KEEP_GOING === undefined) return
  }
  const sum = (of: (outcome: OrderOutcome) => number) => all.reduce((n, each) => n + of(each), 0)
  const rescaled = sum((each) => each.rescaled)
  const overtaking = sum((each) => each.overtaking)
  t.comment(
    `${sum((each) => each.crashes)} crashes, ${rescaled} restores at another parallelism, ` +
      `${overtaking} rounds overtaking`,
  )
  t.ok(rescaled >= SEEDS / 2, 'jobs went on at another parallelism')
  t.ok(overtaking >= SEEDS / 2, 'barriers have overtaken records')
})
