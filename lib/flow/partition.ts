/**
 * Partitioners: how records spread over the subtasks of the operator that follows. They have no
 * parallelism of their own and no code at run time: they say how an edge is made. A key's scope ends
 * at each of them.
 */
import { callSite } from '../base/call-site.js'
import type { AnyStream, Op, Stream, Time } from '../operators/stream.js'
import type { PartitionFunction } from './composed.js'
import { StreamHandle } from './stream-handle.js'

/** In turn to every subtask: evens out the load. */
export function rebalance<T, E extends Time>(): Op<Stream<T, E, unknown>, Stream<T, E>> {
  return partition('rebalance', null)
}

/** In turn to the subtasks nearby: fewer channels than `rebalance`; skew of the senders stays. */
export function rescale<T, E extends Time>(): Op<Stream<T, E, unknown>, Stream<T, E>> {
  return partition('rescale', null)
}

/** Each record to a subtask chosen at random. */
export function shuffle<T, E extends Time>(): Op<Stream<T, E, unknown>, Stream<T, E>> {
  return partition('shuffle', null)
}

/** Every record to every subtask. */
export function broadcast<T, E extends Time>(): Op<Stream<T, E, unknown>, Stream<T, E>> {
  return partition('broadcast', null)
}

/** All records to one subtask; what follows runs at parallelism 1 unless it says otherwise. */
export function global<T, E extends Time>(): Op<Stream<T, E, unknown>, Stream<T, E>> {
  return partition('global', null)
}

/**
 * Each record to the subtask that `choose` names: a whole number, 0 ≤ result < `parallelism`.
 *
 *     partitionBy((order, parallelism) => order.warehouse % parallelism)
 */
export function partitionBy<T, E extends Time>(
  choose: (record: T, parallelism: number) => number,
): Op<Stream<T, E, unknown>, Stream<T, E>> {
  return partition('partitionBy', choose)
}

function partition(kind: string, choose: PartitionFunction | null): Op<AnyStream, AnyStream> {
  const site = callSite()
  const functions = choose === null ? [] : [choose]
  const runtime = { role: 'partition', partition: choose } as const
  return (stream) =>
    StreamHandle.join([stream], { role: 'partition', kind, functions }, runtime, site)
}
