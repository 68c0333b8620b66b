import { requireSyncFunction } from './arguments.js'
import { operate } from './operate.js'
import type { OperatorOptions } from './operator.js'
import { recordWise } from './record-wise.js'
import type { Op, Stream, Time } from './stream.js'

/**
 * Calls `look` with each record and passes the record on unchanged. For looking, not for output: after
 * a failure records are processed again, and `look` sees them again. Keeps the key and no state.
 *
 *     tap((line) => console.error('seen', line))
 */
export function tap<T, E extends Time, Key>(
  look: (value: T) => void,
  options: OperatorOptions = {},
): Op<Stream<T, E, Key>, Stream<T, E, Key>> {
  requireSyncFunction('tap', 'look', look)
  return operate(recordWise('tap', { kind: 'tap', call: look }, options))
}
