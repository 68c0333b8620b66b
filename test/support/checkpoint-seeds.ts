/** A thread of simulations of snapshots. */
import { MUTANTS } from './checkpoint-mutants.js'
import { simulate } from './checkpoint-simulation.js'
import { eachSeed } from './seed-threads.js'

let patched: string | null = null

await eachSeed<string | null>((seed, name) => {
  const mutant = name === null ? {} : MUTANTS[name]!
  if (patched !== name) mutant.patch?.()
  patched = name
  return simulate(seed, mutant)
})
