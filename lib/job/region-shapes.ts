/** How the regions of a plan lie over the slots of a job. Pure. */
import type { Plan } from '../graph/plan.js'
import type { RegionShape } from './job-record.js'

export function regionShapes(plan: Plan, slots: number): readonly RegionShape[] {
  return plan.regions.map(({ id, chains }) => {
    const widths = chains.map((chain) => plan.chains[chain]!.parallelism)
    const used = Math.min(slots, Math.max(...widths))
    return {
      id,
      slots: Array.from({ length: used }, (_, slot) => slot),
      subtasks: widths.reduce((sum, width) => sum + width, 0),
    }
  })
}
