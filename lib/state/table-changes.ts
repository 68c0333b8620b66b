/**
 * What has changed in a table from the beginning of an epoch to that of the present one, by the journals of the epochs
 * between. They tell which keys were changed; what these have, the table as it was when the epoch began
 * (`frozen-table.ts`).
 */
import type { CanonicalKey } from '../base/key.js'
import type { Pace } from '../base/pace.js'
import { frozenEntries, lookUpFrozen, valuesOf } from './frozen-table.js'
import type { Journal } from './journal.js'
import type { KeyTable } from './key-table.js'
import type { PairCursor } from './pair-map.js'
import { RowTable } from './row-table.js'
import { ABSENT, type Absent } from './table-values.js'

/** Takes one key with what it had at a former snapshot and has at this one; null where that is done at once. */
export type GiveChange<N> = (
  key: unknown,
  before: N | Absent,
  now: N | Absent,
) => Generator<void> | null

/** Changed keys that are looked up together. */
const LOOK_UPS = 64

/** True where more has changed than is known by key: cleared, or most of it set. */
export function isWholeSince<V, N>({ journal, world }: KeyTable<V, N>, from: number): boolean {
  const { now } = world.epochs
  for (let at = journal; at !== null && at.epoch >= from; at = at.older) {
    if (at.epoch < now && at.isOpen) return true
  }
  return false
}

/**
 * Gives what has changed since the beginning of epoch `from`, each key once if the table `compares`. *Caller must*
 * know that the table has not changed as a whole.
 */
export function* changesSince<V, N>(
  table: KeyTable<V, N>,
  from: number,
  give: GiveChange<N>,
  pace: Pace,
): Generator<void> {
  const { journal, world } = table
  const newest = journal?.epoch === world.epochs.now ? journal.older : journal
  if (newest === null || newest.epoch < from) return
  const keys = keysChanged(newest, from)
  const forms: CanonicalKey[] = []
  const was: (N | Absent)[] = []
  // A row is given before the next is read, which may throw it out.
  const most = valuesOf(table) instanceof RowTable ? 1 : LOOK_UPS
  for (;;) {
    const count = takeNext(keys, forms, Math.min(most, pace.left))
    if (count === 0) break
    lookUpFrozen(table, forms, count, was)
    for (let i = 0; i < count; i++) {
      const form = forms[i]!
      const before = world.compares ? firstOf(newest, form, from) : (undefined as N)
      const steps = give(table.keyOf(form), before, was[i]!)
      if (steps !== null) yield* steps
      // What was looked up is as it was when the epoch began, so it may wait: a few values can fill a step.
      if (--pace.left <= 0) yield
    }
  }
  const first = newcomersSince(newest, from)
  // Which of these came since then is not known: a row of one that has not changed says what is there anyway.
  if (first !== null) yield* frozenEntries(table, (key, now) => give(key, ABSENT, now), pace, first)
}

/** Takes `most` keys or fewer, one at least, and returns how many; 0 where none are left. */
function takeNext(keys: Iterator<CanonicalKey>, forms: CanonicalKey[], most: number): number {
  let count = 0
  for (let next = keys.next(); next.done !== true; next = keys.next()) {
    forms[count++] = next.value
    if (count >= most) break
  }
  return count
}

/** Of the entries that came from the beginning of epoch `from` on the first; null: their keys are noted. */
function newcomersSince<V, N>(newest: Journal<V, N>, from: number): PairCursor<V> | null {
  let first = newest
  while (first.older !== null && first.older.epoch >= from) first = first.older
  return first.newcomers
}

/** The keys that were noted as changed from the beginning of epoch `from` on, each once. */
function keysChanged<V, N>(newest: Journal<V, N>, from: number): IterableIterator<CanonicalKey> {
  const isAlone = newest.older === null || newest.older.epoch < from
  return isAlone ? newest.keysChanged() : changedInAll(newest, from)
}

function* changedInAll<V, N>(
  newest: Journal<V, N>,
  from: number,
): Generator<CanonicalKey, undefined> {
  for (let at: Journal<V, N> | null = newest; at !== null && at.epoch >= from; at = at.older) {
    for (const form of at.keysChanged()) {
      let newer: Journal<V, N> = newest
      while (newer !== at && !newer.has(form)) newer = newer.older!
      if (newer === at) yield form
    }
  }
}

/**
 * What a key of a table that `compares` had at the beginning of epoch `from`, by the oldest journal that has
 * it. ABSENT too where none has.
 */
function firstOf<V, N>(newest: Journal<V, N>, form: CanonicalKey, from: number): N | Absent {
  let first: N | Absent = ABSENT
  for (let at: Journal<V, N> | null = newest; at !== null && at.epoch >= from; at = at.older) {
    if (at.changed.has(form)) first = at.changed.get(form) as N | Absent
  }
  return first
}
