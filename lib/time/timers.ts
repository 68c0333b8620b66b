/**
 * Timers: what is to happen at a time, for a key. One timer per key, time and name.
 *
 * They are passive: whoever owns them takes what is due (`takeDue`) when its watermark or its clock has
 * come so far. Each is removed as it is taken, so a firing that has to wait between two timers needs no
 * cursor, and a timer registered while others fire takes its turn by its time. Order: by time, then
 * by registration.
 *
 * Timers of the same time share a bucket, and a heap orders the times of buckets: keys that wait for
 * the same window's end cost one place in the heap. A bucket of one timer is the timer itself. Deleted
 * times stay in the heap until they come up, or until they are more than those alive.
 *
 * What a snapshot relies on: a timer is immutable; it appears by `register` and disappears by `delete`
 * or `takeDue`, one at a time.
 */
import { assert } from '../base/assert.js'
import { type CanonicalKey, canonicalKey, flatKey } from '../base/key.js'
import { TimeHeap } from './time-heap.js'

/** One timer. */
export interface Timer {
  /** Ms since 1970. */
  readonly timeMs: number
  readonly group: number
  readonly key: unknown
  readonly name: string
}

/** The timers of one operator in one subtask, of one kind of time. */
export interface Timers {
  /** False where this key has this timer already. `timeMs` is finite and may lie in the past. */
  register(group: number, key: unknown, timeMs: number, name?: string): boolean
  /** False where there was none. */
  delete(group: number, key: unknown, timeMs: number, name?: string): boolean
  has(key: unknown, timeMs: number, name?: string): boolean
  /** Removes and returns the first timer with a time ≤ `timeMs`; null when none is due. */
  takeDue(timeMs: number): Timer | null
  /** Time of the first timer; +∞ when there is none. */
  readonly nextMs: number
  readonly size: number
  /** All timers, in no particular order. Nothing may be registered or taken meanwhile. */
  entries(): IterableIterator<Timer>
  clear(): void
}

/** No timers yet, in this thread's heap. */
export function createTimers(): Timers {
  return new HeapTimers()
}

/** Stale times that the heap may hold beyond as many as are alive. */
const STALE_MIN = 1_024

class Entry implements Timer {
  readonly timeMs: number
  readonly group: number
  readonly key: unknown
  readonly name: string
  /** Key and name in one. */
  readonly id: CanonicalKey

  constructor(timeMs: number, group: number, key: unknown, name: string, id: CanonicalKey) {
    this.timeMs = timeMs
    this.group = group
    this.key = key
    this.name = name
    this.id = id
  }
}

/** Several timers of one time, in order of registration. */
class Bucket {
  readonly timers = new Map<CanonicalKey, Entry>()
  /** One iterator for the bucket's life: it sees what is added, and walks over what is gone once. */
  readonly #order = this.timers.values()

  /** Any of them: they have the same time. */
  get first(): Entry {
    return this.timers.values().next().value!
  }

  /** Removes the first. Caller must know that there is one. */
  shift(): Entry {
    const first = this.#order.next().value!
    this.timers.delete(first.id)
    return first
  }
}

class HeapTimers implements Timers {
  readonly #heap = new TimeHeap()
  readonly #buckets = new Map<number | string, Entry | Bucket>()
  /** Places in the heap whose bucket is gone. */
  #stale = 0
  #size = 0
  /** The first time ever registered: others are told apart by their distance from it. */
  #originMs = 0

  register(group: number, key: unknown, timeMs: number, name = ''): boolean {
    assert(Number.isFinite(timeMs), 'the time of a timer is finite')
    const own = flatKey(key)
    const entry = new Entry(timeMs, group, own, name, identityOf(own, name))
    if (this.#size === 0) this.#begin(timeMs)
    const place = this.#placeOf(timeMs)
    const found = this.#buckets.get(place)
    if (found === undefined) {
      this.#buckets.set(place, entry)
      this.#heap.push(timeMs)
      if (this.#stale > this.#buckets.size + STALE_MIN) this.#tidy()
    } else if (!this.#join(place, found, entry)) return false
    this.#size++
    return true
  }

  delete(_group: number, key: unknown, timeMs: number, name = ''): boolean {
    const place = this.#placeOf(timeMs)
    const found = this.#buckets.get(place)
    if (found === undefined) return false
    const id = identityOf(key, name)
    const isThere = found instanceof Entry ? isSame(found.id, id) : found.timers.delete(id)
    if (!isThere) return false
    if (found instanceof Entry || found.timers.size === 0) {
      this.#buckets.delete(place)
      this.#stale++
    }
    this.#size--
    return true
  }

  has(key: unknown, timeMs: number, name = ''): boolean {
    const found = this.#buckets.get(this.#placeOf(timeMs))
    if (found === undefined) return false
    const id = identityOf(key, name)
    return found instanceof Entry ? isSame(found.id, id) : found.timers.has(id)
  }

  takeDue(timeMs: number): Timer | null {
    const nextMs = this.nextMs
    if (this.#size === 0 || nextMs > timeMs) return null
    const place = this.#placeOf(nextMs)
    const found = this.#buckets.get(place)!
    this.#size--
    const first = found instanceof Entry ? found : found.shift()
    if (found instanceof Entry || found.timers.size === 0) {
      this.#buckets.delete(place)
      this.#heap.pop()
    }
    return first
  }

  get nextMs(): number {
    while (this.#stale > 0 && !this.#buckets.has(this.#placeOf(this.#heap.first))) {
      this.#heap.pop()
      this.#stale--
    }
    return this.#heap.size === 0 ? Number.POSITIVE_INFINITY : this.#heap.first
  }

  get size(): number {
    return this.#size
  }

  *entries(): IterableIterator<Timer> {
    for (const found of this.#buckets.values()) {
      if (found instanceof Entry) yield found
      else yield* found.timers.values()
    }
  }

  clear(): void {
    this.#buckets.clear()
    this.#size = 0
    this.#tidy()
  }

  /** The heap holds exactly the times of buckets. */
  #tidy(): void {
    const times = new Float64Array(this.#buckets.size)
    let i = 0
    for (const found of this.#buckets.values()) times[i++] = timeOf(found)
    this.#heap.rebuild(times)
    this.#stale = 0
  }

  /** With no timers left the origin may move. */
  #begin(timeMs: number): void {
    this.#originMs = timeMs
    if (this.#stale > 0) this.#tidy()
  }

  /**
   * A time's key in the map. Maps find small integers faster than times since 1970 (measured: twice as
   * fast), so times within 24 days of the first go by their distance from it, others as text.
   */
  #placeOf(timeMs: number): number | string {
    const distance = timeMs - this.#originMs
    const near = distance | 0
    return near === distance && this.#originMs + near === timeMs ? near : String(timeMs)
  }

  /** Puts a timer beside others of its time; false where it is one of them. */
  #join(place: number | string, found: Entry | Bucket, entry: Entry): boolean {
    if (found instanceof Bucket) {
      if (found.timers.has(entry.id)) return false
      found.timers.set(entry.id, entry)
      return true
    }
    if (isSame(found.id, entry.id)) return false
    const bucket = new Bucket()
    bucket.timers.set(found.id, found)
    bucket.timers.set(entry.id, entry)
    this.#buckets.set(place, bucket)
    return true
  }
}

const timeOf = (found: Entry | Bucket): number =>
  found instanceof Entry ? found.timeMs : found.first.timeMs

/** As a Map compares: NaN is itself. */
const isSame = (a: CanonicalKey, b: CanonicalKey): boolean => Object.is(a, b)

/** No canonical key begins like the identity of a timer with a name. */
function identityOf(key: unknown, name: string): CanonicalKey {
  return name === '' ? canonicalKey(key) : `\u0000@${canonicalKey([name, key])}`
}
