/**
 * What every kind of window does with records and time, as its operator sees it. Results are pulled:
 * `speak` gives as many as there is room for, and goes on where it was.
 */
import type { WindowOutput } from './window-output.js'

/** What became of a record: it is in its windows. */
export const HELD = 0
/** It is, and some of them have to speak at once. */
export const SPEAKS = 1
/** It came too late. */
export const LATE = 2
/** It lies between windows. */
export const OUTSIDE = 3

export interface Windows {
  /**
   * Takes a record and says what became of it. What a user's function throws leaves no trace. Caller
   * must let the windows `speak` before the next record where it says SPEAKS.
   */
  add(input: unknown, timeMs: number, group: number, key: unknown): number
  /** The watermark has come. Caller must then `speak`. */
  advance(watermarkMs: number): void
  /** The clock has come so far (wall time). Caller must then `speak`. */
  tick(nowMs: number): void
  /** Nothing follows: whatever is pending is due. */
  end(): void
  /** Emits results that are due, as far as there is room. True when nothing is left. */
  speak(output: WindowOutput): boolean
  /** Drops what no window needs. To be called when nothing is left to speak. */
  expire(): void
  /** Wall time at which `tick` is wanted; +∞ for not at all. */
  readonly wakeMs: number
  /** What `add` has thrown though it has left traces: the record may not be skipped. Else null. */
  readonly fatal: unknown
}
