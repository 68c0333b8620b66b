import { type AsyncOptions, expansion, type Project } from './merge-map.js'
import { operate } from './operate.js'
import type { Op, Stream, Time } from './stream.js'

/** Options of `switchMap` and `exhaustMap`: those of `mergeMap` that fit. */
export type OverlapOptions = Omit<AsyncOptions, 'ordered'>

/**
 * As `mergeMap`, but a record gives up the one before it that is still in flight: its call is aborted
 * and what it has not given yet is not given. As RxJS `switchMap`; without a key it runs at parallelism
 * 1, behind `keyBy` a record gives up only one of its own key, and at most `concurrency` (16) keys are
 * in flight per subtask. What a function returns at once, an array, is always given whole. After a failure
 * records in flight are called again.
 *
 *     keyBy((bid: Bid) => bid.auction), switchMap(async (bid: Bid, signal) => (await fetch(bid.channel, { signal })).status)
 */
export function switchMap<T, R, E extends Time, Key>(
  project: (value: T, signal: AbortSignal) => Promise<R> | AsyncIterable<R> | Iterable<R>,
  options: OverlapOptions = {},
): Op<Stream<T, E, Key>, Stream<R, E, Key>> {
  return overlapping('switchMap', project as Project, options, 'latest')
}

/**
 * As `mergeMap`, but a record that comes while another is in flight is dropped. As RxJS `exhaustMap`;
 * without a key it runs at parallelism 1, behind `keyBy` only a record of the same key counts, and at
 * most `concurrency` (16) keys are in flight per subtask.
 *
 *     exhaustMap(async (order: Order) => await bill(order))
 */
export function exhaustMap<T, R, E extends Time, Key>(
  project: (value: T, signal: AbortSignal) => Promise<R> | AsyncIterable<R> | Iterable<R>,
  options: OverlapOptions = {},
): Op<Stream<T, E, Key>, Stream<R, E, Key>> {
  return overlapping('exhaustMap', project as Project, options, 'first')
}

function overlapping<In, Out>(
  kind: string,
  project: Project,
  options: OverlapOptions,
  overlap: 'latest' | 'first',
): Op<In, Out> {
  const definition = expansion(kind, project, options, { overlap })
  const traits = { ...definition.traits, orderSensitive: true }
  return operate({ ...definition, traits }) as unknown as Op<In, Out>
}
