import { requireSyncFunction } from './arguments.js'
import { operate } from './operate.js'
import type { OperatorOptions } from './operator.js'
import { recordWise } from './record-wise.js'
import type { Op, Stream, Time } from './stream.js'

/**
 * Sets the key: what follows means "per key", and all records of a key meet in one subtask. Keys are
 * compared by value (`lib/base/key.ts`): primitives, dates, and arrays and plain objects of them.
 * `selector` must give the same key for the same record each time it is called. Keeps no state.
 *
 *     keyBy((bid: Bid) => bid.auction)
 *     keyBy((bid: Bid) => [bid.auction, bid.channel])
 */
export function keyBy<T, const Key, E extends Time>(
  selector: (value: T) => Key,
  options: OperatorOptions = {},
): Op<Stream<T, E, unknown>, Stream<T, E, Key>> {
  requireSyncFunction('keyBy', 'selector', selector)
  return operate(recordWise('keyBy', { kind: 'keyBy', call: selector }, options))
}
