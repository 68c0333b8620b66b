import { type SortKey, sortKeyComparer } from '../../base/sort-order.js'
import { aggregateDefinition } from '../aggregate-definition.js'
import type { Aggregation } from '../aggregation.js'
import { commonOptions, requireSyncFunction } from '../arguments.js'
import { operate } from '../operate.js'
import type { OperatorOptions } from '../operator.js'
import type { NeedsKey, NoKey, Op, PerKey, ResultTime, Stream, Time } from '../stream.js'

/** Options of `lastPerKey`. */
export interface LastPerKeyOptions<T> extends OperatorOptions {
  /** The last is the greatest by this, of equals the one that came last. Default: order of arrival. */
  readonly by?: (record: T) => SortKey
}

/**
 * The last record of each key, when its stream or window ends: `[key, record]`, or a `WindowResult`.
 * Flink's deduplication that keeps the last row, told once. Records of a key that come from several
 * subtasks arrive in any order: name what orders them with `by`. Partial results are made before the
 * exchange. State: one record per key.
 *
 *     keyBy((bid: Bid) => bid.auction), lastPerKey({ by: (bid) => bid.price })
 */
export function lastPerKey<T, E extends Time, Key>(
  options: LastPerKeyOptions<T> = {},
): Op<
  Stream<T, E, Key> & ([Key] extends [NoKey] ? NeedsKey : unknown),
  Stream<PerKey<Key, T>, ResultTime<E, Key>>
> {
  const { by } = options
  if (by !== undefined) requireSyncFunction('lastPerKey', 'by', by)
  const common = commonOptions('lastPerKey', options, ['by'])
  const rankOf = by as ((record: unknown) => SortKey) | undefined
  const definition = aggregateDefinition(
    'lastPerKey',
    rankOf === undefined ? lastToCome : lastBy(rankOf),
    common,
  )
  return operate({
    ...definition,
    traits: { ...definition.traits, key: 'required' },
    settings: by === undefined ? {} : { by: true },
  })
}

const later = (_earlier: unknown, last: unknown): unknown => last

const lastToCome: Aggregation = {
  begin: (record) => record,
  add: later,
  merge: later,
  result: null,
  empty: null,
  select: null,
  functions: [],
}

interface Last {
  readonly rank: SortKey
  readonly record: unknown
}

/** `by` is called once per record. */
function lastBy(rankOf: (record: unknown) => SortKey): Aggregation {
  // Descending, so that a record which is ordered by nothing is never the greatest.
  const compare = sortKeyComparer('desc')
  const begin = (record: unknown): Last => {
    const rank = rankOf(record)
    // Throws for what cannot be ordered, before anything is kept.
    compare(rank, rank)
    return { rank, record }
  }
  const merge = (a: unknown, b: unknown) =>
    compare((b as Last).rank, (a as Last).rank) <= 0 ? b : a
  return {
    begin,
    add: (last, record) => merge(last, begin(record)),
    merge,
    result: (last) => (last as Last).record,
    empty: null,
    select: null,
    functions: [rankOf],
  }
}
