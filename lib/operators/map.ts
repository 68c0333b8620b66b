import { requireSyncFunction } from './arguments.js'
import { operate } from './operate.js'
import type { OperatorOptions } from './operator.js'
import { recordWise } from './record-wise.js'
import type { Op, Stream, Time } from './stream.js'

/**
 * Replaces each record by `project(record)`. Keeps the key; `project` should not change the field
 * that the key was taken from. Keeps no state; record by record as RxJS `map`, without the index.
 *
 *     map((bid: Bid) => bid.price * 0.908)
 */
export function map<T, R, E extends Time, Key>(
  project: (value: T) => R,
  options: OperatorOptions = {},
): Op<Stream<T, E, Key>, Stream<R, E, Key>> {
  requireSyncFunction('map', 'project', project)
  return operate(recordWise('map', { kind: 'map', call: project }, options))
}
