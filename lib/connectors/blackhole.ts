/**
 * `blackhole`: takes everything and keeps nothing; for benchmarks and branches of side effects.
 *
 * Guarantee: idempotent, as nothing is to be seen.
 */
import type { Sink } from './sink.js'

/**
 * Takes every record and forgets it.
 *
 * @example
 * events.pipe(tap(record)).to(blackhole())
 */
export function blackhole<T = unknown>(): Sink<T> {
  return {
    kind: 'blackhole',
    label: 'blackhole',
    guarantee: 'idempotent',
    parallelism: null,
    settings: {},
    functions: [],
    open: () => ({
      write: () => true,
      flush: () => {},
      finish: async () => {},
      abort: () => {},
    }),
  }
}
