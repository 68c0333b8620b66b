/** Builds the sending half of a subtask for one of its outputs: edges with their partitioners. */
import { assert, unreachable } from '../../lib/base/assert.js'
import { keyGroupOf } from '../../lib/base/key.js'
import { createOutlet, type Outlet } from '../../lib/channel/outlet.js'
import { mayBeOvertaken, type Partition } from '../../lib/channel/partition.js'
import type { Plan, PlanEdge } from '../../lib/graph/plan.js'
import type { SubtaskSignals } from './subtask.js'
import type { SubtaskPlace } from './subtask-place.js'

/** Null where nothing is attached to that output. */
export function openOutlet(
  place: SubtaskPlace,
  output: string,
  signals: SubtaskSignals,
): Outlet | null {
  const { plan, chain, outputs } = place
  const edges = chain.outputs.map((id) => plan.edges[id]!).filter((e) => e.output === output)
  if (edges.length === 0) return null
  const outlet = createOutlet(
    edges.map((edge) => ({
      partition: partitionOf(place, edge),
      channels: outputs(edge),
      overtaken: isOvertaken(plan, edge),
    })),
  )
  outlet.onWritable = signals.ready
  outlet.onFailure = signals.failed
  return outlet
}

/** What the half of an operator before an exchange is sent keeps its place: no snapshot knows that half. */
export const isOvertaken = ({ chains }: Plan, { to, partitioner }: PlanEdge): boolean =>
  mayBeOvertaken(partitioner.kind) && chains[to]!.steps[0]!.half !== 'before'

function partitionOf(place: SubtaskPlace, edge: PlanEdge): Partition {
  const { plan, index, random, composed } = place
  const { partitioner } = edge
  switch (partitioner.kind) {
    case 'forward':
    case 'broadcast':
    case 'global':
      return { kind: partitioner.kind }
    case 'rebalance':
    case 'rescale':
      // Subtasks begin at different receivers, else the first would get the most.
      return { kind: partitioner.kind, first: index }
    case 'shuffle':
      return { kind: 'shuffle', random }
    case 'hash':
      return { kind: 'hash', maxParallelism: plan.maxParallelism, keyGroupOf }
    case 'custom': {
      const by = composed.runtime.get(partitioner.by)
      assert(by?.role === 'partition' && by.partition !== null, 'a custom edge has its function')
      const operator = composed.graph.nodes[partitioner.by]!.name
      return { kind: 'custom', choose: by.partition, operator }
    }
    default:
      return unreachable(partitioner)
  }
}
