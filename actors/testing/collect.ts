/** A sink that keeps what it gets, for tests in one thread. */
import type { Sink } from '../../lib/connectors/sink.js'

/** A sink that keeps what it was given. */
export interface Collected<T> extends Sink<T> {
  /** What has arrived so far, in order of arrival; a replay after a failure adds to it. */
  readonly records: readonly T[]
  /** Forgets it. */
  clear(): void
}

/**
 * Collects records in memory. Guarantee: at least once; nothing is removed when a region restarts.
 *
 * @example
 * const words = collect<string>()
 * await runTest(pipeline('test', (flow) => flow.from(fromArray(['a', 'b'])).to(words)))
 * words.records // ['a', 'b']
 */
export function collect<T>(): Collected<T> {
  const records: T[] = []
  return {
    kind: 'collect',
    label: 'collect',
    guarantee: 'at-least-once',
    parallelism: null,
    settings: {},
    functions: [],
    records,
    clear() {
      records.length = 0
    },
    open: () => ({
      write(batch) {
        records.push(...batch)
        return true
      },
      flush() {},
      async finish() {},
      abort() {},
    }),
  }
}
