/** Results on their way into one batch, with their keys, key groups and times where they have some. */
import { BATCH_RECORDS_MAX, type Batch, batch } from '../signal.js'

/** As `time`: the stream has no event time. */
export const NO_TIME = Number.NaN

export class Results {
  #records: unknown[] = []
  #keys: unknown[] = []
  #groups: number[] = []
  #times: number[] = []
  readonly #keyed: boolean

  constructor(keyed: boolean) {
    this.#keyed = keyed
  }

  /** Results that still fit into the batch. */
  get room(): number {
    return BATCH_RECORDS_MAX - this.#records.length
  }

  push(record: unknown, key: unknown, group: number, time: number): void {
    this.#records.push(record)
    if (this.#keyed) {
      this.#keys.push(key)
      this.#groups.push(group)
    }
    if (!Number.isNaN(time)) this.#times.push(time)
  }

  /** Hands over what there is, with times where all have one; null when there is nothing. */
  take(): Batch | null {
    if (this.#records.length === 0) return null
    const taken = batch(
      this.#records,
      this.#keyed ? this.#keys : null,
      this.#keyed ? Uint16Array.from(this.#groups) : null,
      this.#times.length === this.#records.length ? new Float64Array(this.#times) : null,
    )
    this.#records = []
    this.#keys = []
    this.#groups = []
    this.#times = []
    return taken
  }
}
