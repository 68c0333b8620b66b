/**
 * The restart count: how many times in a row something was restarted without getting anywhere. It
 * sets the delay of the next restart, and it is what a job counts against its limit. Pure.
 *
 * It goes back to zero only after progress: a completed checkpoint beyond the position of the
 * failure, or ten minutes without one. Having come up again is no progress: what fails at the same
 * record each time would count 1 for ever, and be restarted for ever with the shortest delay.
 */
export interface RestartCount {
  readonly restarts: number
  /** Monotonic time of the last failure; meaningless while `restarts` is 0. */
  readonly lastFailureMs: number
}

export const noRestartCount: RestartCount = { restarts: 0, lastFailureMs: 0 }

export const QUIET_MS = 10 * 60_000

/** The count as it stands at `nowMs`: zero after ten quiet minutes. */
export function settled(count: RestartCount, nowMs: number): RestartCount {
  return nowMs - count.lastFailureMs >= QUIET_MS ? noRestartCount : count
}

/** After one more failure that is answered by a restart. */
export function countFailure(count: RestartCount, nowMs: number): RestartCount {
  return { restarts: settled(count, nowMs).restarts + 1, lastFailureMs: nowMs }
}

/** After a completed checkpoint; `beyondFailure`: it covers the position at which the last failed. */
export function countCheckpoint(count: RestartCount, beyondFailure: boolean): RestartCount {
  return beyondFailure ? noRestartCount : count
}
