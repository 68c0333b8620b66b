/**
 * The half of an aggregate that holds the state: one accumulator per key, or one for the stream.
 *
 * Its input is what the half before sends: accumulators where the aggregate can merge, else records
 * or their selected part. At the end it reads the state through a cursor and emits `[key, result]`,
 * batch by batch, as the gate allows; without a key, the one result.
 */
import type { OperatorFunction } from 'rxjs'
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
  const { begin, add, merge, result } = aggregation
  const { keyed, maxParallelism, errors } = context
  const accumulators = cellsOf<unknown>(context, 'accumulator')

  function fold(old: unknown, first: boolean, input: unknown): unknown {
    if (merge === null) return first ? begin(input) : add(old, input)
    return first ? input : merge(old, input)
  }

  /** An accumulator stands for many records: dropping it would drop them all. */
  function recover(error: unknown, old: unknown, first: boolean, input: unknown, key: unknown) {
    if (merge !== null) errors.fail(error, input, key)
    return errors.recover(error, input, key, () => fold(old, first, input))
  }

  function resultOf(accumulator: unknown, key: unknown): unknown {
    if (result === null) return accumulator
    try {
      return result(accumulator)
    } catch (error) {
      return errors.recover(error, accumulator, key, () => result(accumulator))
    }
  }

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
        const value = resultOf(accumulator, key)
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
          let accumulator: unknown
          try {
            accumulator = fold(old, first, records[i])
          } catch (error) {
            accumulator = recover(error, old, first, records[i], key)
            if (accumulator === SKIP) continue
          }
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
