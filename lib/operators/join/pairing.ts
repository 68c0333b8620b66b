/** What a join makes of two records: a pair, or what the user's function returns. */

import { requireOneOf, requireSyncFunction } from '../arguments.js'
import { type JoinKind, type Kept, keptBy } from '../batch/join-kind.js'
import type { OperatorContext } from '../operator.js'
import { SKIP } from '../record-error.js'

/** The left record as a join of this kind gives it. */
export type LeftOf<L, Kind extends JoinKind> = Kind extends 'right' | 'full' ? L | undefined : L
/** The right record as a join of this kind gives it. */
export type RightOf<R, Kind extends JoinKind> = Kind extends 'left' | 'full' ? R | undefined : R

export type Select = (left: never, right: never) => unknown

/** The checked kind and function of a join. Throws E_BAD_ARGUMENT. */
export function pairingOf(
  operator: string,
  kind: JoinKind,
  select: Select | undefined,
  kinds: readonly JoinKind[] = ['inner', 'left', 'right', 'full'],
): Kept {
  requireOneOf(operator, 'kind', kind, kinds)
  const kept = keptBy(operator, kind)
  if (select !== undefined) requireSyncFunction(operator, 'select', select)
  return kept
}

/** Makes the result of two records; SKIP where the function has thrown and the policy says so. */
export type Pair = (left: unknown, right: unknown, key: unknown) => unknown

export function createPair({ errors }: OperatorContext, select: Select | undefined): Pair {
  if (select === undefined) return (left, right) => [left, right]
  const call = (left: unknown, right: unknown) => select(left as never, right as never)
  return (left, right, key) => {
    try {
      return call(left, right)
    } catch (error) {
      return errors.recover(error, [left, right], key, () => call(left, right))
    }
  }
}

export const isSkipped = (result: unknown): boolean => result === SKIP
