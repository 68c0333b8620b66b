/**
 * Restart intensity: how many restarts fall into a sliding window. Pure.
 *
 * The window is measured in time spent *up*. Were the delays between restarts counted too, back-off
 * would stretch a crash loop until the limit could never be reached: with the defaults (100 ms doubling
 * to 30 s, 10 within 60 s) the eleventh failure comes 81 s after the first.
 *
 * Worked example, 3 within 1,000 ms: restarts at 0, 100 and 200 ms of up time leave no room at
 * 900 ms, and room for one at 1,001 ms.
 */
export interface Intensity {
  /** Up time, in ms, of the restarts that may still count; oldest first. */
  readonly restartsAtMs: readonly number[]
  /** All delays so far: the clock's time minus this is up time. */
  readonly waitedMs: number
}

export const noIntensity: Intensity = { restartsAtMs: [], waitedMs: 0 }

/** True when one more restart at `nowMs` would exceed `maxRestarts` within `withinMs`. */
export function isAtLimit(
  intensity: Intensity,
  nowMs: number,
  maxRestarts: number,
  withinMs: number,
): boolean {
  return inWindow(intensity, nowMs, withinMs).length >= maxRestarts
}

/** Notes a restart decided at `nowMs` which waits `delayMs`; forgets what has left the window. */
export function countRestart(
  intensity: Intensity,
  nowMs: number,
  delayMs: number,
  withinMs: number,
): Intensity {
  const upMs = nowMs - intensity.waitedMs
  return {
    restartsAtMs: [...inWindow(intensity, nowMs, withinMs), upMs],
    waitedMs: intensity.waitedMs + delayMs,
  }
}

function inWindow(intensity: Intensity, nowMs: number, withinMs: number): readonly number[] {
  const upMs = nowMs - intensity.waitedMs
  return intensity.restartsAtMs.filter((atMs) => upMs - atMs <= withinMs)
}
