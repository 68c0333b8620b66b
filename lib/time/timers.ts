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
 * For snapshots (`base/epochs.ts`) each timer knows the epochs in which it came and went, so that who walks
 * over them sees which were there when an epoch began, whatever has happened since.
 */
import { assert } from '../base/assert.js'
import { Epochs } from '../base/epochs.js'
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

/** A timer, and its place in the order of registration. */
export interface PlacedTimer extends Timer {
  readonly at: number
}

/** Timers that can be read as they were when the epoch began, while they go on to change. */
export interface FreezableTimers extends Timers {
  /** Null where there is nothing to say; a timer may come twice. */
  frozen(): IterableIterator<PlacedTimer | null>
  /** What has come and gone between the beginnings of epoch `from` and this one. */
  changes(from: number): IterableIterator<readonly [timer: PlacedTimer, isThere: boolean] | null>
}

/** No timers yet, in this thread's heap. */
export function createTimers(epochs: Epochs = new Epochs()): FreezableTimers {
  return new HeapTimers(epochs)
}

/** Stale times that the heap may hold beyond as many as are alive. */
const STALE_MIN = 1_024

/** An epoch that never comes: of a timer that is there. */
const ALIVE = -1

class Entry implements PlacedTimer {
  readonly timeMs: number
  readonly group: number
  readonly key: unknown
  readonly name: string
  /** Key and name in one. */
  readonly id: CanonicalKey
  readonly at: number
  /** The epochs in which it came and went. */
  readonly since: number
  until = ALIVE

  constructor(
    timeMs: number,
    group: number,
    key: unknown,
    name: string,
    id: CanonicalKey,
    at: number,
    since: number,
  ) {
    this.timeMs = timeMs
    this.group = group
    this.key = key
    this.name = name
    this.id = id
    this.at = at
    this.since = since
  }
}

/** What has happened in one epoch. */
interface Log {
  readonly epoch: number
  readonly added: Entry[]
  /** Those from before the epoch. */
  readonly removed: Entry[]
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
  readonly #epochs: Epochs
  #places = 0
  /** Oldest first; none before the first snapshot. */
  #logs: Log[] = []

  constructor(epochs: Epochs) {
    this.#epochs = epochs
  }

  register(group: number, key: unknown, timeMs: number, name = ''): boolean {
    assert(Number.isFinite(timeMs), 'the time of a timer is finite')
    const own = flatKey(key)
    const { now } = this.#epochs
    const id = identityOf(own, name)
    const entry = new Entry(timeMs, group, own, name, id, this.#places++, now)
    if (this.#size === 0) this.#begin(timeMs)
    const place = this.#placeOf(timeMs)
    const found = this.#buckets.get(place)
    if (found === undefined) {
      this.#buckets.set(place, entry)
      this.#heap.push(timeMs)
      if (this.#stale > this.#buckets.size + STALE_MIN) this.#tidy()
    } else if (!this.#join(place, found, entry)) return false
    this.#size++
    if (now !== 0) this.#log().added.push(entry)
    return true
  }

  delete(_group: number, key: unknown, timeMs: number, name = ''): boolean {
    const place = this.#placeOf(timeMs)
    const found = this.#buckets.get(place)
    if (found === undefined) return false
    const id = identityOf(key, name)
    const entry = entryOf(found, id)
    if (entry === undefined) return false
    if (found instanceof Bucket) found.timers.delete(id)
    if (this.#epochs.now !== 0) this.#gone(entry)
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
    if (this.#epochs.now !== 0) this.#gone(first)
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

  *frozen(): IterableIterator<PlacedTimer | null> {
    const { now } = this.#epochs
    for (const entry of this.entries() as IterableIterator<Entry>) {
      yield entry.since < now ? entry : null
    }
    // As long as it is walked over, more may go.
    const log = this.#logs.at(-1)
    if (log?.epoch === now) yield* log.removed
  }

  *changes(from: number): IterableIterator<readonly [timer: PlacedTimer, isThere: boolean] | null> {
    const { now } = this.#epochs
    for (const { epoch, added, removed } of [...this.#logs]) {
      if (epoch < from || epoch >= now) continue
      for (const entry of added) {
        yield entry.until === ALIVE || entry.until >= now ? [entry, true] : null
      }
      for (const entry of removed) yield entry.since < from ? [entry, false] : null
    }
  }

  *entries(): IterableIterator<Timer> {
    for (const found of this.#buckets.values()) {
      if (found instanceof Entry) yield found
      else yield* found.timers.values()
    }
  }

  clear(): void {
    if (this.#epochs.now !== 0) for (const entry of this.entries()) this.#gone(entry as Entry)
    this.#buckets.clear()
    this.#size = 0
    this.#tidy()
  }

  /** Of this epoch; forgets what no snapshot needs any more. */
  #log(): Log {
    const { now, needed } = this.#epochs
    const last = this.#logs.at(-1)
    if (last !== undefined && last.epoch === now) return last
    const log: Log = { epoch: now, added: [], removed: [] }
    this.#logs = [...this.#logs.filter(({ epoch }) => epoch >= needed), log]
    return log
  }

  #gone(entry: Entry): void {
    const { now } = this.#epochs
    entry.until = now
    if (entry.since !== now) this.#log().removed.push(entry)
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

const entryOf = (found: Entry | Bucket, id: CanonicalKey): Entry | undefined => {
  if (found instanceof Bucket) return found.timers.get(id)
  return isSame(found.id, id) ? found : undefined
}

/** As a Map compares: NaN is itself. */
const isSame = (a: CanonicalKey, b: CanonicalKey): boolean => Object.is(a, b)

/** No canonical key begins like the identity of a timer with a name. */
function identityOf(key: unknown, name: string): CanonicalKey {
  return name === '' ? canonicalKey(key) : `\u0000@${canonicalKey([name, key])}`
}
