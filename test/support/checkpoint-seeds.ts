/** A thread that simulates one seed after another, and tells the outcome of each. */
import { parentPort, workerData } from 'node:worker_threads'
import { MUTANTS, simulate } from './checkpoint-simulation.js'

const { first, seeds, mutant } = workerData as {
  readonly first: number
  readonly seeds: number
  readonly mutant: string | null
}

for (let seed = first; seed < first + seeds; seed++) {
  parentPort!.postMessage(await simulate(seed, mutant === null ? {} : MUTANTS[mutant]))
}
