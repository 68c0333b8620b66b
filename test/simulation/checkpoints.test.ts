/**
 * Whole jobs under a virtual clock, with crashes at every step of the protocol of snapshots: see
 * `support/checkpoint-simulation.ts`. The oracle itself is tested by mutants: each protection taken away
 * must be seen.
 *
 * Seeds run in a thread of their own: where tests run, every promise is watched, and that takes as long as
 * the jobs do.
 */
import { on } from 'node:events'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { MUTANTS, type Outcome } from '../support/checkpoint-simulation.js'

const SEED = Number(process.env.MILLRACE_SEED ?? 1)
const SEEDS = Number(process.env.MILLRACE_SEEDS ?? (process.env.CI_FULL ? 5_000 : 1_000))
t.comment(`MILLRACE_SEED=${SEED} MILLRACE_SEEDS=${SEEDS}`)

t.setTimeout(900_000)

/** Outcomes of so many seeds, one by one; the thread ends with the loop. */
async function* outcomes(seeds: number, mutant: string | null = null): AsyncIterable<Outcome> {
  const worker = new Worker(new URL('../support/checkpoint-seeds.js', import.meta.url), {
    workerData: { first: SEED, seeds, mutant },
  })
  try {
    let left = seeds
    for await (const [outcome] of on(worker, 'message')) {
      yield outcome as Outcome
      if (--left === 0) return
    }
  } finally {
    await worker.terminate()
  }
}

t.test(
  `${SEEDS} seeds: every row is shown once, and every count is right`,
  { timeout: 900_000 },
  async (t) => {
    let crashes = 0
    let restarts = 0
    let rounds = 0
    let overtaking = 0
    const beganMs = performance.now()
    for await (const outcome of outcomes(SEEDS)) {
      crashes += outcome.crashes
      restarts += outcome.restarts
      rounds += outcome.rounds
      overtaking += outcome.overtaking
      if (outcome.verdict !== null) {
        t.fail(
          `MILLRACE_SEED=${outcome.seed} MILLRACE_SEEDS=1: ${outcome.text}: ${outcome.verdict}`,
        )
        if (process.env.KEEP_GOING === undefined) return
      }
    }
    const eachMs = (performance.now() - beganMs) / SEEDS
    t.comment(
      `${crashes} crashes, ${restarts} restarts, ${rounds} rounds, ${overtaking} overtaking; ${eachMs.toFixed(1)} ms per seed`,
    )
    t.ok(crashes >= SEEDS, 'there were at least as many crashes as seeds')
    t.ok(rounds >= SEEDS, 'there were at least as many rounds as seeds')
    t.ok(restarts >= Math.floor(SEEDS / 10), 'regions were restarted too')
    t.ok(overtaking >= Math.floor(SEEDS / 2), 'barriers have overtaken records')
  },
)

for (const name of Object.keys(MUTANTS)) {
  t.test(`the oracle sees a mutant: ${name}`, async (t) => {
    for await (const { seed, verdict } of outcomes(200, name)) {
      if (verdict === null || !/shown|count/.test(verdict)) continue
      t.pass(`seed ${seed}: ${verdict.split('\n', 1)[0]}`)
      return
    }
    t.fail('200 seeds have not shown it')
  })
}
