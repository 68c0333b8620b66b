/**
 * Replacements for records whose errors were caught, until they are put into the output of the fused
 * run that failed on them: where the record's own results would stand, with its key and time.
 */
import { BATCH_RECORDS_MAX, type Batch, batch } from './signal.js'

interface Replacement {
  readonly at: number
  readonly values: readonly unknown[]
  readonly key: unknown
  readonly timeMs: number
}

export class Caught {
  #replacements: Replacement[] = []

  /** In the order in which the records failed. */
  add(at: number, values: readonly unknown[], key: unknown, timeMs: number): void {
    this.#replacements.push({ at, values, key, timeMs })
  }

  get isEmpty(): boolean {
    return this.#replacements.length === 0
  }

  /**
   * The output with its replacements, a batch at a time, until null. `output` is null where nothing
   * came out; then `like`, the input, says what comes beside records.
   */
  merge(output: Batch | null, like: Batch): () => Batch | null {
    const replacements = this.#replacements
    this.#replacements = []
    const beside = output ?? like
    const records = output?.records ?? []
    let next = 0
    let value = 0
    let at = 0
    return () => {
      const merged: unknown[] = []
      const keys: unknown[] = []
      const times: number[] = []
      while (merged.length < BATCH_RECORDS_MAX) {
        const replacement = replacements[next]
        if (replacement !== undefined && replacement.at <= at) {
          if (value === replacement.values.length) {
            next++
            value = 0
            continue
          }
          merged.push(replacement.values[value++])
          keys.push(replacement.key)
          times.push(replacement.timeMs)
        } else if (at < records.length) {
          merged.push(records[at])
          keys.push(beside.keys?.[at])
          times.push(beside.times?.[at] ?? Number.NaN)
          at++
        } else break
      }
      if (merged.length === 0) return null
      return batch(
        merged,
        beside.keys === null ? null : keys,
        null,
        beside.times === null ? null : Float64Array.from(times),
        beside.input,
      )
    }
  }
}
