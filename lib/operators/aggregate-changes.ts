/**
 * The half of an aggregate that holds the state and speaks whenever that changes: `[key, { before, after }]`.
 *
 * What it takes has been folded for a while by the half before, where the aggregate can merge: so one
 * change stands for many records.
 */
import type { OperatorFunction } from 'rxjs'
import { accumulating } from './accumulate.js'
import type { Aggregation } from './aggregation.js'
import { cellsOf, groupAt, keysOf } from './cells.js'
import type { OperatorContext } from './operator.js'
import { SKIP } from './record-error.js'
import { batch, type Signal } from './signal.js'
import { signalOperator } from './signal-operator.js'

export function aggregateChanges(
  context: OperatorContext,
  aggregation: Aggregation,
): OperatorFunction<Signal, Signal> {
  const { keyed, maxParallelism } = context
  const accumulators = cellsOf<unknown>(context, 'accumulator')
  const { fold, result } = accumulating(context, aggregation)

  function told(accumulator: unknown, key: unknown): unknown {
    const value = result(accumulator, key)
    return value === SKIP ? undefined : value
  }

  return signalOperator((out) => ({
    batch(input) {
      const { records, groups } = input
      const keys = keysOf(context, input)
      const emitted: unknown[] = []
      for (let i = 0; i < records.length; i++) {
        const key = keys === null ? undefined : keys[i]
        const group = groupAt(keys, groups, i, maxParallelism)
        const old = accumulators.get(group, key)
        const first = old === undefined && !accumulators.has(group, key)
        const accumulator = fold(old, first, records[i], key)
        // Accumulators are replaced, never changed in place: the same one is the same value.
        if (accumulator === SKIP || (accumulator === old && !first)) continue
        accumulators.set(group, key, accumulator)
        const after = result(accumulator, key)
        if (after === SKIP) continue
        const before = first ? undefined : told(old, key)
        emitted.push(keyed ? [key, { before, after }] : { before, after })
      }
      context.count(records.length, emitted.length)
      if (emitted.length > 0) out.emit(batch(emitted))
    },
  }))
}
