/**
 * Restart counts that outlive the process that counts: as they are written down, and as another one goes on
 * with them. Monotonic clocks of two processes have nothing in common, so that what is written is wall time.
 * Pure.
 */
import type { Restarts } from './decision.js'
import { noIntensity } from './intensity.js'
import { settled } from './restart-count.js'

/** Of one group: what restarts together. */
export interface KeptRestarts {
  readonly group: string
  /** In a row, without progress; at least 1. */
  readonly restarts: number
  /** Wall time of the last failure. */
  readonly lastFailureMs: number
}

/** The same moment on both clocks. */
export interface Moment {
  readonly nowMs: number
  readonly wallMs: number
}

/** Those that still count. */
export function keepRestarts(
  restartsOf: ReadonlyMap<string, Restarts>,
  { nowMs, wallMs }: Moment,
): readonly KeptRestarts[] {
  return [...restartsOf].flatMap(([group, { count }]) => {
    const { restarts, lastFailureMs } = settled(count, nowMs)
    const agoMs = nowMs - lastFailureMs
    return restarts === 0 ? [] : [{ group, restarts, lastFailureMs: wallMs - agoMs }]
  })
}

/** Where the wall clock was set back, the last failure was just now. How many fall into a window is not kept. */
export function recallRestarts(
  kept: readonly KeptRestarts[],
  { nowMs, wallMs }: Moment,
): Map<string, Restarts> {
  return new Map(
    kept.map(({ group, restarts, lastFailureMs }) => {
      const agoMs = Math.max(0, wallMs - lastFailureMs)
      return [
        group,
        { count: { restarts, lastFailureMs: nowMs - agoMs }, intensity: noIntensity },
      ] as const
    }),
  )
}
