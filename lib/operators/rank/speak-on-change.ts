/** Operators that give, for some records, what they now hold of the record's key; as `scan` does. */
import type { OperatorFunction } from 'rxjs'
import { groupAt, keysOf } from '../cells.js'
import type { OperatorContext } from '../operator.js'
import { batch, type Signal } from '../signal.js'
import { signalOperator } from '../signal-operator.js'

/** Nothing is said. */
export const NOTHING = Symbol('nothing')

/** What to say at this record. `key` is undefined and `group` 0 where there is no key. */
export type Say = (record: unknown, key: unknown, group: number) => unknown

/** Emits `[key, said]`, or what was said where there is no key, with the record's time. */
export function speakOnChange(
  context: OperatorContext,
  say: Say,
): OperatorFunction<Signal, Signal> {
  const { keyed, maxParallelism } = context
  return signalOperator((out) => ({
    batch(input) {
      const { records, groups, times } = input
      const keys = keysOf(context, input)
      const emitted: unknown[] = []
      const emittedTimes = times === null ? null : new Float64Array(records.length)
      for (let i = 0; i < records.length; i++) {
        const key = keys === null ? undefined : keys[i]
        const said = say(records[i], key, groupAt(keys, groups, i, maxParallelism))
        if (said === NOTHING) continue
        if (emittedTimes !== null) emittedTimes[emitted.length] = times![i]!
        emitted.push(keyed ? [key, said] : said)
      }
      context.count(records.length, emitted.length)
      if (emitted.length === 0) return
      const ofEmitted = emittedTimes === null ? null : emittedTimes.subarray(0, emitted.length)
      out.emit(batch(emitted, null, null, ofEmitted, input.input))
    },
  }))
}
