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

/**
 * With one record more, behind its equals; the same ranking where that is beyond the first `n`. `ties`:
 * the equals of the n-th stay, too, however many.
 */
export function ranked(
  ranking: Ranking,
  rank: SortKey,
  record: unknown,
  n: number,
  compare: Comparer<SortKey>,
  ties = false,
): Ranking {
  const { ranks, records } = ranking
  const { length } = ranks
  // Throws for what cannot be ordered, also where there is nothing yet to compare it with.
  if (length === 0) compare(rank, rank)
  // Most records fall through here.
  if (length >= n && isBeyond(compare(ranks[n - 1], rank), ties)) return ranking
  const at = firstBehind(ranks, rank, compare)
  const others = inserted(ranks, at, rank)
  const kept = ties ? firstWithTies(others, n, compare) : Math.min(n, others.length)
  others.length = kept
  const those = inserted(records, at, record)
  those.length = kept
  return { ranks: others, records: those }
}

/** The first `n` of both; of equals, those of `a` first. `ties`: and the equals of the n-th. */
export function mergedRankings(
  a: Ranking,
  b: Ranking,
  n: number,
  compare: Comparer<SortKey>,
  ties = false,
): Ranking {
  const ranks: SortKey[] = []
  const records: unknown[] = []
  let [i, j] = [0, 0]
  while (i < a.ranks.length || j < b.ranks.length) {
    const isOfA =
      j === b.ranks.length || (i < a.ranks.length && compare(a.ranks[i], b.ranks[j]) <= 0)
    const [from, at] = isOfA ? [a, i++] : [b, j++]
    if (ranks.length >= n && !(ties && compare(ranks[n - 1], from.ranks[at]) === 0)) break
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

/** `order`: of the n-th and another. */
const isBeyond = (order: number, ties: boolean): boolean => order < 0 || (order === 0 && !ties)

/** How many are the first `n`, or equal to the n-th. */
function firstWithTies(ranks: readonly SortKey[], n: number, compare: Comparer<SortKey>): number {
  if (ranks.length <= n) return ranks.length
  let kept = n
  while (kept < ranks.length && compare(ranks[n - 1], ranks[kept]) === 0) kept++
  return kept
}

function inserted<V>(values: readonly V[], at: number, value: V): V[] {
  const copy = values.slice()
  copy.splice(at, 0, value)
  return copy
}
