/** A thread of simulations of a cluster. */
import { type Mutant, mutate } from './cluster-mutants.js'
import { simulate } from './cluster-simulation.js'
import { eachSeed } from './seed-threads.js'

let mutated: Mutant | null = null

await eachSeed<Mutant | null>((seed, mutant) => {
  if (mutant !== null && mutated === null) mutate(mutant)
  mutated = mutant
  return simulate(seed)
})
