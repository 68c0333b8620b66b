import { aggregateDefinition } from './aggregate-definition.js'
import type { Aggregation } from './aggregation.js'
import { requireSyncFunction } from './arguments.js'
import { operate } from './operate.js'
import type { OperatorOptions } from './operator.js'
import type { Op, PerKey, ResultTime, Stream, Time } from './stream.js'
import { numberFor } from './sum.js'

interface Mean {
  readonly sum: number
  readonly count: number
}

/**
 * The mean of numbers — `selector(record)`, or the records themselves — when its stream ends: `[key, mean]`
 * per key behind `keyBy`, else one number; nothing for an empty stream. What is no number is an error of
 * that record. Partial sums are made before the exchange. State: a sum and a count per key.
 *
 *     keyBy((bid: Bid) => bid.auction), avg((bid) => bid.price)
 */
export function avg<E extends Time, Key>(
  selector?: undefined,
  options?: OperatorOptions,
): Op<Stream<number, E, Key>, Stream<PerKey<Key, number>, ResultTime<E, Key>>>
export function avg<T, E extends Time, Key>(
  selector: (value: T) => number,
  options?: OperatorOptions,
): Op<Stream<T, E, Key>, Stream<PerKey<Key, number>, ResultTime<E, Key>>>
export function avg<T, E extends Time, Key>(
  selector?: (value: T) => number,
  options: OperatorOptions = {},
): Op<Stream<T, E, Key>, Stream<PerKey<Key, number>, ResultTime<E, Key>>> {
  if (selector !== undefined) requireSyncFunction('avg', 'selector', selector)
  const numberOf = numberFor('avg')
  const aggregation = {
    begin: (value: unknown): Mean => ({ sum: numberOf(value), count: 1 }),
    add: (mean: Mean, value: unknown): Mean => ({
      sum: mean.sum + numberOf(value),
      count: mean.count + 1,
    }),
    merge: (a: Mean, b: Mean): Mean => ({ sum: a.sum + b.sum, count: a.count + b.count }),
    result: (mean: Mean) => mean.sum / mean.count,
    empty: null,
    select: selector ?? null,
    functions: selector === undefined ? [] : [selector],
  }
  return operate(aggregateDefinition('avg', aggregation as unknown as Aggregation, options))
}
