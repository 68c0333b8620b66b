/** Records that were in flight to an operator when the snapshot was taken that its subtask goes on from. */
import type { ChainStep } from '../../lib/graph/plan.js'
import { type ReplayedBatch, restoreFlights } from '../../lib/snapshot/restore-flights.js'
import type { SubtaskPlace } from './subtask-place.js'

export function flightsAt(
  { plan, chain, index, restored }: SubtaskPlace,
  step: ChainStep,
): readonly ReplayedBatch[] {
  const stored = restored?.steps[chain.steps.indexOf(step)]
  if (stored === undefined || stored.flights.length === 0) return []
  const { parallelism } = chain
  const { maxParallelism } = plan
  const { flights, formerParallelism } = stored
  const { formerMaxParallelism } = restored!
  return restoreFlights(flights, {
    subtask: index,
    parallelism,
    formerParallelism,
    maxParallelism,
    formerMaxParallelism,
  })
}
