/** What the tables of one state have in common. */
import type { Epochs } from '../base/epochs.js'
import type { RowTable } from './row-table.js'

/** `N`: what is noted of a value `V` for a snapshot. */
export interface TableWorld<V, N = V> {
  readonly epochs: Epochs
  /** A copy that may be changed in place while the original stays as it is. Null: values never change. */
  readonly copy: ((value: V) => V) | null
  /** What a journal keeps of a value; null: the value. */
  readonly note: ((value: V) => N) | null
  /** True where what has changed is told by what a key had before too, not only by what it has. */
  readonly compares: boolean
  /** For values that keep notes of their own: no snapshot needs those any more. */
  readonly release: ((value: V) => void) | null
  /** Where the values lie in rows; null: in a Map. */
  readonly rows: RowWorld<V> | null
}

/** Tables that lie in rows. */
export interface RowWorld<V> {
  create(): RowTable<V>
  /** A table of so few entries is a Map, that lies in one row with what it belongs to; 0: none is. */
  readonly growAt: number
  /** Changed keys that a journal may hold: what it cannot tell is written as a whole. */
  readonly notesMax: number
}

export const noteOf = <V, N>({ note }: TableWorld<V, N>, value: V): N =>
  note === null ? (value as unknown as N) : note(value)
