/**
 * Whole jobs under a virtual clock, with crashes at every step of the protocol of snapshots: see
 * `support/checkpoint-simulation.ts`. The oracle itself is tested by mutants: each protection taken away
 * must be seen.
 */
import t from 'tap'
import { MUTANTS } from '../support/checkpoint-mutants.js'
import type { Outcome } from '../support/checkpoint-simulation.js'
import { STEPS } from '../support/crashing-store.js'
import { runSeeds, type SeedTime, timesOf } from '../support/seed-threads.js'
import { testSeed } from '../support/test-seed.js'

const SEED = testSeed(1)
const SEEDS = Number(process.env.MILLRACE_SEEDS ?? (process.env.CI_FULL ? 5_000 : 1_000))
t.comment(`MILLRACE_SEEDS=${SEEDS}`)

t.setTimeout(900_000)

const THREAD = new URL('../support/checkpoint-seeds.js', import.meta.url)

t.test(
  `${SEEDS} seeds: every row is shown once, and every count is right`,
  { timeout: 900_000 },
  async (t) => {
    let crashes = 0
    let restarts = 0
    let rounds = 0
    let overtaking = 0
    const diedAt = new Set<string>()
    const each: SeedTime[] = []
    const beganMs = performance.now()
    await runSeeds<null, Outcome>(THREAD, { first: SEED, seeds: SEEDS }, null, (told) => {
      const { seed, outcome, cpuMs } = told
      each.push({ seed, cpuMs })
      crashes += outcome.crashes
      for (const step of outcome.diedAt) diedAt.add(step)
      restarts += outcome.restarts
      rounds += outcome.rounds
      overtaking += outcome.overtaking
      if (outcome.verdict === null) return true
      t.fail(`MILLRACE_SEED=${seed} MILLRACE_SEEDS=1: ${outcome.text}: ${outcome.verdict}`)
      return process.env.KEEP_GOING !== undefined
    })
    t.comment(
      `${crashes} crashes, ${restarts} restarts, ${rounds} rounds, ${overtaking} overtaking; ` +
        timesOf(each, beganMs),
    )
    t.equal(each.length, SEEDS, 'every seed has told its outcome')
    t.ok(crashes >= SEEDS, 'there were at least as many crashes as seeds')
    // Fewer seeds may miss one.
    if (SEEDS >= 100) t.same([...diedAt].sort(), [...STEPS].sort(), 'lives have died at every step')
    t.ok(rounds >= SEEDS, 'there were at least as many rounds as seeds')
    t.ok(restarts >= Math.floor(SEEDS / 10), 'regions were restarted too')
    t.ok(overtaking >= Math.floor(SEEDS / 2), 'barriers have overtaken records')
  },
)

for (const name of Object.keys(MUTANTS)) {
  t.test(`the oracle sees a mutant: ${name}`, async (t) => {
    let seen: string | null = null
    await runSeeds<string, Outcome>(THREAD, { first: SEED, seeds: 200 }, name, ({ outcome }) => {
      const { seed, verdict } = outcome
      if (verdict === null || !/shown|count/.test(verdict)) return true
      seen ??= `seed ${seed}: ${verdict.split('\n', 1)[0]}`
      return false
    })
    if (seen !== null) t.pass(seen)
    else t.fail('200 seeds have not shown it')
  })
}
