/**
 * A table as it was when the epoch began, however it changes meanwhile; while none is read: as it is.
 *
 * It is what lies in the table, or lay there until it was cleared; without what has come since; with what the
 * journal has noted of each key laid over it; and with what is not met there any more, because it was deleted.
 * The journal is asked for anew in each step: it may begin, and does get longer, while a walk pauses.
 *
 * Functions, not a class: V8 forgets the shape of objects of which none is there between two snapshots, and with
 * it all code that was compiled for them.
 */
import type { CanonicalKey } from '../base/key.js'
import type { Pace } from '../base/pace.js'
import { type EntryCursor, MapCursor } from './entry-cursor.js'
import type { Journal } from './journal.js'
import type { KeyTable } from './key-table.js'
import { type PairCursor, PairMap } from './pair-map.js'
import { RowTable } from './row-table.js'
import { ABSENT, type Absent, cursorOf, type Values, valueIn } from './table-values.js'
import { noteOf } from './table-world.js'

/** Takes what a key had when the epoch began; null where that is done at once. */
export type Give<N> = (key: unknown, now: N) => Generator<void> | null

/** What keys had that have changed since. */
type Changed<N> = ReadonlyMap<CanonicalKey, N | Absent>

/** Of a walk: every entry has been given. */
const OVER: unique symbol = Symbol('over')

/** Gives all entries; one may come twice. `from`: of a map of pairs, from there on. */
export function* frozenEntries<V, N>(
  table: KeyTable<V, N>,
  give: Give<N>,
  pace: Pace,
  from: PairCursor<V> | null = null,
): Generator<void> {
  const entries = cursorOf(valuesOf(table), from, table.markNewcomers())
  try {
    for (;;) {
      const steps = giveOn(table, entries, give, pace)
      if (steps === OVER) break
      if (steps !== null) yield* steps
      if (pace.left <= 0) yield
    }
  } finally {
    entries.end()
  }
  const undo = undoOf(table)
  for (const form of undo?.removed ?? []) {
    const steps = give(table.keyOf(form), undo!.changed.get(form) as N)
    if (steps !== null) yield* steps
    if (--pace.left <= 0) yield
  }
}

/**
 * Gives entries until the pace is used up, or one of them takes steps of its own, which are returned. Not in
 * the generator itself, where V8 makes an object for each of them.
 */
function giveOn<V, N>(
  table: KeyTable<V, N>,
  entries: EntryCursor<V>,
  give: Give<N>,
  pace: Pace,
): Generator<void> | null | typeof OVER {
  const changed = undoOf(table)?.changed ?? null
  while (pace.left > 0) {
    if (!entries.next()) return OVER
    const was = wasWith(table, changed, entries.form, entries.value)
    pace.left--
    if (was === ABSENT) continue
    const steps = give(entries.key ?? table.keyOf(entries.form), was)
    if (steps !== null) return steps
  }
  return null
}

/**
 * As `frozenEntries`, in one go: in a fraction of the time. Returns how many there are at most; −1 where that is
 * more than `max`, or they lie in rows: none is given.
 */
export function frozenAtOnce<V, N>(
  table: KeyTable<V, N>,
  give: (key: unknown, now: N) => void,
  max: number,
): number {
  const values = valuesOf(table)
  const undo = undoOf(table)
  const count = values.size + (undo?.removed?.size ?? 0)
  if (values instanceof RowTable || count > max) return -1
  const changed = undo?.changed ?? null
  const take = (value: V, form: CanonicalKey): void => {
    const was = wasWith(table, changed, form, value)
    if (was !== ABSENT) give(table.keyOf(form), was)
  }
  // For a cursor over pairs, V8 makes an object of each form.
  if (values instanceof PairMap) values.forEach(take, table.markNewcomers())
  else {
    const entries = new MapCursor(values)
    while (entries.next()) take(entries.value, entries.form)
  }
  for (const form of undo?.removed ?? []) take(undefined as V, form)
  return count
}

/**
 * Fills in what `count` keys had. They lie anywhere in memory: while look-ups follow each other, with nothing in
 * between, a processor waits for several at a time.
 */
export function lookUpFrozen<V, N>(
  table: KeyTable<V, N>,
  forms: readonly CanonicalKey[],
  count: number,
  was: (N | Absent)[],
): void {
  const values = valuesOf(table)
  const newcomers = table.markNewcomers()
  const found = was as (V | Absent)[]
  for (let i = 0; i < count; i++) found[i] = valueIn(values, forms[i]!, newcomers)
  const changed = undoOf(table)?.changed ?? null
  for (let i = 0; i < count; i++) {
    const value = found[i]!
    const isThere = value !== ABSENT || changed?.has(forms[i]!)
    was[i] = isThere ? wasWith(table, changed, forms[i]!, value as V) : ABSENT
  }
}

/** What a walk goes through. */
export const valuesOf = <V, N>(table: KeyTable<V, N>): Values<V> =>
  undoOf(table)?.cleared?.values ?? table.values

/** What has changed since the beginning that is being read; null where nothing has. */
function undoOf<V, N>({ journal, world }: KeyTable<V, N>): Journal<V, N> | null {
  const { now, reading } = world.epochs
  return reading && journal !== null && journal.epoch === now ? journal : null
}

/** What a key had. `value`: what lies there; `changed`: since then. */
function wasWith<V, N>(
  { world }: KeyTable<V, N>,
  changed: Changed<N> | null,
  form: CanonicalKey,
  value: V,
): N | Absent {
  if (changed !== null && changed.size > 0) {
    const was = changed.get(form)
    if (was !== undefined || changed.has(form)) return was as N | Absent
  }
  return noteOf(world, value)
}
