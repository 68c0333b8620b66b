/** Alignment groups of a job: their members' cells lie in the counters that all slots share. */
import type { Graph } from '../../lib/graph/graph.js'
import type { Plan } from '../../lib/graph/plan.js'
import { rowOf, type SubtaskId } from '../../lib/graph/subtasks.js'
import { column, counterRow } from '../../lib/metrics/counters.js'
import {
  ALIGNMENT_CELL_LENGTH,
  type AlignmentCell,
  AlignmentMember,
} from '../../lib/time/alignment.js'

/** One subtask as a member of `group`: every subtask with a `timestamps` operator that names it. */
export function alignmentMember(
  plan: Plan,
  { nodes }: Graph,
  counters: SharedArrayBuffer,
  subtask: SubtaskId,
  group: string,
): AlignmentMember {
  const cellOf = (member: SubtaskId): AlignmentCell => {
    const row = counterRow(counters, rowOf(plan, member))
    return row.subarray(column.alignState, column.alignState + ALIGNMENT_CELL_LENGTH)
  }
  const members = plan.chains
    .filter(({ steps }) => steps.some(({ node }) => nodes[node]!.settings.align === group))
    .flatMap(({ id, parallelism }) =>
      Array.from({ length: parallelism }, (_, index) => cellOf({ chain: id, index })),
    )
  return new AlignmentMember(cellOf(subtask), members)
}
