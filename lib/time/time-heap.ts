/** A heap of times: numbers only, in one typed array, four children per node. Equal times may occur more than once. */
import { assert } from '../base/assert.js'

const CAPACITY_FIRST = 64

export class TimeHeap {
  #times = new Float64Array(CAPACITY_FIRST)
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The smallest. Caller must know that there is one. */
  get first(): number {
    assert(this.#size > 0, 'an empty heap has no first time')
    return this.#times[0]!
  }

  push(time: number): void {
    if (this.#size === this.#times.length) {
      const larger = new Float64Array(this.#times.length * 2)
      larger.set(this.#times)
      this.#times = larger
    }
    const times = this.#times
    let hole = this.#size++
    while (hole > 0) {
      const parent = (hole - 1) >> 2
      if (times[parent]! <= time) break
      times[hole] = times[parent]!
      hole = parent
    }
    times[hole] = time
  }

  /** Removes the smallest. */
  pop(): void {
    assert(this.#size > 0, 'an empty heap has no first time')
    this.#size--
    if (this.#size > 0) this.#sink(0, this.#times[this.#size]!)
  }

  /** Holds exactly `times` from now on. */
  rebuild(times: Iterable<number>): void {
    const sorted = Float64Array.from(times).sort()
    this.#size = sorted.length
    this.#times = sorted.length < CAPACITY_FIRST ? new Float64Array(CAPACITY_FIRST) : sorted
    // A sorted array is a heap.
    if (this.#times !== sorted) this.#times.set(sorted)
  }

  #sink(from: number, time: number): void {
    const times = this.#times
    const size = this.#size
    let hole = from
    for (;;) {
      const first = 4 * hole + 1
      if (first >= size) break
      const last = Math.min(first + 3, size - 1)
      let child = first
      let least = times[first]!
      for (let other = first + 1; other <= last; other++) {
        const seen = times[other]!
        if (seen < least) {
          least = seen
          child = other
        }
      }
      if (least >= time) break
      times[hole] = least
      hole = child
    }
    times[hole] = time
  }
}
