/** Windows as spans of time, and where time ends. */
import { MillraceError } from '../base/errors.js'

/** A window: `start` ≤ time < `end`, in ms since 1970. */
export interface WindowSpan {
  readonly start: number
  readonly end: number
}

/** The farthest instant of a `Date`, in ms on either side of 1970. */
export const INSTANT_MAX = 8.64e15

/** Throws E_WINDOW_RANGE unless the span of the window for `timeMs` lies within what dates can be. */
export function checkSpan(start: number, end: number, timeMs: number): void {
  if (start >= -INSTANT_MAX && end <= INSTANT_MAX) return
  throw new MillraceError(
    'E_WINDOW_RANGE',
    `a record's timestamp is ${timeMs}, and its window would lie outside of ±${INSTANT_MAX} ms, what dates can be; ` +
      'give timestamps(…) a function that returns milliseconds since 1970',
    { details: { timeMs } },
  )
}
