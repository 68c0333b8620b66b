/**
 * When a thread sends what its outlets have collected (channels send full batches by themselves).
 *
 * - Out of work: at once, but at most once per `intervalMs` and outlet, so that a trickle of records
 *   does not become a frame each. A thread that is refused asks again `waitMs` later.
 * - Busy: at the latest `delayMsMax` after the last flush, so that a channel which gets little beside
 *   one that gets much does not wait for ever.
 */
export interface FlushPolicy {
  /** Shortest time between two flushes. */
  readonly intervalMs: number
  /** Longest time that something collected waits while the thread is busy. */
  readonly delayMsMax: number
}

export const flushPolicy: FlushPolicy = { intervalMs: 1, delayMsMax: 4 }

/** How long to wait before the next flush is due, in ms; 0: flush now. */
export function waitMs(
  policy: FlushPolicy,
  nowMs: number,
  lastFlushMs: number,
  outOfWork: boolean,
): number {
  const due = lastFlushMs + (outOfWork ? policy.intervalMs : policy.delayMsMax)
  return Math.max(0, due - nowMs)
}
