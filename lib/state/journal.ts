/**
 * What a table was at the beginning of an epoch, as far as it has changed since: of each key that was
 * changed, what it had before. So the table at the beginning of this epoch is the table as it is with
 * the journal of this epoch laid over it, and the keys of the journals before are what has changed.
 *
 * Of a table that can tell by their places which entries are new, the journal notes where these begin, and none of them:
 * of millions of new keys the notes would take as long as the keys themselves.
 */
import { type CanonicalKey, flatKey, isView } from '../base/key.js'
import type { PairCursor, PairMap } from './pair-map.js'
import { RowTable } from './row-table.js'

/** Stands for no value. */
export const ABSENT = Symbol('absent')
export type Absent = typeof ABSENT

/** All that a table held when it was cleared. */
export interface Cleared<V> {
  readonly values: Map<CanonicalKey, V> | PairMap<V> | RowTable<V>
  readonly keys: ReadonlyMap<CanonicalKey, unknown> | null
}

/** A table of so few keys is written anew as a whole: noting each change of it costs more. */
const SMALL = 64
/**
 * So is a larger one once one key in so many has changed: to look keys up one by one costs as much as to go
 * through them all.
 */
const ONE_IN = 4
/** Keys that wait, as they came, to be added to the set of those that were changed. */
const RECENT_MAX = 16_384
/** So many of the keys that wait are looked for among them before a set of all is made to count them. */
const PROBES = 8
/** A set of fewer is made as quickly. */
const PROBED_MIN = 256

/** In memory of its own: what changed a key may have cut it out of a batch. */
export const flatForm = (canonical: CanonicalKey): CanonicalKey =>
  typeof canonical === 'string' ? (flatKey(canonical) as string) : canonical

/** `N`: what is kept of a value `V`. */
export class Journal<V, N> {
  readonly epoch: number
  /** That of the last epoch before in which the table has changed, as long as it is needed. */
  older: Journal<V, N> | null
  /** As it was at the beginning of the epoch; complete until the table is cleared. */
  readonly changed = new Map<CanonicalKey, N | Absent>()
  /** Keys changed when nobody had to know any more what they had before. */
  #touched: Set<CanonicalKey> | null = null
  /**
   * The same, before they are added to that set, some of them several times. Tables of many key groups take
   * turns: to add each key to the set of its table, somewhere else in memory, takes longer than to write it.
   * Without those that may be views: of one hot key, thousands of them would each keep a batch alive.
   */
  #recent: CanonicalKey[] = []
  /** So much has changed that keys are not noted any more. */
  isWhole = false
  /** Keys that were deleted while the epoch's beginning was being read: a walk does not meet them. */
  removed: Set<CanonicalKey> | null = null
  /** Of keys that were deleted: those that are not their own canonical form. */
  keys: Map<CanonicalKey, unknown> | null = null
  cleared: Cleared<V> | null = null
  /** Where the entries begin that came in this epoch: their keys are not noted. Null: they are. */
  readonly newcomers: PairCursor<V> | null

  constructor(epoch: number, older: Journal<V, N> | null, newcomers: PairCursor<V> | null = null) {
    this.epoch = epoch
    this.older = older
    this.newcomers = newcomers
  }

  /** True where the keys that were changed are not known. */
  get isOpen(): boolean {
    return this.isWhole || this.cleared !== null
  }

  /** All keys that were changed, but for newcomers, each once. */
  keysChanged(): IterableIterator<CanonicalKey> {
    this.#settle()
    if (this.#touched === null) return this.changed.keys()
    return this.changed.size === 0 ? this.#touched.values() : this.#keysOfBoth(this.#touched)
  }

  *#keysOfBoth(touched: ReadonlySet<CanonicalKey>): Generator<CanonicalKey, undefined> {
    yield* this.changed.keys()
    for (const canonical of touched) if (!this.changed.has(canonical)) yield canonical
  }

  /** True for a key that was changed. */
  has(canonical: CanonicalKey): boolean {
    this.#settle()
    return this.changed.has(canonical) || this.#touched?.has(canonical) === true
  }

  /** Notes what a key has. Caller must know that it has not changed yet in this epoch. */
  keep(canonical: CanonicalKey, now: N | Absent): void {
    this.changed.set(flatForm(canonical), now)
  }

  /** `notesMax`: keys that are noted at most. Caller must know that nobody has to know what the key had before. */
  touch(canonical: CanonicalKey, notesMax: number): void {
    if (notesMax === 0) return this.noteNoMore()
    if (typeof canonical === 'string' && isView(canonical)) {
      this.#touched ??= new Set()
      if (this.#touched.has(canonical)) return
      this.#touched.add(flatForm(canonical))
    } else {
      const count = this.#recent.push(canonical)
      if (count < Math.min(notesMax, RECENT_MAX)) return
      // Where every key changes, the set would be most of what changing them costs, and be thrown away.
      if (count >= notesMax && seemDistinct(this.#recent)) return this.noteNoMore()
      this.#settle()
    }
    if (this.#touched!.size + this.changed.size >= notesMax) this.noteNoMore()
  }

  /** Adds the keys that wait: a set of all at once takes less than adding one by one. */
  #settle(): void {
    if (this.#recent.length === 0) return
    if (this.#touched === null) this.#touched = new Set(this.#recent)
    else for (const each of this.#recent) this.#touched.add(each)
    this.#recent = []
  }

  /** Keys to be noted at most, of a table of `size` keys; `rowsMax`: where it lies in rows, else null. */
  notesMax(size: number, rowsMax: number | null): number {
    if (size <= SMALL) return 0
    // To read all rows takes much more than to read those that were changed.
    if (rowsMax !== null) return Math.min(size / 2, rowsMax)
    return size / ONE_IN
  }

  /** Caller must know that the beginning of its epoch is read by nobody any more. */
  noteNoMore(): void {
    this.isWhole = true
    this.changed.clear()
    this.#touched = null
    this.#recent = []
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

/** True for numbers none of which is likely to be there twice; others take longer to compare than to count. */
function seemDistinct(keys: readonly CanonicalKey[]): boolean {
  if (keys.length < PROBED_MIN) return false
  for (let probe = 0; probe < PROBES; probe++) {
    const at = Math.floor((probe * keys.length) / PROBES)
    const key = keys[at]
    if (typeof key !== 'number') return false
    if (keys.indexOf(key) !== at || keys.indexOf(key, at + 1) >= 0) return false
  }
  return true
}

function clearedKey<V>(cleared: Cleared<V> | null, canonical: CanonicalKey): unknown {
  if (cleared === null) return undefined
  const { values, keys } = cleared
  return values instanceof RowTable ? values.keyFor(canonical) : keys?.get(canonical)
}

/** The journals without those of epochs before `needed`. */
export function pruned<V, N>(newest: Journal<V, N> | null, needed: number): Journal<V, N> | null {
  if (newest === null || newest.epoch < needed) return null
  let last = newest
  while (last.older !== null && last.older.epoch >= needed) last = last.older
  last.older = null
  return newest
}

/** Of the entries that came from the beginning of epoch `from` on the first; null: their keys are noted. */
export function newcomersSince<V, N>(newest: Journal<V, N>, from: number): PairCursor<V> | null {
  let first = newest
  while (first.older !== null && first.older.epoch >= from) first = first.older
  return first.newcomers
}

/** The keys that were noted as changed from the beginning of epoch `from` on, each once. */
export function changedSince<V, N>(
  newest: Journal<V, N>,
  from: number,
): IterableIterator<CanonicalKey> {
  const isAlone = newest.older === null || newest.older.epoch < from
  return isAlone ? newest.keysChanged() : changedInAll(newest, from)
}

function* changedInAll<V, N>(
  newest: Journal<V, N>,
  from: number,
): Generator<CanonicalKey, undefined> {
  for (let at: Journal<V, N> | null = newest; at !== null && at.epoch >= from; at = at.older) {
    for (const canonical of at.keysChanged()) {
      let newer: Journal<V, N> = newest
      while (newer !== at && !newer.has(canonical)) newer = newer.older!
      if (newer === at) yield canonical
    }
  }
}

/**
 * What a key of a table that `compares` had at the beginning of epoch `from`, by the oldest journal that has
 * it. ABSENT too where none has.
 */
export function firstOf<V, N>(
  newest: Journal<V, N>,
  canonical: CanonicalKey,
  from: number,
): N | Absent {
  let first: N | Absent = ABSENT
  for (let at: Journal<V, N> | null = newest; at !== null && at.epoch >= from; at = at.older) {
    if (at.changed.has(canonical)) first = at.changed.get(canonical) as N | Absent
  }
  return first
}
