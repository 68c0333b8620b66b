/**
 * A bounded first-in-first-out queue over one array: no allocation per element once it has grown.
 *
 * It begins small and doubles up to its limit. The limit is exact: the array's length is a power of
 * two, so that a position is a mask and not a division, but never more than `capacity` elements wait.
 */
import { assert } from './assert.js'

const SLOTS_FIRST = 8

export class RingBuffer<T> {
  /** At most this many elements wait. */
  readonly capacity: number
  #slots: (T | undefined)[] = new Array(SLOTS_FIRST).fill(undefined)
  #mask = SLOTS_FIRST - 1
  #head = 0
  #size = 0

  constructor(capacity: number) {
    assert(
      Number.isSafeInteger(capacity) && capacity >= 1,
      'a ring buffer has room for at least one',
    )
    this.capacity = capacity
  }

  get size(): number {
    return this.#size
  }

  /** Appends; false, with nothing changed, when it is full. */
  push(element: T): boolean {
    if (this.#size === this.capacity) return false
    if (this.#size > this.#mask) this.#grow()
    this.#slots[(this.#head + this.#size) & this.#mask] = element
    this.#size++
    return true
  }

  /** Removes and returns the oldest; undefined when empty (ask `size` where T has undefined). */
  shift(): T | undefined {
    if (this.#size === 0) return undefined
    const element = this.#slots[this.#head]
    // Emptied, so that a removed element is not kept alive.
    this.#slots[this.#head] = undefined
    this.#head = (this.#head + 1) & this.#mask
    this.#size--
    return element
  }

  /** The element `index` places behind the oldest; undefined outside. */
  at(index: number): T | undefined {
    return index >= 0 && index < this.#size
      ? this.#slots[(this.#head + index) & this.#mask]
      : undefined
  }

  /** Lets the element at `index` change places with the oldest: for a queue served out of order. */
  swapToFront(index: number): void {
    assert(index >= 0 && index < this.#size, 'only what waits can be moved')
    const place = (this.#head + index) & this.#mask
    const oldest = this.#slots[this.#head]
    this.#slots[this.#head] = this.#slots[place]
    this.#slots[place] = oldest
  }

  clear(): void {
    this.#slots = new Array(SLOTS_FIRST).fill(undefined)
    this.#mask = SLOTS_FIRST - 1
    this.#head = 0
    this.#size = 0
  }

  /** From oldest to newest, as a new array. */
  toArray(): T[] {
    return Array.from({ length: this.#size }, (_, index) => this.at(index) as T)
  }

  #grow(): void {
    const slots: (T | undefined)[] = new Array(this.#slots.length * 2).fill(undefined)
    for (let index = 0; index < this.#size; index++) slots[index] = this.at(index)
    this.#slots = slots
    this.#mask = slots.length - 1
    this.#head = 0
  }
}
