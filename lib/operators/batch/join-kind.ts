/** Joins of bounded streams: what comes out, and the options and types they share. */
import { requireOneOf } from '../arguments.js'
import { combinedTraits } from '../combine/attach-all.js'
import type { CoKeyed } from '../combine/inputs.js'
import type { OperatorTraits } from '../operator.js'
import type { NeedsKey, NoKey } from '../stream.js'

/**
 * `inner`: pairs of the same key. `left`: also records of the stream without a partner; `right`: also those of
 * the other stream; `full`: both. What is missing is undefined.
 */
export type JoinKind = 'inner' | 'left' | 'right' | 'full'

/** A pair, as a join of this kind gives it. */
export type Joined<L, R, Kind extends JoinKind> = readonly [
  left: Kind extends 'right' | 'full' ? L | undefined : L,
  right: Kind extends 'left' | 'full' ? R | undefined : R,
]

/** In the compiler's message where no key of one side can equal one of the other. */
export interface NeedsEqualKeys {
  readonly 'needs keyBy(...) with the same type of key on both sides': never
}

/** False where no key of one side can equal one of the other: keys of different types never do. */
type CanMeet<Key, Other> = [Key] extends [never]
  ? true
  : [Other] extends [never]
    ? true
    : [Extract<Key, Other> | Extract<Other, Key>] extends [never]
      ? false
      : true

/** What is missing where not both streams have a key, or none could have a partner. */
export type KeyedJoin<Key, Other> = [NoKey] extends [Key | Other]
  ? CoKeyed<Key | Other> & ([Key] extends [NoKey] ? NeedsKey : unknown)
  : CanMeet<Key, Other> extends true
    ? unknown
    : NeedsEqualKeys

export const boundedJoinTraits: OperatorTraits = {
  ...combinedTraits(2),
  key: 'required',
  speaksAtEnd: true,
  insteadOfEnd:
    'use intervalJoin(…), windowJoin(…) or temporalJoin(…), which go by event time, or join(…), which keeps records for a retention',
  timeAfter: 'ended',
  saved: false,
}

export interface Kept {
  /** Records of the stream without a partner. */
  readonly left: boolean
  /** Those of the other stream. */
  readonly right: boolean
}

/** Throws E_BAD_ARGUMENT. */
export function keptBy(operator: string, kind: JoinKind): Kept {
  requireOneOf(operator, 'kind', kind, ['inner', 'left', 'right', 'full'])
  return {
    left: kind === 'left' || kind === 'full',
    right: kind === 'right' || kind === 'full',
  }
}
