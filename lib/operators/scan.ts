import type { OperatorFunction } from 'rxjs'
import { commonOptions, requireSyncFunction, VERSIONS } from './arguments.js'
import { cellsOf, groupAt, keysOf } from './cells.js'
import { deepFreeze } from './freeze.js'
import { operate } from './operate.js'
import type { OperatorContext, OperatorOptions } from './operator.js'
import { SKIP } from './record-error.js'
import { recordWiseTraits } from './record-wise.js'
import { batch, type Signal } from './signal.js'
import { signalOperator } from './signal-operator.js'
import type { Op, PerKey, Stream, Time } from './stream.js'

type Accumulate = (accumulated: unknown, value: unknown) => unknown

/**
 * Speaks at every record: emits `accumulate(last result, record)`, beginning with `seed`. Behind
 * `keyBy` it accumulates per key, emits `[key, result]` and ends the key's scope. Without a key it
 * runs at parallelism 1. As RxJS `scan`, without the index; without a seed (or with `undefined`) the
 * first record is emitted and is the first result. `accumulate` returns a new value: the seed is
 * frozen, so that changing it in place throws. State: one result per key.
 *
 *     keyBy((bid: Bid) => bid.auction), scan((highest, bid) => Math.max(highest, bid.price), 0)
 */
export function scan<T, A, E extends Time, Key>(
  accumulate: (accumulated: A, value: T) => A,
  seed: A,
  options?: OperatorOptions,
): Op<Stream<T, E, Key>, Stream<PerKey<Key, A>, E>>
export function scan<T, E extends Time, Key>(
  accumulate: (accumulated: T, value: T) => T,
  seed?: undefined,
  options?: OperatorOptions,
): Op<Stream<T, E, Key>, Stream<PerKey<Key, T>, E>>
export function scan<T, A, E extends Time, Key>(
  accumulate: (accumulated: A, value: T) => A,
  seed?: A,
  options: OperatorOptions = {},
): Op<Stream<T, E, Key>, Stream<PerKey<Key, A>, E>> {
  requireSyncFunction('scan', 'accumulate', accumulate)
  deepFreeze(seed)
  return operate({
    kind: 'scan',
    traits: { ...recordWiseTraits, keyAfter: 'ended', stateful: true, orderSensitive: true },
    options: commonOptions('scan', options, VERSIONS),
    settings: { seeded: seed !== undefined },
    functions: [accumulate],
    open: (context) => openScan(context, accumulate as Accumulate, seed),
  })
}

function openScan(
  context: OperatorContext,
  accumulate: Accumulate,
  seed: unknown,
): OperatorFunction<Signal, Signal> {
  const { keyed, maxParallelism, errors } = context
  const results = cellsOf<unknown>(context, 'result')

  function step(record: unknown, key: unknown, group: number): unknown {
    let result = results.get(group, key)
    if (result === undefined && !results.has(group, key)) {
      if (seed === undefined) return record
      result = seed
    }
    try {
      return accumulate(result, record)
    } catch (error) {
      return recover(error, result, record, key)
    }
  }

  function recover(error: unknown, result: unknown, record: unknown, key: unknown): unknown {
    return errors.recover(error, record, key, () => accumulate(result, record))
  }

  return signalOperator((out) => ({
    batch(input) {
      const { records, groups, times } = input
      const keys = keysOf(context, input)
      const emitted: unknown[] = []
      const emittedTimes = times === null ? null : new Float64Array(records.length)
      for (let i = 0; i < records.length; i++) {
        const key = keys === null ? undefined : keys[i]
        const group = groupAt(keys, groups, i, maxParallelism)
        const result = step(records[i], key, group)
        if (result === SKIP) continue
        results.set(group, key, result)
        emitted.push(keyed ? [key, result] : result)
        if (emittedTimes !== null) emittedTimes[emitted.length - 1] = times![i]!
      }
      context.count(records.length, emitted.length)
      if (emitted.length === 0) return
      const ofEmitted = emittedTimes === null ? null : emittedTimes.subarray(0, emitted.length)
      out.emit(batch(emitted, null, null, ofEmitted, input.input))
    },
  }))
}
