/**
 * Time and turns as an argument. Everything that waits asks a `Clock`; `lib/testing` has a virtual
 * one. Durations are measured on the monotonic time only; wall time is for display and data.
 */

/** Undoes what returned it; calling it twice does nothing. */
export type Cancel = () => void

/** Time, as what waits for it sees it. Times are in milliseconds. */
export interface Clock {
  /** Monotonic time in ms since an arbitrary origin, with fractions. */
  now(): number
  /** Wall time in ms since 1970-01-01 UTC. */
  wallTime(): number
  /** Runs `task` once after `delayMs` (≥ 0). */
  after(delayMs: number, task: () => void): Cancel
  /** Runs `task` in a later turn of the event loop, after pending I/O had its chance. */
  soon(task: () => void): void
}

/** The machine's own clock and event loop. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
  after(delayMs, task) {
    const timer = setTimeout(task, delayMs)
    return () => clearTimeout(timer)
  },
  soon: (task) => {
    setImmediate(task)
  },
}
