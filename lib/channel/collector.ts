/**
 * Records on their way to one channel, collected until they fill a batch: three parallel columns,
 * built in place, so that a record costs no allocation of its own. The arrays are made at full length
 * and cut when they are handed over: growing them costs 7 ns more per record.
 */
import { assert } from '../base/assert.js'
import { BATCH_RECORDS_MAX, type Batch, batch } from '../operators/signal.js'

/** As `group`: the record has no key. */
export const NO_GROUP = -1

export class Collector {
  /** Records collected, 0 … BATCH_RECORDS_MAX. */
  size = 0
  #records: unknown[] = new Array(BATCH_RECORDS_MAX)
  /** Only meaningful where `#keyed` or `#grouped` says so. */
  #keys: unknown[] = new Array(BATCH_RECORDS_MAX)
  readonly #groups = new Uint16Array(BATCH_RECORDS_MAX)
  #keyed = false
  #grouped = false

  /** Adds one record; `group` is NO_GROUP outside the scope of a key. Returns the new size. */
  add(record: unknown, key: unknown, group: number): number {
    const position = this.size
    if (position === 0) {
      this.#grouped = group !== NO_GROUP
      this.#keyed = this.#grouped
    }
    this.#records[position] = record
    if (group !== NO_GROUP) {
      this.#keys[position] = key
      this.#groups[position] = group
    }
    this.size = position + 1
    return position + 1
  }

  /** Copies a small batch in; false when it does not fit, or has other columns than those here. */
  append({ records, keys, groups }: Batch): boolean {
    const { length } = records
    const position = this.size
    if (position + length > BATCH_RECORDS_MAX) return false
    if (position === 0) {
      this.#keyed = keys !== null
      this.#grouped = groups !== null
    }
    if (this.#keyed !== (keys !== null) || this.#grouped !== (groups !== null)) return false
    for (let i = 0; i < length; i++) this.#records[position + i] = records[i]
    if (keys !== null) for (let i = 0; i < length; i++) this.#keys[position + i] = keys[i]
    if (groups !== null) this.#groups.set(groups, position)
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
    this.clear()
    return batch(records, keys, groups)
  }

  clear(): void {
    this.#records = new Array(BATCH_RECORDS_MAX)
    if (this.#keyed) this.#keys = new Array(BATCH_RECORDS_MAX)
    this.size = 0
  }
}
