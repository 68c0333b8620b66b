import { aggregateDefinition } from './aggregate-definition.js'
import { requireSyncFunction } from './arguments.js'
import { deepFreeze } from './freeze.js'
import { operate } from './operate.js'
import type { OperatorOptions } from './operator.js'
import type { Op, PerKey, ResultTime, Stream, Time } from './stream.js'

/**
 * Folds all records into one result, beginning with `seed`, and speaks when its stream ends:
 * `[key, result]` per key behind `keyBy`, else one result. As RxJS `reduce`, without the index; an
 * empty stream gives the seed; without a seed (or with `undefined`) the first record is the first
 * result, and an empty stream gives nothing. `accumulate` returns a new value: the seed is frozen, so
 * that changing it in place throws. Without a key it runs at parallelism 1; where partial results can
 * be merged, `aggregate` is faster. State: one result per key.
 *
 *     keyBy((bid: Bid) => bid.auction), reduce((bids: number, bid) => bids + bid.price, 0)
 */
export function reduce<T, A, E extends Time, Key>(
  accumulate: (accumulated: A, value: T) => A,
  seed: A,
  options?: OperatorOptions,
): Op<Stream<T, E, Key>, Stream<PerKey<Key, A>, ResultTime<E, Key>>>
export function reduce<T, E extends Time, Key>(
  accumulate: (accumulated: T, value: T) => T,
  seed?: undefined,
  options?: OperatorOptions,
): Op<Stream<T, E, Key>, Stream<PerKey<Key, T>, ResultTime<E, Key>>>
export function reduce<T, A, E extends Time, Key>(
  accumulate: (accumulated: A, value: T) => A,
  seed?: A,
  options: OperatorOptions = {},
): Op<Stream<T, E, Key>, Stream<PerKey<Key, A>, ResultTime<E, Key>>> {
  requireSyncFunction('reduce', 'accumulate', accumulate)
  deepFreeze(seed)
  const add = accumulate as (accumulated: unknown, value: unknown) => unknown
  const seeded = seed !== undefined
  const aggregation = {
    begin: seeded ? (record: unknown) => add(seed, record) : (record: unknown) => record,
    add,
    merge: null,
    result: null,
    empty: seeded ? () => seed : null,
    select: null,
    functions: [accumulate],
  }
  return operate({ ...aggregateDefinition('reduce', aggregation, options), settings: { seeded } })
}
