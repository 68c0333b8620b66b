/**
 * The elements of one list, taken off at the front and added at the back. What is taken off is cut away
 * only once it is half of all: cutting one by one moves the rest each time, 1.8 ms in a list of a
 * million.
 */

/** Not worth cutting away before there is someone who wants the array. */
const DROPPED_MIN = 32

export class Elements<V> {
  #values: V[]
  /** Parallel to the values with a TTL, else null. It ascends: what is older ends first. */
  #untils: number[] | null
  /** How many at the front are gone; less than all. */
  #dropped = 0

  constructor(values: V[], untils: number[] | null) {
    this.#values = values
    this.#untils = untils
  }

  get length(): number {
    return this.#values.length - this.#dropped
  }

  /** The oldest; there is always one. */
  get first(): V {
    return this.#values[this.#dropped]!
  }

  get values(): V[] {
    this.#cut()
    return this.#values
  }

  get untils(): number[] | null {
    this.#cut()
    return this.#untils
  }

  push(value: V, untilMs: number): void {
    this.#values.push(value)
    this.#untils?.push(untilMs)
  }

  /** `count` is less than the length. */
  drop(count: number): void {
    const dropped = this.#dropped + count
    // Nothing is kept alive by a place that is gone.
    this.#values.fill(undefined as V, this.#dropped, dropped)
    this.#dropped = dropped
    if (dropped > DROPPED_MIN && dropped * 2 > this.#values.length) this.#cut()
  }

  #cut(): void {
    if (this.#dropped === 0) return
    this.#values.splice(0, this.#dropped)
    this.#untils?.splice(0, this.#dropped)
    this.#dropped = 0
  }
}
