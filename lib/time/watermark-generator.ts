/**
 * Watermark generators: how far event time has come, judged by the records of one input.
 *
 * *Caller must* give every record to `onRecord` in order, and may ask for `watermarkMs` at any time, as
 * a rule once per batch. A watermark of t promises that no record with a time ≤ t follows; one that
 * does is late. It never goes back: a lower value than before counts as no progress.
 */

export interface WatermarkGenerator<in T = unknown> {
  onRecord(record: T, timeMs: number): void
  /** Called in place of `onRecord`, where it is there: with the times of a batch, in its order. */
  onTimes?(times: Float64Array): void
  /** The watermark after the records so far, in ms; −∞ before there is one. */
  readonly watermarkMs: number
}

/** Records come at most `outOfOrderMs` after a later one (Flink's bounded out-of-orderness). */
export function boundedOutOfOrder(outOfOrderMs: number): WatermarkGenerator {
  let maxMs = Number.NEGATIVE_INFINITY
  return {
    onRecord(_record, timeMs) {
      if (timeMs > maxMs) maxMs = timeMs
    },
    onTimes(times) {
      // A local variable: V8 would allocate a number for each that the closure's is set to.
      let latestMs = maxMs
      for (let i = 0; i < times.length; i++) if (times[i]! > latestMs) latestMs = times[i]!
      maxMs = latestMs
    },
    get watermarkMs() {
      // Others with the very same time may follow.
      return maxMs - outOfOrderMs - 1
    },
  }
}

/** Some records carry the watermark: `watermarkOf` gives it, or null. */
export function punctuated<T>(
  watermarkOf: (record: T, timeMs: number) => number | null,
): WatermarkGenerator<T> {
  let latestMs = Number.NEGATIVE_INFINITY
  return {
    onRecord(record, timeMs) {
      const marked = watermarkOf(record, timeMs)
      if (marked !== null && marked > latestMs) latestMs = marked
    },
    get watermarkMs() {
      return latestMs
    },
  }
}
