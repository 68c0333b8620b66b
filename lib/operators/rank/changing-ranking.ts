/** A ranking per key that speaks whenever it changes. */
import type { OperatorFunction } from 'rxjs'
import type { Comparer, SortKey } from '../../base/sort-order.js'
import { cellsOf } from '../cells.js'
import type { OperatorContext } from '../operator.js'
import { SKIP } from '../record-error.js'
import type { Signal } from '../signal.js'
import { NO_RANKING, type Ranking, ranked } from './ranking.js'
import { NOTHING, speakOnChange } from './speak-on-change.js'

export interface RankingSpec {
  readonly n: number
  readonly rankOf: (record: unknown) => SortKey
  readonly compare: Comparer<SortKey>
}

export function changingRanking(
  context: OperatorContext,
  { n, rankOf, compare }: RankingSpec,
): OperatorFunction<Signal, Signal> {
  const { errors } = context
  const rankings = cellsOf<Ranking>(context, 'ranking')

  function next(ranking: Ranking, record: unknown): Ranking {
    return ranked(ranking, rankOf(record), record, n, compare)
  }

  return speakOnChange(context, (record, key, group) => {
    const ranking = rankings.get(group, key) ?? NO_RANKING
    let changed: Ranking | typeof SKIP
    try {
      changed = next(ranking, record)
    } catch (error) {
      changed = errors.recover(error, record, key, () => next(ranking, record))
    }
    if (changed === SKIP || changed === ranking) return NOTHING
    rankings.set(group, key, changed)
    return changed.records
  })
}
