import { aggregateDefinition } from './aggregate-definition.js'
import { requireSyncFunction } from './arguments.js'
import { operate } from './operate.js'
import type { OperatorOptions } from './operator.js'
import type { Op, PerKey, ResultTime, Stream, Time } from './stream.js'

/**
 * The smallest record by `comparer` (as for `Array.sort`; default: by `<`), when its stream ends:
 * `[key, record]` per key behind `keyBy`, else one record; nothing for an empty stream. As RxJS
 * `min`: of equal records the last one, in order of arrival. Partial results are made before the
 * exchange. State: one record per key.
 *
 *     keyBy((bid: Bid) => bid.auction), min((a, b) => a.price - b.price)
 */
export function min<T, E extends Time, Key>(
  comparer?: (a: T, b: T) => number,
  options: OperatorOptions = {},
): Op<Stream<T, E, Key>, Stream<PerKey<Key, T>, ResultTime<E, Key>>> {
  if (comparer !== undefined) requireSyncFunction('min', 'comparer', comparer)
  const compare = comparer as ((a: unknown, b: unknown) => number) | undefined
  const smallest =
    compare === undefined
      ? (a: unknown, b: unknown) => ((a as number) < (b as number) ? a : b)
      : (a: unknown, b: unknown) => (compare(a, b) < 0 ? a : b)
  const aggregation = {
    begin: (record: unknown) => record,
    add: smallest,
    merge: smallest,
    result: null,
    empty: null,
    select: null,
    functions: comparer === undefined ? [] : [comparer],
  }
  return operate(aggregateDefinition('min', aggregation, options))
}
