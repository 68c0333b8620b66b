import { requireSyncFunction } from './arguments.js'
import { operate } from './operate.js'
import type { OperatorOptions } from './operator.js'
import { recordWise } from './record-wise.js'
import type { Op, Stream, Time } from './stream.js'

/**
 * Keeps the records for which `predicate` is true; a type guard narrows the record's type. Keeps the
 * key and no state. As RxJS `filter`, without the index.
 *
 *     filter((bid: Bid) => bid.price > 100)
 *     filter((field): field is string => field !== undefined)
 */
export function filter<T, S extends T, E extends Time, Key>(
  predicate: (value: T) => value is S,
  options?: OperatorOptions,
): Op<Stream<T, E, Key>, Stream<S, E, Key>>
export function filter<T, E extends Time, Key>(
  predicate: (value: T) => boolean,
  options?: OperatorOptions,
): Op<Stream<T, E, Key>, Stream<T, E, Key>>
export function filter<T, E extends Time, Key>(
  predicate: (value: T) => boolean,
  options: OperatorOptions = {},
): Op<Stream<T, E, Key>, Stream<T, E, Key>> {
  requireSyncFunction('filter', 'predicate', predicate)
  return operate(recordWise('filter', { kind: 'filter', call: predicate }, options))
}
