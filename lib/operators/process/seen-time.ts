/** Event time as one operator sees it: the watermark, and the latest time of what has come. */
import type { OperatorListState, StateStore } from '../../state/state.js'

export class SeenTime {
  /** Never goes back. -∞ before the first, +∞ at the end. */
  watermarkMs = Number.NEGATIVE_INFINITY
  /** False where the stream has no event time; as the last batch said, or a watermark before the first. */
  isTimed = false
  #hasSeenRecords = false
  #latestMs = Number.NEGATIVE_INFINITY
  /** The latest time as of the last barrier; empty without event time. */
  readonly #saved: OperatorListState<number>

  /** Restored, it knows of the time that had come: what speaks before the first record has one. */
  constructor(state: StateStore) {
    this.#saved = state.operatorList<number>('latest event time')
    for (const timeMs of this.#saved.get()) {
      this.isTimed = true
      this.record(timeMs)
    }
  }

  /** Caller must say so before it passes a barrier on. */
  save(): void {
    if (this.isTimed && Number.isFinite(this.#latestMs)) this.#saved.replace([this.#latestMs])
  }

  batch(times: Float64Array | null): void {
    this.#hasSeenRecords = true
    this.isTimed = times !== null
  }

  record(timeMs: number): void {
    if (timeMs > this.#latestMs) this.#latestMs = timeMs
  }

  watermark(timeMs: number): void {
    if (!this.#hasSeenRecords) this.isTimed = true
    this.watermarkMs = Math.max(this.watermarkMs, timeMs)
    // What has the watermark's own time is late.
    this.record(timeMs + 1)
  }

  end(): void {
    this.watermarkMs = Number.POSITIVE_INFINITY
  }

  /** Event time of what belongs to no record: never late, and finite; NaN without event time. */
  quietMs(wallTimeMs: number): number {
    if (!this.isTimed) return Number.NaN
    return Number.isFinite(this.#latestMs) ? this.#latestMs : wallTimeMs
  }
}
