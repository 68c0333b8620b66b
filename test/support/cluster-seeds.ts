/** A thread of simulations of a cluster. */
import { CLUSTER_EDITS } from './cluster-edits.js'
import type { Mutant } from './cluster-mutants.js'
import { eachSeed, threadData } from './seed-threads.js'
import { editSource } from './source-edit.js'

export type ClusterMutant = Mutant | keyof typeof CLUSTER_EDITS

const isEdit = (mutant: ClusterMutant): mutant is keyof typeof CLUSTER_EDITS =>
  mutant in CLUSTER_EDITS

const mutant = threadData<ClusterMutant | null>()
// What is changed here is loaded behind that.
if (mutant !== null && isEdit(mutant)) editSource([CLUSTER_EDITS[mutant]].flat())
else if (mutant !== null) (await import('./cluster-mutants.js')).mutate(mutant)
const { simulate } = await import('./cluster-simulation.js')

await eachSeed<ClusterMutant | null>((seed) => simulate(seed))
