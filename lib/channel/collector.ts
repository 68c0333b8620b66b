/**
 * Records on their way to one channel, collected until they fill a batch: parallel columns,
 * built in place, so that a record costs no allocation of its own. The arrays are made at full length
 * and cut when they are handed over: growing them costs 7 ns more per record.
 */
import { assert } from '../base/assert.js'
import { BATCH_RECORDS_MAX, type Batch, batch } from '../operators/signal.js'

/** As `group`: the record has no key. */
export const NO_GROUP = -1
/** As `timeMs`: the record has no event time. */
export const NO_TIME = Number.NaN

export class Collector {
  /** Records collected, 0 … BATCH_RECORDS_MAX. */
  size = 0
  #records: unknown[] = new Array(BATCH_RECORDS_MAX)
  /** Only meaningful where `#keyed` or `#grouped` says so. */
  #keys: unknown[] = new Array(BATCH_RECORDS_MAX)
  readonly #groups = new Uint16Array(BATCH_RECORDS_MAX)
  /** Made with the first record that has a time. */
  #times: Float64Array | null = null
  #keyed = false
  #grouped = false
  #timed = false

  /**
   * Adds one record; `group` is NO_GROUP outside the scope of a key, `timeMs` NO_TIME on a stream
   * without event time. Returns the new size.
   */
  add(record: unknown, key: unknown, group: number, timeMs: number): number {
    const position = this.size
    if (position === 0) {
      this.#grouped = group !== NO_GROUP
      this.#keyed = this.#grouped
      this.#timed = !Number.isNaN(timeMs)
      if (this.#timed) this.#times ??= new Float64Array(BATCH_RECORDS_MAX)
    }
    this.#records[position] = record
    if (group !== NO_GROUP) {
      this.#keys[position] = key
      this.#groups[position] = group
    }
    if (this.#timed) this.#times![position] = timeMs
    this.size = position + 1
    return position + 1
  }

  /** Copies a small batch in; false when it does not fit, or has other columns than those here. */
  append({ records, keys, groups, times }: Batch): boolean {
    const { length } = records
    const position = this.size
    if (position + length > BATCH_RECORDS_MAX) return false
    if (position === 0) {
      this.#keyed = keys !== null
      this.#grouped = groups !== null
      this.#timed = times !== null
      if (this.#timed) this.#times ??= new Float64Array(BATCH_RECORDS_MAX)
    }
    if (this.#keyed !== (keys !== null) || this.#grouped !== (groups !== null)) return false
    if (this.#timed !== (times !== null)) return false
    for (let i = 0; i < length; i++) this.#records[position + i] = records[i]
    if (keys !== null) for (let i = 0; i < length; i++) this.#keys[position + i] = keys[i]
    if (groups !== null) this.#groups.set(groups, position)
    if (times !== null) this.#times!.set(times, position)
    this.size = position + length
    return true
  }

  /** Hands over what was collected; there must be something. */
  take(): Batch {
    assert(this.size > 0, 'a batch is never empty')
    const records = this.#records
    const keys = this.#keyed ? this.#keys : null
    records.length = this.size
    if (keys !== null) keys.length = this.size
    const groups = this.#grouped ? this.#groups.slice(0, this.size) : null
    const times = this.#timed ? this.#times!.slice(0, this.size) : null
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
      this.#timed ? this.#times!.slice(0, size) : null,
    )
  }

  clear(): void {
    this.#records = new Array(BATCH_RECORDS_MAX)
    if (this.#keyed) this.#keys = new Array(BATCH_RECORDS_MAX)
    this.size = 0
  }
}
