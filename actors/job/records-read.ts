/** How far a job has read its input. */
import type { Plan } from '../../lib/graph/plan.js'
import { rowOf, subtasksOf } from '../../lib/graph/subtasks.js'
import { column, counterRow } from '../../lib/metrics/counters.js'

/** By region, records that its sources have read in its present attempt. */
export function recordsRead(plan: Plan, counters: SharedArrayBuffer): readonly number[] {
  return plan.regions.map(({ chains }) => {
    let read = 0
    for (const subtask of subtasksOf(plan)) {
      const { chain } = subtask
      if (!chains.includes(chain) || plan.chains[chain]!.inputs.length > 0) continue
      read += counterRow(counters, rowOf(plan, subtask))[column.recordsIn]!
    }
    return read
  })
}
