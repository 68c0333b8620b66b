/**
 * `results`: records to the job handle's `results$`.
 *
 * - Guarantee: `at-least-once`: subscribers see a failed attempt's records again.
 * - Subtasks: as its input has; order is kept within a subtask. A slow subscriber slows the job down
 *   as far as it takes records synchronously.
 * - On a cluster a record has at most 16 MiB, encoded; a larger one fails its sink with E_RECORD_TOO_LARGE.
 */
import type { Sink } from './sink.js'

/**
 * Publishes every record on the job's `results$`.
 *
 * @example
 * counts.to(results())
 * const job = run(wordCount)
 * job.results$.subscribe((result) => console.log(result))
 */
export function results<T = unknown>(): Sink<T> {
  return {
    kind: 'results',
    label: 'results',
    guarantee: 'at-least-once',
    parallelism: null,
    settings: {},
    functions: [],
    open: (context) => ({
      write: (records) => context.publish(records),
      flush: () => {},
      finish: async () => {},
      abort: () => {},
    }),
  }
}

/** The same, by what it does. */
export const toObservable = results
