/**
 * How long a drain may stand still. A sink that never takes what is left would hold the process for
 * ever after the one signal that service managers send, so after `DRAIN_QUIET_MS` without any record
 * moving the drain is given up.
 */
import type { JobMetrics } from '../index.js'

export const DRAIN_QUIET_MS = 30_000

export interface DrainWatch {
  /** Name of the chain that holds the drain up, once it has stood still for too long; else null. */
  stuckIn(metrics: JobMetrics): string | null
}

export function createDrainWatch(quietMs: number = DRAIN_QUIET_MS): DrainWatch {
  let moved = -1
  let sinceMs = 0
  return {
    stuckIn({ atMs, chains }) {
      const sum = chains.reduce((all, { totals }) => all + totals.recordsIn + totals.recordsOut, 0)
      if (sum !== moved) {
        moved = sum
        sinceMs = atMs
      }
      if (atMs - sinceMs < quietMs) return null
      // Records wait in front of the last chain that has taken some and given less.
      const holding = chains.findLast(({ totals }) => totals.recordsIn > totals.recordsOut)
      return (holding ?? chains.at(-1))?.chain ?? null
    },
  }
}
