/**
 * Partitioners: how records spread over the subtasks of the operator that follows. They have no
 * parallelism of their own and no code at run time: they say how an edge is made. A key's scope ends
 * at each of them.
 */
import { callSite } from '../base/call-site.js'
import { MillraceError } from '../base/errors.js'
import { type Comparer, type SortKey, sortKeyComparer } from '../base/sort-order.js'
import type { AnyStream, Op, Stream, Time } from '../operators/stream.js'
import type { PartitionFunction } from './composed.js'
import type { NodeParts } from './recorder.js'
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

/**
 * Ranges of `by`, in order, spread over the subtasks in order: a record goes before the first boundary
 * that is greater, so n boundaries make n + 1 ranges. Subtask 0 has the first ranges. With
 * `sort({ …, within: 'subtask' })` behind it a stream is sorted in parallel. Boundaries that cut the
 * records into ranges of equal size give equal work: take them from what is known of the data, or
 * from a sample. Records that are ordered by nothing (null, NaN) go to the last range.
 *
 *     partitionByRange((bid: Bid) => bid.price, [100, 1_000, 10_000])
 *
 * @throws MillraceError E_BAD_RANGES where there are no boundaries, or they are not ascending.
 */
export function partitionByRange<T, E extends Time>(
  by: (record: T) => SortKey,
  boundaries: readonly SortKey[],
): Op<Stream<T, E, unknown>, Stream<T, E>> {
  const compare = sortKeyComparer('asc')
  assertRanges(boundaries, compare)
  const ranges = boundaries.length + 1
  const chosen = (record: never, parallelism: number) => {
    const rank = by(record)
    let [low, high] = [0, boundaries.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compare(boundaries[middle], rank) <= 0) low = middle + 1
      else high = middle
    }
    return Math.floor((low * parallelism) / ranges)
  }
  const told = JSON.stringify(boundaries, (_, part) =>
    typeof part === 'bigint' ? String(part) : part,
  )
  return partition('partitionByRange', chosen, { functions: [by], settings: { boundaries: told } })
}

function assertRanges(boundaries: readonly SortKey[], compare: Comparer<SortKey>): void {
  const isAscending = (at: number) => at === 0 || compare(boundaries[at - 1], boundaries[at]) < 0
  const wrong = Array.isArray(boundaries) ? boundaries.findIndex((_, at) => !isAscending(at)) : 0
  if (wrong < 0 && boundaries.length > 0) return
  const seen = wrong > 0 ? `boundary ${wrong} is not greater than the one before` : 'there are none'
  throw new MillraceError(
    'E_BAD_RANGES',
    `partitionByRange (${callSite()()}) needs an array of ascending boundaries, at least one; ${seen}`,
  )
}

/** `facts`: what tells it from others of its kind. Default: the function that chooses. */
function partition(
  kind: string,
  choose: PartitionFunction | null,
  facts: Pick<NodeParts, 'functions' | 'settings'> = { functions: choose === null ? [] : [choose] },
): Op<AnyStream, AnyStream> {
  const site = callSite()
  const runtime = { role: 'partition', partition: choose } as const
  return (stream) =>
    StreamHandle.join([stream], { role: 'partition', kind, ...facts }, runtime, site)
}
