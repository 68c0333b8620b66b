import { keyBy } from '../key-by.js'
import type { OperatorOptions } from '../operator.js'
import type { Op, Stream, Time } from '../stream.js'

/**
 * `keyBy` under the name that RxJS has for it. RxJS gives a stream of streams, one per key; here what
 * follows means "per key", and there is nothing to flatten again. Keeps no state.
 *
 *     groupBy((bid: Bid) => bid.auction)
 */
export function groupBy<T, const Key, E extends Time>(
  key: (value: T) => Key,
  options: OperatorOptions = {},
): Op<Stream<T, E, unknown>, Stream<T, E, Key>> {
  return keyBy(key, options)
}
