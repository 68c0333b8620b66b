/** The last failures, oldest first. When it is full the oldest goes; `total` still counts it. */
import { RingBuffer } from '../base/ring-buffer.js'
import type { Failure } from './failure.js'

export const FAILURES_KEPT = 1000

export class FailureHistory {
  readonly #failures: RingBuffer<Failure>
  #total = 0

  constructor(limit: number = FAILURES_KEPT) {
    this.#failures = new RingBuffer(limit)
  }

  /** Failures ever added. */
  get total(): number {
    return this.#total
  }

  add(failure: Failure): void {
    this.#total++
    if (this.#failures.size === this.#failures.capacity) this.#failures.shift()
    this.#failures.push(failure)
  }

  toArray(): readonly Failure[] {
    return this.#failures.toArray()
  }
}
