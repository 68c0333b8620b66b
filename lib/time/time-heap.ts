/**
 * A heap of times, each with a place: where what is to happen then is found. Numbers only, in typed arrays,
 * four children per node.
 */
import { assert } from '../base/assert.js'

const CAPACITY_FIRST = 64

export class TimeHeap {
  #times = new Float64Array(CAPACITY_FIRST)
  /** Parallel to `#times`. */
  #places = new Int32Array(CAPACITY_FIRST)
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The smallest time. Caller must know that there is one. */
  get first(): number {
    assert(this.#size > 0, 'an empty heap has no first time')
    return this.#times[0]!
  }

  /** The place of the smallest time. Caller must know that there is one. */
  get firstPlace(): number {
    assert(this.#size > 0, 'an empty heap has no first time')
    return this.#places[0]!
  }

  push(time: number, place: number): void {
    if (this.#size === this.#times.length) this.#grow()
    const times = this.#times
    const places = this.#places
    let hole = this.#size++
    while (hole > 0) {
      const parent = (hole - 1) >> 2
      if (times[parent]! <= time) break
      times[hole] = times[parent]!
      places[hole] = places[parent]!
      hole = parent
    }
    times[hole] = time
    places[hole] = place
  }

  /** Removes the smallest. */
  pop(): void {
    assert(this.#size > 0, 'an empty heap has no first time')
    this.#size--
    if (this.#size > 0) this.#sink(this.#times[this.#size]!, this.#places[this.#size]!)
  }

  clear(): void {
    this.#size = 0
    this.#times = new Float64Array(CAPACITY_FIRST)
    this.#places = new Int32Array(CAPACITY_FIRST)
  }

  #grow(): void {
    const times = new Float64Array(this.#size * 2)
    const places = new Int32Array(this.#size * 2)
    times.set(this.#times)
    places.set(this.#places)
    this.#times = times
    this.#places = places
  }

  /** From the top down. */
  #sink(time: number, place: number): void {
    const times = this.#times
    const places = this.#places
    const size = this.#size
    let hole = 0
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
      places[hole] = places[child]!
      hole = child
    }
    times[hole] = time
    places[hole] = place
  }
}
