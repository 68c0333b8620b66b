/** Runs simulations of a cluster in a thread of its own: without a test runner's hooks, at twice the speed. */
import { parentPort, workerData } from 'node:worker_threads'
import { type Mutant, mutate } from './cluster-mutants.js'
import { simulate } from './cluster-simulation.js'

/** What the thread is started with. */
export interface SeedsToRun {
  readonly from: number
  readonly to: number
  readonly mutant: Mutant | null
  /** Goes on where something was wrong. */
  readonly keepGoing: boolean
}

const { from, to, mutant, keepGoing } = workerData as SeedsToRun
if (mutant !== null) mutate(mutant)
for (let seed = from; seed < to; seed++) {
  const outcome = await simulate(seed)
  parentPort!.postMessage({ seed, ...outcome })
  if (outcome.verdict !== null && !keepGoing) break
}
