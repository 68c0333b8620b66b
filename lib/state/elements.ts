/**
 * The elements of one list, taken off at the front and added at the back. What is taken off is cut away
 * only once it is half of all: cutting one by one moves the rest each time, 1.8 ms in a list of a
 * million.
 *
 * A view is the list at one time. It shares the array: adding does not change it, and what would change
 * it makes a copy before.
 */

/** Not worth cutting away before there is someone who wants the array. */
const DROPPED_MIN = 32

/** A list as it was. Elements are numbered as they come, from 0. */
export interface ListView<V> {
  readonly of: Elements<V>
  /** Counts the times that ends of lives were changed. */
  readonly renewals: number
  readonly values: readonly V[]
  readonly untils: readonly number[] | null
  /** Where the first element lies in `values`, and its number. */
  readonly offset: number
  readonly first: number
  readonly length: number
}

/** A list as plain data. */
export type PackedElements<V> = readonly [
  values: V[],
  untils: number[] | null,
  number: number,
  renewals: number,
]

export class Elements<V> {
  static unpack<V>(packed: PackedElements<V>, freeze: (value: V) => V): Elements<V> {
    const [values, untils, number, renewals] = packed
    for (const value of values) freeze(value)
    const elements = new Elements(values, untils, number)
    elements.#renewals = renewals
    return elements
  }

  #values: V[]
  /** Parallel to the values with a TTL, else null. It ascends: what is older ends first. */
  #untils: number[] | null
  /** How many at the front are gone; less than all. */
  #dropped = 0
  /** Number of the element that lies first in the array. */
  #number: number
  #renewals = 0
  #isShared = false

  constructor(values: V[], untils: number[] | null, number = 0) {
    this.#values = values
    this.#untils = untils
    this.#number = number
  }

  get length(): number {
    return this.#values.length - this.#dropped
  }

  /** The number that the next element gets. */
  get end(): number {
    return this.#number + this.#values.length
  }

  /** The oldest; there is always one. */
  get first(): V {
    return this.#values[this.#dropped]!
  }

  get values(): readonly V[] {
    this.#cut()
    return this.#values
  }

  get untils(): readonly number[] | null {
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
    if (this.#isShared) this.#dropped = dropped
    else {
      // Nothing is kept alive by a place that is gone.
      this.#values.fill(undefined as V, this.#dropped, dropped)
      this.#dropped = dropped
    }
    if (dropped > DROPPED_MIN && dropped * 2 > this.#values.length) this.#cut()
  }

  /** All elements begin their lives anew. */
  renew(untilMs: number): void {
    this.#renewals++
    if (this.#isShared) this.#copy()
    this.#untils!.fill(untilMs)
  }

  view(): ListView<V> {
    this.#isShared = true
    return {
      of: this,
      renewals: this.#renewals,
      values: this.#values,
      untils: this.#untils,
      offset: this.#dropped,
      first: this.#number + this.#dropped,
      length: this.length,
    }
  }

  pack(): PackedElements<V> {
    this.#cut()
    return [this.#values, this.#untils, this.#number, this.#renewals]
  }

  #cut(): void {
    if (this.#dropped === 0) return
    if (this.#isShared) return this.#copy()
    this.#values.splice(0, this.#dropped)
    this.#untils?.splice(0, this.#dropped)
    this.#number += this.#dropped
    this.#dropped = 0
  }

  #copy(): void {
    this.#values = this.#values.slice(this.#dropped)
    if (this.#untils !== null) this.#untils = this.#untils.slice(this.#dropped)
    this.#number += this.#dropped
    this.#dropped = 0
    this.#isShared = false
  }
}
