/**
 * A ranking of things of which each record is a new version, known by its id.
 *
 * A version may rank lower than the one before, and then something from beyond the first n moves up: so
 * the latest version of every id is kept. As long as nobody in the ranking falls, that is not looked at.
 */
import type { OperatorFunction } from 'rxjs'
import { assertKey, canonicalKey } from '../../base/key.js'
import type { Comparer, SortKey } from '../../base/sort-order.js'
import { cellsOf } from '../cells.js'
import type { OperatorContext } from '../operator.js'
import { SKIP } from '../record-error.js'
import type { Signal } from '../signal.js'
import type { RankingSpec } from './changing-ranking.js'
import { NOTHING, speakOnChange } from './speak-on-change.js'

export interface LatestSpec extends RankingSpec {
  readonly idOf: (record: unknown) => unknown
}

/** The latest version of an id; `seen`: how many ids of the key had come before this one. */
interface Version {
  readonly id: unknown
  readonly rank: SortKey
  readonly seen: number
  readonly record: unknown
}

export function latestRanking(
  context: OperatorContext,
  { n, rankOf, idOf, compare }: LatestSpec,
): OperatorFunction<Signal, Signal> {
  const { errors, state } = context
  const versions = state.map<unknown, Version>('versions')
  /** The first n, in order; derived from the versions, and kept so that it need not be derived anew. */
  const rankings = cellsOf<readonly Version[]>(context, 'ranking')

  const inOrder: Comparer<Version> = (a, b) => compare(a.rank, b.rank) || a.seen - b.seen

  function versionOf(record: unknown, key: unknown, group: number): Version {
    const id = idOf(record)
    assertKey(id)
    const rank = rankOf(record)
    // Throws for what cannot be ordered, before anything is kept.
    compare(rank, rank)
    const { seen } = versions.get(group, key, id) ?? { seen: versions.count(group, key) }
    return { id, rank, seen, record }
  }

  /** The first n of all versions. */
  function rankAnew(key: unknown, group: number): readonly Version[] {
    let first: Version[] = []
    for (const [, version] of versions.entries(group, key)) {
      first.push(version)
      // Now and then cut back to n: memory stays in proportion to the ranking.
      if (first.length >= 2 * n + 64) first = first.sort(inOrder).slice(0, n)
    }
    return first.sort(inOrder).slice(0, n)
  }

  return speakOnChange(context, (record, key, group) => {
    let version: Version | typeof SKIP
    try {
      version = versionOf(record, key, group)
    } catch (error) {
      version = errors.recover(error, record, key, () => versionOf(record, key, group))
    }
    if (version === SKIP) return NOTHING
    const { id } = version
    versions.set(group, key, id, version)
    const ranking = rankings.get(group, key) ?? []
    const canonical = canonicalKey(id)
    const before = ranking.find((other) => canonicalKey(other.id) === canonical)
    const others = before === undefined ? ranking : ranking.filter((other) => other !== before)
    const last = others.at(-1)
    const isLast = last === undefined || inOrder(version, last) > 0
    if (others.length === n && isLast) return NOTHING
    // It has fallen to the last place: another may now be before it.
    const mayGiveWay =
      ranking.length === n && isLast && before !== undefined && inOrder(before, version) < 0
    const changed = mayGiveWay
      ? rankAnew(key, group)
      : [...others, version].sort(inOrder).slice(0, n)
    rankings.set(group, key, changed)
    return changed.map((each) => each.record)
  })
}
