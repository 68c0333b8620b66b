/**
 * Times in order, each with a place: where what is to happen then is found.
 *
 * A heap of a million times misses the cache at every level. So only the next ones are a heap, small enough
 * for the cache; later ones lie unordered in leaves, each with the times between its own beginning and that of
 * the leaf behind it, like the leaves of a B-tree. Whatever overflows is split at about its median, so no
 * step ever touches more than one leaf. With a million times at random a pop takes a third of the time that one
 * heap needs; a push takes longer, and both together less (`npm run bench -- windows`).
 */
import { assert } from '../base/assert.js'
import { TimeHeap } from './time-heap.js'

/** More than this, and the heap, or a leaf, is split. 24 KiB. */
const TIMES_MAX = 2_048
const CAPACITY_FIRST = 64
/** How many of a leaf's times are looked at to find about the middle one. */
const SAMPLE = 31

/** Unordered times ≥ `fromMs`. */
class Leaf {
  readonly fromMs: number
  times = new Float64Array(CAPACITY_FIRST)
  /** Parallel to `times`. */
  places = new Int32Array(CAPACITY_FIRST)
  size = 0

  constructor(fromMs: number) {
    this.fromMs = fromMs
  }

  push(time: number, place: number): void {
    if (this.size === this.times.length) this.#grow()
    this.times[this.size] = time
    this.places[this.size++] = place
  }

  #grow(): void {
    const times = new Float64Array(this.size * 2)
    const places = new Int32Array(this.size * 2)
    times.set(this.times)
    places.set(this.places)
    this.times = times
    this.places = places
  }
}

export class TimeQueue {
  /** All times before those of the leaves; empty only if everything is. */
  #heap = new TimeHeap()
  /** The latest first. */
  #leaves: Leaf[] = []
  #size = 0

  /** Times in it. */
  get size(): number {
    return this.#size
  }

  /** The smallest time. Caller must know that there is one. */
  get first(): number {
    return this.#heap.first
  }

  /** The place of the smallest time. Caller must know that there is one. */
  get firstPlace(): number {
    return this.#heap.firstPlace
  }

  /** Caller must know that the time is not in it. */
  push(time: number, place: number): void {
    this.#size++
    const at = this.#leafOf(time)
    if (at < 0) {
      this.#heap.push(time, place)
      if (this.#heap.size > TIMES_MAX) this.#splitHeap()
    } else {
      const leaf = this.#leaves[at]!
      leaf.push(time, place)
      if (leaf.size > TIMES_MAX) this.#splitLeaf(at)
    }
  }

  /** Removes the smallest. */
  pop(): void {
    assert(this.#size > 0, 'an empty queue has no first time')
    this.#size--
    this.#heap.pop()
    if (this.#heap.size > 0) return
    const next = this.#leaves.pop()
    if (next !== undefined) fill(this.#heap, next)
  }

  clear(): void {
    this.#heap = new TimeHeap()
    this.#leaves = []
    this.#size = 0
  }

  /** The leaf with the latest beginning that is not after the time; -1: the time belongs into the heap. */
  #leafOf(time: number): number {
    const leaves = this.#leaves
    let low = 0
    let high = leaves.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (leaves[middle]!.fromMs <= time) high = middle
      else low = middle + 1
    }
    return low < leaves.length ? low : -1
  }

  #splitHeap(): void {
    const whole = new Leaf(Number.NEGATIVE_INFINITY)
    for (const heap = this.#heap; heap.size > 0; heap.pop()) whole.push(heap.first, heap.firstPlace)
    const [earlier, later] = split(whole)
    fill(this.#heap, earlier)
    this.#leaves.push(later)
  }

  #splitLeaf(at: number): void {
    const [earlier, later] = split(this.#leaves[at]!)
    this.#leaves.splice(at, 1, later, earlier)
  }
}

function fill(heap: TimeHeap, leaf: Leaf): void {
  for (let i = 0; i < leaf.size; i++) heap.push(leaf.times[i]!, leaf.places[i]!)
}

/** The earlier and the later times; some of each, for no two are equal. */
function split(leaf: Leaf): [earlier: Leaf, later: Leaf] {
  const step = Math.floor(leaf.size / SAMPLE)
  const sample = Float64Array.from({ length: SAMPLE }, (_, i) => leaf.times[i * step]!).sort()
  const fromMs = sample[SAMPLE >> 1]!
  const earlier = new Leaf(leaf.fromMs)
  const later = new Leaf(fromMs)
  for (let i = 0; i < leaf.size; i++) {
    const time = leaf.times[i]!
    const half = time < fromMs ? earlier : later
    half.push(time, leaf.places[i]!)
  }
  return [earlier, later]
}
