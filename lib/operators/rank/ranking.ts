/**
 * A ranking: the first `n` of all records seen, in order. Pure.
 *
 * A value that is replaced, never changed in place, so that it can be an accumulator: a record that does
 * not make it into the ranking costs one comparison, one that does O(n) for the new arrays.
 */
import type { Comparer, SortKey } from '../../base/sort-order.js'

/** Records in their order, and beside each what it is ordered by. */
export interface Ranking {
  readonly ranks: readonly SortKey[]
  readonly records: readonly unknown[]
}

export const NO_RANKING: Ranking = { ranks: [], records: [] }

/** With one record more, behind its equals; the same ranking where that is beyond the first `n`. */
export function ranked(
  ranking: Ranking,
  rank: SortKey,
  record: unknown,
  n: number,
  compare: Comparer<SortKey>,
): Ranking {
  const { ranks, records } = ranking
  const { length } = ranks
  // Throws for what cannot be ordered, also where there is nothing yet to compare it with.
  if (length === 0) compare(rank, rank)
  // Most records fall through here.
  if (length === n && compare(ranks[n - 1], rank) <= 0) return ranking
  const at = firstBehind(ranks, rank, compare)
  return { ranks: inserted(ranks, at, rank, n), records: inserted(records, at, record, n) }
}

/** The first `n` of both; of equals, those of `a` first. */
export function mergedRankings(
  a: Ranking,
  b: Ranking,
  n: number,
  compare: Comparer<SortKey>,
): Ranking {
  const ranks: SortKey[] = []
  const records: unknown[] = []
  let [i, j] = [0, 0]
  while (ranks.length < n && (i < a.ranks.length || j < b.ranks.length)) {
    const isOfA =
      j === b.ranks.length || (i < a.ranks.length && compare(a.ranks[i], b.ranks[j]) <= 0)
    const [from, at] = isOfA ? [a, i++] : [b, j++]
    ranks.push(from.ranks[at])
    records.push(from.records[at])
  }
  return { ranks, records }
}

/** Index of the first rank behind `rank`. */
function firstBehind(ranks: readonly SortKey[], rank: SortKey, compare: Comparer<SortKey>): number {
  let [low, high] = [0, ranks.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compare(ranks[middle], rank) <= 0) low = middle + 1
    else high = middle
  }
  return low
}

function inserted<V>(values: readonly V[], at: number, value: V, max: number): readonly V[] {
  const copy = values.slice()
  copy.splice(at, 0, value)
  if (copy.length > max) copy.length = max
  return copy
}
