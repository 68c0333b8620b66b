/**
 * What a table was at the beginning of an epoch, as far as it has changed since: of each key that was
 * changed, what it had before. So the table at the beginning of this epoch is the table as it is with
 * the journal of this epoch laid over it, and the keys of the journals before are what has changed.
 */
import type { CanonicalKey } from '../base/key.js'
import { RowTable } from './row-table.js'

/** Stands for no value. */
export const ABSENT = Symbol('absent')
export type Absent = typeof ABSENT

/** All that a table held when it was cleared. */
export interface Cleared<V> {
  readonly values: Map<CanonicalKey, V> | RowTable<V>
  readonly keys: ReadonlyMap<CanonicalKey, unknown> | null
}

/** A table of so few keys is written anew as a whole: noting each change of it costs more. */
const SMALL = 64

/** `N`: what is kept of a value `V`. */
export class Journal<V, N> {
  readonly epoch: number
  /** That of the last epoch before in which the table has changed, as long as it is needed. */
  older: Journal<V, N> | null
  /** As it was at the beginning of the epoch; complete until the table is cleared. */
  readonly changed = new Map<CanonicalKey, N | Absent>()
  /** Keys changed when nobody had to know any more what they had before. */
  touched: Set<CanonicalKey> | null = null
  /** So much has changed that keys are not noted any more. */
  isWhole = false
  /** Keys that were deleted while the epoch's beginning was being read: a walk does not meet them. */
  removed: Set<CanonicalKey> | null = null
  /** Of keys that were deleted: those that are not their own canonical form. */
  keys: Map<CanonicalKey, unknown> | null = null
  cleared: Cleared<V> | null = null

  constructor(epoch: number, older: Journal<V, N> | null) {
    this.epoch = epoch
    this.older = older
  }

  /** True where the keys that were changed are not known. */
  get isOpen(): boolean {
    return this.isWhole || this.cleared !== null
  }

  has(canonical: CanonicalKey): boolean {
    return this.changed.has(canonical) || this.touched?.has(canonical) === true
  }

  /** All keys that were changed, each once. */
  *keysChanged(): IterableIterator<CanonicalKey> {
    yield* this.changed.keys()
    if (this.touched === null) return
    for (const canonical of this.touched) if (!this.changed.has(canonical)) yield canonical
  }

  /**
   * `size`: of the table; `max`: keys that are noted at most. Caller must know that nobody has to know what
   * the key had before.
   */
  touch(canonical: CanonicalKey, size: number, max = Number.POSITIVE_INFINITY): void {
    if (size > SMALL) {
      this.touched ??= new Set()
      this.touched.add(canonical)
      const count = this.touched.size + this.changed.size
      if (count * 2 < size && count <= max) return
    }
    this.noteNoMore()
  }

  /** Caller must know that the beginning of its epoch is read by nobody any more. */
  noteNoMore(): void {
    this.isWhole = true
    this.changed.clear()
    this.touched = null
    this.removed = null
    this.keys = null
  }

  /** The key that has this canonical form, if it was deleted in this epoch or before. */
  keyOf(canonical: CanonicalKey): unknown {
    for (let at: Journal<V, N> | null = this; at !== null; at = at.older) {
      const key = at.keys?.get(canonical) ?? clearedKey(at.cleared, canonical)
      if (key !== undefined) return key
    }
    return undefined
  }
}

function clearedKey<V>(cleared: Cleared<V> | null, canonical: CanonicalKey): unknown {
  if (cleared === null) return undefined
  const { values, keys } = cleared
  return values instanceof RowTable ? values.keyFor(canonical) : keys?.get(canonical)
}

/** The journals without those of epochs before `needed`. */
export function pruned<V, N>(newest: Journal<V, N> | null, needed: number): Journal<V, N> | null {
  if (newest === null || newest.epoch < needed) return null
  newest.older = pruned(newest.older, needed)
  return newest
}
