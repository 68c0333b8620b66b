import { type Direction, type SortKey, sortKeyComparer } from '../../base/sort-order.js'
import { aggregateDefinition } from '../aggregate-definition.js'
import type { Aggregation } from '../aggregation.js'
import {
  commonOptions,
  requireBoolean,
  requireCount,
  requireOneOf,
  requireSyncFunction,
} from '../arguments.js'
import { operate } from '../operate.js'
import type { OperatorDefinition, OperatorOptions } from '../operator.js'
import { recordWiseTraits } from '../record-wise.js'
import type { AnyStream, Op, PerKey, ResultTime, Stream, Time } from '../stream.js'
import { changingRanking } from './changing-ranking.js'
import { latestRanking } from './latest-ranking.js'
import { mergedRankings, NO_RANKING, type Ranking, ranked } from './ranking.js'

/** Options of `topN` where it speaks when its stream or window ends. */
export interface TopNOptions<T> extends OperatorOptions {
  /** What the records are ordered by. */
  readonly by: (record: T) => SortKey
  /** `desc` (default): the greatest first; `asc`: the smallest first. */
  readonly order?: Direction
  /** True: records equal to the n-th are given, too, however many. Default false. */
  readonly ties?: boolean
  readonly emit?: 'final'
}

/** Options of `topN` where it speaks at every record that changes the ranking. */
export interface ChangingTopNOptions<T> extends Omit<TopNOptions<T>, 'emit' | 'ties'> {
  readonly emit: 'changes'
  /**
   * Records with the same id are versions of one thing, and only the latest version counts. Compared as
   * keys are.
   */
  readonly id?: (record: T) => unknown
}

const N_MAX = 10_000

/**
 * The first `n` records in the order of `by`, greatest first; of equals those that came first.
 *
 * By default an aggregate: it speaks when its stream or window ends, `[key, records]` per key behind
 * `keyBy`, a `WindowResult` behind `window`, else one array, empty for an empty stream. Partial rankings
 * are made before the exchange; where records come from several subtasks, which of equals came first is
 * open. With `ties` the equals of the last are given, too: SQL's FETCH FIRST … WITH TIES. State: `n`
 * records per key, and their equals.
 *
 * With `emit: 'changes'` it speaks at every record that changes the ranking, as `scan` does, and gives
 * the whole ranking each time: the later one replaces the earlier. Without a key it then runs at
 * parallelism 1. With `id` a record replaces the one with its id, also where it falls behind by that; of
 * equals the id seen first comes first. State then: the latest record of every id, for ever.
 *
 * A restore goes on with the records that were among the first then, also where `n`, `by` or `order` is another now: what
 * had fallen out stays out.
 *
 *     keyBy((bid: Bid) => bid.auction), topN(3, { by: (bid) => bid.price })
 *     topN(10, { by: (bid: Bid) => bid.price, id: (bid) => bid.auction, emit: 'changes' })
 *
 * @example
 * const best = collect<readonly number[]>()
 * await runTest(
 *   pipeline('best', (flow) =>
 *     flow.from(fromArray([3, 9, 4, 7])).pipe(topN(2, { by: (n) => n })).to(best),
 *   ),
 * )
 * best.records // [[9, 7]]
 */
export function topN<T, E extends Time, Key>(
  n: number,
  options: TopNOptions<T>,
): Op<Stream<T, E, Key>, Stream<PerKey<Key, readonly T[]>, ResultTime<E, Key>>>
export function topN<T, E extends Time, Key>(
  n: number,
  options: ChangingTopNOptions<T>,
): Op<Stream<T, E, Key>, Stream<PerKey<Key, readonly T[]>, E>>
export function topN(
  n: number,
  options: TopNOptions<never> | ChangingTopNOptions<never>,
): Op<AnyStream, AnyStream> {
  const { by, order = 'desc', emit = 'final' } = options
  const { id } = options as ChangingTopNOptions<never>
  const { ties = false } = options as TopNOptions<never>
  requireCount('topN', 'n', n, 1, N_MAX)
  requireSyncFunction('topN', 'by', by)
  requireOneOf('topN', 'order', order, ['asc', 'desc'])
  requireOneOf('topN', 'emit', emit, ['final', 'changes'])
  requireBoolean('topN', 'ties', ties)
  if (ties) requireOneOf('topN', 'emit, where ties are given,', emit, ['final'])
  if (id !== undefined) requireOneOf('topN', 'emit, where there is an id,', emit, ['changes'])
  const common = commonOptions('topN', options, ['by', 'order', 'ties', 'emit', 'id'])
  const rankOf = by as (record: unknown) => SortKey
  const settings = { n, order, emit, ...(ties && { ties }), ...(id !== undefined && { id: true }) }
  if (emit === 'final') {
    const definition = aggregateDefinition('topN', topNAggregation(n, rankOf, order, ties), common)
    return operate({ ...definition, settings })
  }
  if (id !== undefined) requireSyncFunction('topN', 'id', id)
  const compare = sortKeyComparer(order)
  const idOf = id as ((record: unknown) => unknown) | undefined
  const definition: OperatorDefinition = {
    kind: 'topN',
    traits: { ...recordWiseTraits, keyAfter: 'ended', stateful: true, orderSensitive: true },
    options: common,
    settings,
    functions: id === undefined ? [by] : [by, id],
    open: (context) =>
      idOf === undefined
        ? changingRanking(context, { n, rankOf, compare })
        : latestRanking(context, { n, rankOf, idOf, compare }),
  }
  return operate(definition)
}

function topNAggregation(
  n: number,
  rankOf: (record: unknown) => SortKey,
  order: Direction,
  ties: boolean,
): Aggregation {
  const compare = sortKeyComparer(order)
  const add = (ranking: unknown, record: unknown) =>
    ranked(ranking as Ranking, rankOf(record), record, n, compare, ties)
  return {
    begin: (record) => add(NO_RANKING, record),
    add,
    merge: (a, b) => mergedRankings(a as Ranking, b as Ranking, n, compare, ties),
    result: (ranking) => (ranking as Ranking).records,
    empty: () => [],
    select: null,
    functions: [rankOf],
  }
}
