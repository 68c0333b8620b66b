import { aggregateDefinition } from './aggregate-definition.js'
import { requireSyncFunction } from './arguments.js'
import { operate } from './operate.js'
import type { OperatorOptions } from './operator.js'
import type { Op, PerKey, ResultTime, Stream, Time } from './stream.js'

/**
 * Counts records — those for which `predicate` is true, if given — and speaks when its stream ends:
 * `[key, count]` per key behind `keyBy`, else one number, 0 for an empty stream. As RxJS `count`.
 * Partial counts are made before the exchange. State: one number per key.
 *
 *     keyBy((word: string) => word), count({ name: 'words' })
 *     count((bid: Bid) => bid.price > 100)
 */
export function count<T, E extends Time, Key>(
  options?: OperatorOptions,
): Op<Stream<T, E, Key>, Stream<PerKey<Key, number>, ResultTime<E, Key>>>
export function count<T, E extends Time, Key>(
  predicate: (value: T) => boolean,
  options?: OperatorOptions,
): Op<Stream<T, E, Key>, Stream<PerKey<Key, number>, ResultTime<E, Key>>>
export function count<T, E extends Time, Key>(
  first?: ((value: T) => boolean) | OperatorOptions,
  second: OperatorOptions = {},
): Op<Stream<T, E, Key>, Stream<PerKey<Key, number>, ResultTime<E, Key>>> {
  const predicate = (typeof first === 'object' ? undefined : first) as
    | ((value: unknown) => boolean)
    | undefined
  const options = typeof first === 'object' ? first : second
  if (predicate !== undefined) requireSyncFunction('count', 'predicate', predicate)
  const one = predicate === undefined ? () => 1 : (value: unknown) => (predicate(value) ? 1 : 0)
  const aggregation = {
    begin: one,
    add: (counted: unknown, value: unknown) => (counted as number) + one(value),
    merge: (a: unknown, b: unknown) => (a as number) + (b as number),
    result: null,
    empty: () => 0,
    select: null,
    functions: predicate === undefined ? [] : [predicate],
  }
  return operate(aggregateDefinition('count', aggregation, options))
}
