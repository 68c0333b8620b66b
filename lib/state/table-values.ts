/** What the entries of a table lie in, by canonical form: all of these do what a Map does. */
import type { CanonicalKey } from '../base/key.js'
import { type EntryCursor, MapCursor, RowCursor } from './entry-cursor.js'
import { type PairCursor, PairMap } from './pair-map.js'
import { RowTable } from './row-table.js'

/** On the heap. */
export type HeapValues<V> = Map<CanonicalKey, V> | PairMap<V>

export type Values<V> = HeapValues<V> | RowTable<V>

/** Stands for no value. */
export const ABSENT = Symbol('absent')
export type Absent = typeof ABSENT

/** `from`, `until`: of a map of pairs; null: from the beginning, to the end. *Caller must* end it. */
export function cursorOf<V>(
  values: Values<V>,
  from: PairCursor<V> | null = null,
  until: PairCursor<V> | null = null,
): EntryCursor<V> {
  if (values instanceof PairMap) return values.cursor(from, until)
  return values instanceof RowTable ? new RowCursor(values.entries()) : new MapCursor(values)
}

/** What lies there. `until`: of a map of pairs, where those begin that do not count; null: all count. */
export function valueIn<V>(
  values: Values<V>,
  form: CanonicalKey,
  until: PairCursor<V> | null,
): V | Absent {
  if (until !== null) {
    const pairs = values as PairMap<V>
    const value = pairs.getBefore(form, until)
    return value !== undefined || !pairs.isNewSince(form, until) ? (value as V) : ABSENT
  }
  const value = values instanceof RowTable ? values.peek(form) : values.get(form)
  return value !== undefined || values.has(form) ? (value as V) : ABSENT
}
