import { operate } from './operate.js'
import type { OperatorOptions } from './operator.js'
import { recordWise } from './record-wise.js'
import type { Op, Stream, Time } from './stream.js'

/**
 * Drops every record; the end passes. As RxJS `ignoreElements`. Keeps no state.
 *
 *     ignoreElements()
 */
export function ignoreElements<T, E extends Time, Key>(
  options: OperatorOptions = {},
): Op<Stream<T, E, Key>, Stream<never, E, Key>> {
  return operate(recordWise('ignoreElements', { kind: 'filter', call: () => false }, options))
}
