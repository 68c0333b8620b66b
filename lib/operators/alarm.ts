/**
 * An alarm on the wall clock: what an operator needs that has something to do at a time, whatever comes.
 *
 * It only rings; the operator then wakes itself (`context.wake`) and does the work in its own turn. It
 * rings no earlier than at its time, by the same clock that the operator reads; where the clock was set
 * back meanwhile, it waits on.
 */
import type { Cancel, Clock } from '../base/clock.js'

export interface Alarm {
  /** Rings once wall time has come to `atMs`, in place of what was set before; +∞: never. */
  set(atMs: number): void
  /** True where it is going to ring. */
  readonly isSet: boolean
  cancel(): void
}

/** Timers of Node.js take no longer delay. */
const DELAY_MAX_MS = 2 ** 31 - 1

export function createAlarm(clock: Clock, ring: () => void): Alarm {
  let atMs = Number.POSITIVE_INFINITY
  let cancelTimer: Cancel | null = null

  function wait(): void {
    const delayMs = Math.min(Math.max(atMs - clock.wallTime(), 0), DELAY_MAX_MS)
    // A whole number, rounded up: a timer may count in whole milliseconds, and must not come early.
    cancelTimer = clock.after(Math.ceil(delayMs), onTime)
  }

  function onTime(): void {
    cancelTimer = null
    if (clock.wallTime() < atMs) return wait()
    atMs = Number.POSITIVE_INFINITY
    ring()
  }

  function cancel(): void {
    cancelTimer?.()
    cancelTimer = null
    atMs = Number.POSITIVE_INFINITY
  }

  return {
    set(nextMs) {
      if (nextMs === atMs) return
      cancel()
      atMs = nextMs
      if (nextMs !== Number.POSITIVE_INFINITY) wait()
    },
    get isSet() {
      return atMs !== Number.POSITIVE_INFINITY
    },
    cancel,
  }
}
