/** Operators that pass a record or drop it, by what they have seen before. */
import type { OperatorFunction } from 'rxjs'
import { groupAt, keysOf } from './cells.js'
import type { OperatorContext } from './operator.js'
import { batch, type Signal } from './signal.js'
import { signalOperator } from './signal-operator.js'

/** True keeps the record. `key` is undefined and `group` 0 where there is no key. */
export type Keep = (record: unknown, key: unknown, group: number) => boolean

/** A batch of which everything is kept passes by reference. */
export function keepWhere(context: OperatorContext, keep: Keep): OperatorFunction<Signal, Signal> {
  return signalOperator((out) => ({
    batch(input) {
      const { records, groups, times } = input
      const keys = keysOf(context, input)
      let kept: unknown[] | null = null
      let keptKeys: unknown[] | null = null
      let keptTimes: Float64Array | null = null
      for (let i = 0; i < records.length; i++) {
        const key = keys === null ? undefined : keys[i]
        if (keep(records[i], key, groupAt(keys, groups, i, context.maxParallelism))) {
          if (kept !== null) kept.push(records[i])
          if (keptKeys !== null) keptKeys.push(key)
          if (kept !== null && keptTimes !== null) keptTimes[kept.length - 1] = times![i]!
        } else if (kept === null) {
          kept = records.slice(0, i)
          keptKeys = keys === null ? null : keys.slice(0, i)
          keptTimes = times === null ? null : times.slice()
        }
      }
      context.count(records.length, kept === null ? records.length : kept.length)
      if (kept === null) out.emit(input)
      else if (kept.length > 0) {
        const ofKept = keptTimes === null ? null : keptTimes.subarray(0, kept.length)
        out.emit(batch(kept, keptKeys, null, ofKept, input.input))
      }
    },
  }))
}
