/**
 * Timers: what is to happen at a time, for a key. One timer per key, time and name.
 *
 * They are passive: whoever owns them takes what is due (`takeDue`) when its watermark or its clock has
 * come so far. Each is removed as it is taken, so a firing that has to wait between two timers needs no
 * cursor, and a timer registered while others fire takes its turn by its time. Order: by time, then
 * by registration.
 *
 * Timers of the same time share a bucket, so keys that wait for the same window's end cost one place: in
 * an array, where a queue finds the first and a table the one of a given time. A bucket of one timer is the
 * timer itself. The place of a deleted time stays until it comes up, or is used again, or until such are more
 * than those alive.
 *
 * For snapshots (`base/epochs.ts`) each timer knows the epochs in which it came and went, so that who walks
 * over them sees which were there when an epoch began, whatever has happened since.
 */
import { assert } from '../base/assert.js'
import { Epochs } from '../base/epochs.js'
import { type CanonicalKey, canonicalKey, flatKey } from '../base/key.js'
import type { Pace } from '../base/pace.js'
import { TimeQueue } from './time-queue.js'
import { TimeTable } from './time-table.js'
import type { PlacedTimer, Timer } from './timer.js'
import { ALIVE, Bucket, Entry, entryOf, Walk } from './timer-buckets.js'

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

/** Timers that can be read as they were when the epoch began, while they go on to change. */
export interface FreezableTimers extends Timers {
  /** Gives, at the pace, those that were there; while no epoch's beginning is read: that are. One may come twice. */
  frozen(give: (timer: PlacedTimer) => void, pace: Pace): Generator<void>
  /** What has come and gone between the beginnings of epoch `from` and this one. */
  changes(from: number): IterableIterator<readonly [timer: PlacedTimer, isThere: boolean] | null>
}

/** No timers yet, in this thread's heap. */
export function createTimers(epochs: Epochs = new Epochs()): FreezableTimers {
  return new HeapTimers(epochs)
}

/** Stale times that the queue may hold beyond as many as are alive. */
const STALE_MIN = 1_024

/** What has happened in one epoch. */
interface Log {
  readonly epoch: number
  readonly added: Entry[]
  /** Those from before the epoch. */
  readonly removed: Entry[]
}

/** Gives those from epochs before `before` until the pace is used up; false where there is none any more. */
function giveOn(
  walk: Walk,
  before: number,
  give: (timer: PlacedTimer) => void,
  pace: Pace,
): boolean {
  while (pace.left > 0) {
    const entry = walk.next()
    if (entry === null) return false
    pace.left--
    if (entry.since < before) give(entry)
  }
  return true
}

class HeapTimers implements FreezableTimers {
  /** By place; null where the last timer was deleted, and where the place is free. */
  #buckets: (Entry | Bucket | null)[] = []
  /** Places that are in nobody's hand. */
  #free: number[] = []
  readonly #queue = new TimeQueue()
  readonly #places = new TimeTable()
  /** Times in queue and table that have no timer any more. */
  #stale = 0
  #size = 0
  readonly #epochs: Epochs
  #registered = 0
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
    const entry = new Entry(timeMs, group, own, name, id, this.#registered++, now)
    const place = this.#places.get(timeMs)
    if (place < 0) this.#open(entry)
    else if (!this.#join(place, entry)) return false
    this.#size++
    if (now !== 0) this.#log().added.push(entry)
    return true
  }

  delete(_group: number, key: unknown, timeMs: number, name = ''): boolean {
    const place = this.#places.get(timeMs)
    if (place < 0) return false
    const found = this.#buckets[place]!
    const id = identityOf(key, name)
    const entry = entryOf(found, id)
    if (found === null || entry === undefined) return false
    if (found instanceof Bucket) found.timers.delete(id)
    if (this.#epochs.now !== 0) this.#gone(entry)
    if (found instanceof Entry || found.timers.size === 0) {
      this.#buckets[place] = null
      this.#stale++
      if (2 * this.#stale > this.#queue.size + STALE_MIN) this.#tidy()
    }
    this.#size--
    return true
  }

  has(key: unknown, timeMs: number, name = ''): boolean {
    const place = this.#places.get(timeMs)
    return place >= 0 && entryOf(this.#buckets[place]!, identityOf(key, name)) !== undefined
  }

  takeDue(timeMs: number): Timer | null {
    const nextMs = this.nextMs
    if (this.#size === 0 || nextMs > timeMs) return null
    const found = this.#buckets[this.#queue.firstPlace]!
    this.#size--
    const first = found instanceof Entry ? found : found.shift()
    if (this.#epochs.now !== 0) this.#gone(first)
    if (found instanceof Entry || found.timers.size === 0) {
      this.#dropFirst()
    }
    return first
  }

  get nextMs(): number {
    while (this.#stale > 0 && this.#buckets[this.#queue.firstPlace] === null) {
      this.#dropFirst()
      this.#stale--
    }
    return this.#queue.size === 0 ? Number.POSITIVE_INFINITY : this.#queue.first
  }

  get size(): number {
    return this.#size
  }

  *frozen(give: (timer: PlacedTimer) => void, pace: Pace): Generator<void> {
    const { now, reading } = this.#epochs
    const walk = new Walk(this.#buckets)
    while (giveOn(walk, reading ? now : Number.POSITIVE_INFINITY, give, pace)) yield
    if (!reading) return
    // As long as it is walked over, more may go.
    const log = this.#logs.at(-1)
    if (log?.epoch !== now) return
    for (const entry of log.removed) {
      give(entry)
      if (--pace.left <= 0) yield
    }
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
    const walk = new Walk(this.#buckets)
    for (let entry = walk.next(); entry !== null; entry = walk.next()) yield entry
  }

  clear(): void {
    if (this.#epochs.now !== 0) for (const entry of this.entries()) this.#gone(entry as Entry)
    this.#queue.clear()
    this.#places.clear()
    this.#buckets = []
    this.#free = []
    this.#stale = 0
    this.#size = 0
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

  /** The first timer of its time. */
  #open(entry: Entry): void {
    const place = this.#free.pop() ?? this.#buckets.length
    this.#buckets[place] = entry
    this.#places.add(entry.timeMs, place)
    this.#queue.push(entry.timeMs, place)
  }

  /** Puts a timer beside others of its time; false where it is one of them. */
  #join(place: number, entry: Entry): boolean {
    const found = this.#buckets[place]!
    if (entryOf(found, entry.id) !== undefined) return false
    if (found === null) {
      this.#buckets[place] = entry
      this.#stale--
    } else if (found instanceof Bucket) found.timers.set(entry.id, entry)
    else {
      const bucket = new Bucket(entry.timeMs)
      bucket.timers.set(found.id, found)
      bucket.timers.set(entry.id, entry)
      this.#buckets[place] = bucket
    }
    return true
  }

  /** Out of queue and table; its place is free again. */
  #dropFirst(): void {
    const place = this.#queue.firstPlace
    this.#places.delete(this.#queue.first)
    this.#queue.pop()
    this.#buckets[place] = null
    if (this.#places.size === 0 && this.#buckets.length > STALE_MIN) {
      this.#buckets = []
      this.#free = []
    } else this.#free.push(place)
  }

  /** Nothing is stale any more. Buckets keep their places: somebody may walk over them. */
  #tidy(): void {
    this.#queue.clear()
    this.#places.clear()
    this.#free = []
    this.#stale = 0
    this.#buckets.forEach((found, place) => {
      if (found === null) this.#free.push(place)
      else {
        this.#places.add(found.timeMs, place)
        this.#queue.push(found.timeMs, place)
      }
    })
  }
}

/** No canonical key begins like the identity of a timer with a name. */
function identityOf(key: unknown, name: string): CanonicalKey {
  return name === '' ? canonicalKey(key) : `\u0000@${canonicalKey([name, key])}`
}
