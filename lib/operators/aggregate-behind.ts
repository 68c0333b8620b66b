/**
 * The half of an aggregate that holds the state: one accumulator per key, or one for the stream.
 *
 * Its input is what the half before sends: accumulators where the aggregate can merge, else records
 * or their selected part. At the end it reads the state through a cursor and emits `[key, result]`,
 * batch by batch, as the gate allows; without a key, the one result.
 */
import type { OperatorFunction } from 'rxjs'
import { accumulating } from './accumulate.js'
import type { Aggregation } from './aggregation.js'
import { cellsOf, groupAt, keysOf } from './cells.js'
import type { OperatorContext } from './operator.js'
import { SKIP } from './record-error.js'
import { BATCH_RECORDS_MAX, type Batch, batch, type Signal } from './signal.js'
import { createPump, signalOperator } from './signal-operator.js'

export function aggregateBehind(
  context: OperatorContext,
  aggregation: Aggregation,
): OperatorFunction<Signal, Signal> {
  const { keyed, maxParallelism } = context
  const accumulators = cellsOf<unknown>(context, 'accumulator')
  const { fold, result } = accumulating(context, aggregation)

  /** Gives the results, at most a batch at a time. */
  function results(): () => Batch | null {
    const { empty } = aggregation
    if (!keyed && accumulators.size === 0) {
      let waiting = empty === null ? null : batch([empty()])
      return () => {
        const only = waiting
        waiting = null
        context.count(0, only === null ? 0 : 1)
        return only
      }
    }
    const entries = accumulators.entries()
    return () => {
      const emitted: unknown[] = []
      while (emitted.length < BATCH_RECORDS_MAX) {
        const entry = entries.next()
        if (entry.done) break
        const [key, accumulator] = entry.value
        const value = result(accumulator, key)
        if (value !== SKIP) emitted.push(keyed ? [key, value] : value)
      }
      context.count(0, emitted.length)
      return emitted.length === 0 ? null : batch(emitted)
    }
  }

  return signalOperator((out) => {
    const pump = createPump(context.gate, out)
    return {
      batch(input) {
        const { records, groups } = input
        const keys = keysOf(context, input)
        for (let i = 0; i < records.length; i++) {
          const key = keys === null ? undefined : keys[i]
          const group = groupAt(keys, groups, i, maxParallelism)
          const old = accumulators.get(group, key)
          const first = old === undefined && !accumulators.has(group, key)
          const accumulator = fold(old, first, records[i], key)
          if (accumulator === SKIP) continue
          // Accumulators are replaced, never changed in place: the same one is the same value.
          if (first || accumulator !== old) accumulators.set(group, key, accumulator)
        }
        context.count(records.length, 0)
      },
      end: (signal) => {
        pump.start(results(), () => out.emit(signal))
      },
    }
  })
}
