import { type AsyncOptions, expansion, type Project } from './merge-map.js'
import { operate } from './operate.js'
import type { Op, Stream, Time } from './stream.js'

/**
 * As `mergeMap`, one record after the other: the next call begins when the results of the last one
 * are out. For iterables both are the same; of an async function one record is in flight per subtask.
 *
 *     concatMap(async (order: Order) => await bill(order))
 */
export function concatMap<T, R, E extends Time, Key>(
  project: (value: T, signal: AbortSignal) => Promise<R> | AsyncIterable<R> | Iterable<R>,
  options: Omit<AsyncOptions, 'concurrency' | 'ordered'> = {},
): Op<Stream<T, E, Key>, Stream<R, E, Key>> {
  const call = project as Project
  return operate(expansion('concatMap', call, options, { concurrency: 1, ordered: true }))
}
