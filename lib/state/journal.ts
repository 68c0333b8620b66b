/**
 * What a table was at the beginning of an epoch, as far as it has changed since: of each key that was
 * changed, what it had before. So the table at the beginning of this epoch is the table as it is with
 * the journal of this epoch laid over it (`frozen-table.ts`), and the keys of the journals before are what has
 * changed (`table-changes.ts`).
 *
 * What a key had is noted while that is still to be read, and where the table `compares`. Otherwise the keys are noted
 * alone, until there are so many that it costs less to take the whole table as changed: then the journal is open.
 *
 * Of a table that can tell by their places which entries are new, the journal notes where these begin, and none of them:
 * of millions of new keys the notes would take as long as the keys themselves.
 */
import { type CanonicalKey, flatForm, isView } from '../base/key.js'
import { type PairCursor, PairMap } from './pair-map.js'
import { RowTable } from './row-table.js'
import type { TableKeys } from './table-keys.js'
import { ABSENT, type Absent, type Values } from './table-values.js'
import { noteOf, type TableWorld } from './table-world.js'

/** All that a table held when it was cleared. */
export interface Cleared<V> {
  readonly values: Values<V>
  readonly keys: TableKeys
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

/** `N`: what is kept of a value `V`. */
export class Journal<V, N> {
  readonly epoch: number
  /** That of the last epoch before in which the table has changed, as long as it is needed. */
  older: Journal<V, N> | null
  /** Where the entries begin that came in this epoch: their keys are not noted. Null: they are. */
  readonly newcomers: PairCursor<V> | null
  readonly #world: TableWorld<V, N>
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
  #isWhole = false
  /** The beginning of the epoch has been read to the end. */
  isRead = false
  /** Keys that were deleted while the epoch's beginning was being read: a walk does not meet them. */
  removed: Set<CanonicalKey> | null = null
  /** Of keys that were deleted: those that lay beside their form, or in a row. */
  #keys: Map<CanonicalKey, unknown> | null = null
  cleared: Cleared<V> | null = null

  /** Of this epoch, for a table with these values. */
  constructor(world: TableWorld<V, N>, older: Journal<V, N> | null, values: Values<V>) {
    const { epochs, compares, release } = world
    this.epoch = epochs.now
    this.older = older
    // Places do not tell what a key had that was deleted and came back, nor which of the newcomers to release.
    const tellsByPlace = values instanceof PairMap && !compares && release === null
    this.newcomers = tellsByPlace ? values.behind() : null
    this.#world = world
  }

  /** True where the keys that were changed are not known: all of the table counts as changed. */
  get isOpen(): boolean {
    return this.#isWhole || this.cleared !== null
  }

  /** All keys that were changed, but for newcomers, each once. */
  keysChanged(): IterableIterator<CanonicalKey> {
    this.#settle()
    if (this.#touched === null) return this.changed.keys()
    return this.changed.size === 0 ? this.#touched.values() : this.#keysOfBoth(this.#touched)
  }

  *#keysOfBoth(touched: ReadonlySet<CanonicalKey>): Generator<CanonicalKey, undefined> {
    yield* this.changed.keys()
    for (const form of touched) if (!this.changed.has(form)) yield form
  }

  /** True for a key that was changed. */
  has(form: CanonicalKey): boolean {
    this.#settle()
    return this.changed.has(form) || this.#touched?.has(form) === true
  }

  /**
   * Goes before a change of what `values` have for a key. True the first time, where something was there and
   * what it was has been noted now. *Caller must* know that the journal is of this epoch, and not open.
   */
  touch(form: CanonicalKey, values: Values<V>): boolean {
    if (this.#isNewcomer(form, values)) return false
    const { compares, rows } = this.#world
    const isToBeRead = this.#isToBeRead
    if (!isToBeRead && !compares) {
      this.#noteKey(form, notesMax(values.size, rows?.notesMax ?? null))
      return false
    }
    const { changed } = this
    if (changed.has(form)) return false
    const value = values.get(form)
    const isThere = value !== undefined || values.has(form)
    changed.set(flatForm(form), isThere ? noteOf(this.#world, value as V) : ABSENT)
    if (rows !== null && !isToBeRead && changed.size > rows.notesMax) this.#noteNoMore()
    return isThere
  }

  /** Goes between `touch` and a deletion. `key`: undefined where its form tells it. */
  remove(form: CanonicalKey, values: Values<V>, key: unknown): void {
    if (this.isOpen || this.#isNewcomer(form, values)) return
    if (key !== undefined) {
      this.#keys ??= new Map()
      this.#keys.set(flatForm(form), key)
    }
    if (this.#isToBeRead && this.changed.get(form) !== ABSENT) {
      this.removed ??= new Set()
      this.removed.add(flatForm(form))
    }
  }

  /** What was there when the epoch began is still to be read. */
  get #isToBeRead(): boolean {
    return this.#world.epochs.reading && !this.isRead
  }

  /** True for what was not there when the epoch began, or is there again. */
  #isNewcomer(form: CanonicalKey, values: Values<V>): boolean {
    return this.newcomers !== null && (values as PairMap<V>).isNewSince(form, this.newcomers)
  }

  /** `most`: keys that are noted at most. */
  #noteKey(form: CanonicalKey, most: number): void {
    if (most === 0) return this.#noteNoMore()
    if (typeof form === 'string' && isView(form)) {
      this.#touched ??= new Set()
      if (this.#touched.has(form)) return
      this.#touched.add(flatForm(form))
    } else {
      const count = this.#recent.push(form)
      if (count < Math.min(most, RECENT_MAX)) return
      // Where every key changes, the set would be most of what changing them costs, and be thrown away.
      if (count >= most && seemDistinct(this.#recent)) return this.#noteNoMore()
      this.#settle()
    }
    if (this.#touched!.size + this.changed.size >= most) this.#noteNoMore()
  }

  /** Adds the keys that wait: a set of all at once takes less than adding one by one. */
  #settle(): void {
    if (this.#recent.length === 0) return
    if (this.#touched === null) this.#touched = new Set(this.#recent)
    else for (const each of this.#recent) this.#touched.add(each)
    this.#recent = []
  }

  #noteNoMore(): void {
    this.#isWhole = true
    this.changed.clear()
    this.#touched = null
    this.#recent = []
    this.removed = null
    this.#keys = null
  }

  /** The key of a form that was deleted in this epoch or before; undefined too where its form tells it. */
  keyOf(form: CanonicalKey): unknown {
    for (let at: Journal<V, N> | null = this; at !== null; at = at.older) {
      const key = at.#keys?.get(form) ?? keyCleared(at.cleared, form)
      if (key !== undefined) return key
    }
    return undefined
  }
}

/** Keys to be noted at most, of a table of `size` keys; `rowsMax`: where it lies in rows, else null. */
function notesMax(size: number, rowsMax: number | null): number {
  if (size <= SMALL) return 0
  // To read all rows takes much more than to read those that were changed.
  if (rowsMax !== null) return Math.min(size / 2, rowsMax)
  return size / ONE_IN
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

function keyCleared<V>(cleared: Cleared<V> | null, form: CanonicalKey): unknown {
  if (cleared === null) return undefined
  const { values, keys } = cleared
  return (values instanceof RowTable ? values : keys).keptFor(form)
}

/** The journals without those of epochs before `needed`. */
export function pruned<V, N>(newest: Journal<V, N> | null, needed: number): Journal<V, N> | null {
  if (newest === null || newest.epoch < needed) return null
  let last = newest
  while (last.older !== null && last.older.epoch >= needed) last = last.older
  last.older = null
  return newest
}
