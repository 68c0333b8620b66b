/**
 * Records on their way to one channel, collected until they fill a batch: parallel columns,
 * built in place, so that a record costs no allocation of its own.
 *
 * The arrays are made with the first record, as long as the last batches were, and cut when they are handed
 * over: growing them costs 7 ns more per record. A channel with few records at a time needs little memory, and
 * an idle one next to none.
 */
import { assert } from '../base/assert.js'
import { BATCH_RECORDS_MAX, type Batch, batch } from '../operators/signal.js'

/** As `group`: the record has no key. */
export const NO_GROUP = -1
/** As `timeMs`: the record has no event time. */
export const NO_TIME = Number.NaN

const ROOM_MIN = 16

export class Collector {
  /** Records collected, 0 … BATCH_RECORDS_MAX. */
  size = 0
  /** Records that the columns in use have room for: a power of two, ROOM_MIN … BATCH_RECORDS_MAX. */
  #room = ROOM_MIN
  /** Records until there must be more room: none before the first one. */
  #limit = 0
  #records: unknown[] = []
  /** Only meaningful where `#keyed` or `#grouped` says so. */
  #keys: unknown[] = []
  #groups = new Uint16Array(0)
  /** Only meaningful where `#timed` says so. */
  #times = new Float64Array(0)
  #keyed = false
  #grouped = false
  #timed = false

  /**
   * Adds one record; `group` is NO_GROUP outside the scope of a key, `timeMs` NO_TIME on a stream
   * without event time. Returns the new size.
   */
  add(record: unknown, key: unknown, group: number, timeMs: number): number {
    const position = this.size
    if (position === this.#limit) this.#makeRoom(group, timeMs)
    this.#records[position] = record
    if (group !== NO_GROUP) {
      this.#keys[position] = key
      this.#groups[position] = group
    }
    if (this.#timed) this.#times[position] = timeMs
    this.size = position + 1
    return position + 1
  }

  /** Copies a small batch in; false when it does not fit, or has other columns than those here. */
  append({ records, keys, groups, times }: Batch): boolean {
    const { length } = records
    const position = this.size
    if (position + length > BATCH_RECORDS_MAX) return false
    if (position === 0) this.#begin(keys !== null, groups !== null, times !== null)
    if (this.#keyed !== (keys !== null) || this.#grouped !== (groups !== null)) return false
    if (this.#timed !== (times !== null)) return false
    if (position + length > this.#limit) this.#grow(position + length)
    for (let i = 0; i < length; i++) this.#records[position + i] = records[i]
    if (keys !== null) for (let i = 0; i < length; i++) this.#keys[position + i] = keys[i]
    if (groups !== null) this.#groups.set(groups, position)
    if (times !== null) this.#times.set(times, position)
    this.size = position + length
    return true
  }

  /** Hands over what was collected; there must be something. */
  take(): Batch {
    assert(this.size > 0, 'a batch is never empty')
    const { size } = this
    const records = this.#records
    const keys = this.#keyed ? this.#keys : null
    records.length = size
    if (keys !== null) keys.length = size
    const groups = this.#grouped ? this.#groups.slice(0, size) : null
    const times = this.#timed ? this.#times.slice(0, size) : null
    // One small batch between large ones does not make the next one grow from the beginning.
    this.#room = Math.max(roomFor(size), this.#room >> 1)
    this.clear()
    return batch(records, keys, groups, times)
  }

  /** What was collected, as a batch of its own; it stays collected. */
  copy(): Batch {
    const { size } = this
    return batch(
      this.#records.slice(0, size),
      this.#keyed ? this.#keys.slice(0, size) : null,
      this.#grouped ? this.#groups.slice(0, size) : null,
      this.#timed ? this.#times.slice(0, size) : null,
    )
  }

  clear(): void {
    this.#records = []
    this.#keys = []
    this.size = 0
    this.#limit = 0
  }

  /** For one more. Apart, so that `add` stays small enough to be inlined. */
  #makeRoom(group: number, timeMs: number): void {
    if (this.size > 0) return this.#grow(this.size + 1)
    const isGrouped = group !== NO_GROUP
    return this.#begin(isGrouped, isGrouped, !Number.isNaN(timeMs))
  }

  #begin(keyed: boolean, grouped: boolean, timed: boolean): void {
    const room = this.#room
    this.#limit = room
    this.#keyed = keyed
    this.#grouped = grouped
    this.#timed = timed
    if (this.#records.length < room) this.#records = new Array(room)
    if (keyed && this.#keys.length < room) this.#keys = new Array(room)
    if (grouped && this.#groups.length < room) this.#groups = new Uint16Array(room)
    if (timed && this.#times.length < room) this.#times = new Float64Array(room)
  }

  #grow(records: number): void {
    const room = roomFor(records)
    this.#room = room
    this.#limit = room
    this.#records.length = room
    if (this.#keyed) this.#keys.length = room
    if (this.#grouped && this.#groups.length < room) {
      const groups = new Uint16Array(room)
      groups.set(this.#groups)
      this.#groups = groups
    }
    if (this.#timed && this.#times.length < room) {
      const times = new Float64Array(room)
      times.set(this.#times)
      this.#times = times
    }
  }
}

/** A power of two, as all room is. `records`: at least 1. */
const roomFor = (records: number): number => Math.max(ROOM_MIN, 1 << (32 - Math.clz32(records - 1)))
