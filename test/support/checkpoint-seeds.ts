/** A thread of simulations of snapshots. */
import { MUTANTS, simulate } from './checkpoint-simulation.js'
import { eachSeed } from './seed-threads.js'

await eachSeed<string | null>((seed, mutant) =>
  simulate(seed, mutant === null ? {} : MUTANTS[mutant]),
)
