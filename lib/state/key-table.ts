/**
 * A Map whose keys are compared by value (`base/key.ts`).
 *
 * Values lie without a wrapper, under the canonical forms of their keys (`table-keys.ts`): in a Map, in one for
 * pairs, or in rows. A small Map that lies in a row of another table grows into rows of its own.
 *
 * Once a snapshot was begun (`base/epochs.ts`), the first change of a key in an epoch is noted in a journal, before
 * it is made. Reading costs the same as ever, and freezing costs nothing. Who wants the table as it was when the epoch
 * began reads it by `frozen-table.ts`; who wants what has changed, by `changes` (`table-changes.ts`).
 */
import { Epochs } from '../base/epochs.js'
import { type CanonicalKey, canonicalKey, flatForm, isEscaped, isView } from '../base/key.js'
import { Journal, pruned } from './journal.js'
import { type PairCursor, PairMap } from './pair-map.js'
import type { RowsAsked } from './read-ahead.js'
import { RowTable } from './row-table.js'
import { TableKeys } from './table-keys.js'
import { cursorOf, type HeapValues, type Values } from './table-values.js'
import type { RowWorld, TableWorld } from './table-world.js'
import type { TextPairs } from './text-pairs.js'

const NO_KEY: unique symbol = Symbol('no key')
const KEYS = new TableKeys()
const ALONE: TableWorld<never, never> = {
  epochs: new Epochs(),
  copy: null,
  note: null,
  compares: false,
  release: null,
  rows: null,
}

/** A Map ends at 2^24 entries, so keyed state has one table per key group. */
export class KeyTable<V, N = V> {
  readonly world: TableWorld<V, N>
  #keys: TableKeys
  /** Those of its keys. Here, too, since each record asks for a form: by way of the keys q17 of Nexmark took 5 % longer. */
  readonly #texts: TextPairs | null
  #values: Values<V>
  /** The same, where it lies in rows. */
  #rows: RowTable<V> | null = null
  /** Of the last epoch with a change; null where none is needed. */
  #journal: Journal<V, N> | null = null
  /** The last epoch whose beginning has been read to the end. */
  #readEpoch = 0
  /** The epoch in which changes are not noted any more; 0: none is as long as there is no snapshot. */
  #openEpoch = 0
  /** What `own` has given last, and in which epoch: to set it again changes nothing. */
  #ownKey: unknown = NO_KEY
  #ownValue: V | undefined = undefined
  #ownEpoch = 0
  /** Of `entries`: it does not grow out of its Map while somebody goes through that. */
  #walks = 0

  /** `values`: what it begins with. `keys`: of a state where some forms are special. */
  constructor(
    world: TableWorld<V, N> = ALONE as unknown as TableWorld<V, N>,
    values: Values<V> | null = null,
    keys: TableKeys = KEYS,
  ) {
    this.world = world
    this.#keys = keys
    this.#texts = keys.texts
    this.#values = values ?? this.#begin()
    if (this.#values instanceof RowTable) this.#rows = this.#values
  }

  get(key: unknown): V | undefined {
    return this.#values.get(this.#formOf(key))
  }

  has(key: unknown): boolean {
    return this.#values.has(this.#formOf(key))
  }

  set(key: unknown, value: V): void {
    if (key === this.#ownKey && this.#isOwn(value)) return
    this.#disown()
    const form = this.#formToSet(key)
    if (this.world.epochs.now !== this.#openEpoch) this.#touch(form)
    const values = this.#values
    if (values instanceof RowTable) return values.set(form, value, key)
    const { size } = values
    values.set(form, value)
    if (values.size > size) this.#added(form, key, value, values)
  }

  delete(key: unknown): void {
    this.#disown()
    const form = this.#formOf(key)
    if (this.world.epochs.now !== this.#openEpoch) this.#beforeDelete(form)
    if (this.#values.delete(form)) this.#keys.letGo(form)
  }

  /** The value of a key, for who is going to change it in place. */
  own(key: unknown): V | undefined {
    const form = this.#formOf(key)
    const found = this.#rows === null ? this.#values.get(form) : this.#rows.own(form)
    if (found === undefined) return found
    const { epochs, copy } = this.world
    let own: V = found
    const { now } = epochs
    if (now !== this.#openEpoch && this.#touch(form) && copy !== null && epochs.reading) {
      own = copy(found)
      this.#values.set(form, own, undefined)
    }
    // A row may have been written before the value was changed: it has to be set again.
    if (this.#rows !== null) return own
    this.#ownKey = key
    this.#ownValue = own
    this.#ownEpoch = now
    return own
  }

  /** In order of insertion. Entries may be set and deleted meanwhile. */
  *entries(): IterableIterator<[key: unknown, value: V]> {
    const values = this.#values
    const entries = cursorOf(values)
    this.#walks++
    try {
      while (entries.next()) {
        const { form } = entries
        yield [isEscaped(form) ? (entries.key ?? this.#keys.keyOf(form)) : form, entries.value]
        if (this.#values !== values) return
      }
    } finally {
      this.#walks--
      entries.end()
    }
  }

  get size(): number {
    return this.#values.size
  }

  clear(): void {
    this.#disown()
    const [keys, values] = [this.#keys, this.#values]
    this.#keys = keys.letGoOfAll(values)
    if (this.world.epochs.now === 0) return values.clear()
    const journal = this.#current()
    if (journal.cleared === null) journal.cleared = { values, keys }
    else this.#rows?.forget()
    this.#lieIn(this.#begin())
  }

  #formOf(key: unknown): CanonicalKey {
    return this.#texts === null ? canonicalKey(key) : this.#texts.formOf(key)
  }

  #formToSet(key: unknown): CanonicalKey {
    return this.#texts === null ? canonicalKey(key) : this.#texts.formToSet(key)
  }

  /** What is deleted is not kept by this either. */
  #disown(): void {
    this.#ownKey = NO_KEY
    this.#ownValue = undefined
  }

  #isOwn(value: V): boolean {
    return value === this.#ownValue && this.#ownEpoch === this.world.epochs.now
  }

  #begin(): Values<V> {
    const { rows } = this.world
    if (this.#values instanceof PairMap) return new PairMap()
    return rows === null || rows.growAt > 0 ? new Map() : rows.create()
  }

  #lieIn(values: Values<V>): void {
    this.#values = values
    this.#rows = values instanceof RowTable ? values : null
  }

  #added(form: CanonicalKey, key: unknown, value: V, values: HeapValues<V>): void {
    if (isEscaped(form)) this.#keys = this.#keys.hold(form, key)
    else if (typeof form === 'string' && isView(form)) {
      values.delete(form)
      values.set(flatForm(form), value)
    }
    const { rows, epochs } = this.world
    if (rows === null || values.size < rows.growAt) return
    if (this.#walks === 0 && !epochs.reading) this.#grow(values, rows)
  }

  #grow(values: HeapValues<V>, { create }: RowWorld<V>): void {
    const grown = create()
    for (const [form, value] of values) grown.set(form, value, this.#keys.keyOf(form))
    this.#keys = KEYS
    this.#lieIn(grown)
  }

  // ---- for tables in rows -------------------------------------------------------------------------

  /** Takes up what it held when it was put into a row: no change that a snapshot has to know of. */
  fill(entries: Iterable<readonly [key: unknown, value: V]>): void {
    const values = this.#values as HeapValues<V>
    for (const [key, value] of entries) {
      const form = this.#formToSet(key)
      values.set(form, value)
      if (isEscaped(form)) this.#keys = this.#keys.hold(form, key)
    }
  }

  /** As `RowTable.ask`; nothing where it lies in a Map. */
  ask(key: unknown, asked: RowsAsked): void {
    this.#rows?.ask(this.#formOf(key), asked)
  }

  /**
   * True while another copy of it, read from its row, would not do: somebody walks over it, or rows of its
   * own are in use. Without its notes a snapshot takes it as another table, and writes it as a whole.
   */
  get isHeld(): boolean {
    if (this.#walks > 0) return true
    if (this.#rows === null) return false
    if (this.#rows.resident > 0 || this.world.epochs.reading) return true
    if (this.#journal !== null) this.prune()
    return this.#journal !== null
  }

  /** Its rows are not needed any more. */
  forget(): void {
    this.#rows?.forget()
  }

  // ---- for snapshots ------------------------------------------------------------------------------

  /** What it lies in now. */
  get values(): Values<V> {
    return this.#values
  }

  /** Of the last epoch in which it has changed, or was read; null where none is needed. */
  get journal(): Journal<V, N> | null {
    return this.#journal
  }

  /**
   * What is there when the epoch begins is going to be read. Returns where that begins which has come since, and
   * is still to come; null where that is noted by key.
   */
  markNewcomers(): PairCursor<V> | null {
    const isMarked = this.world.epochs.reading && this.#values instanceof PairMap
    return isMarked ? this.#current().newcomers : null
  }

  /** The key of a form that is there, or was in an epoch that a snapshot needs. */
  keyOf(form: CanonicalKey): unknown {
    const key = this.#keys.keyOf(form)
    return key === undefined ? this.#keyElsewhere(form) : key
  }

  /** Apart: most keys need no more than their form, and a walk asks for each. */
  #keyElsewhere(form: CanonicalKey): unknown {
    return this.#rows?.keptFor(form) ?? this.#journal?.keyOf(form)
  }

  /**
   * A snapshot has read what was there when the epoch began: what a key had is not kept any more. Values that
   * are changed in place are: the snapshot may hold them, and not have encoded them yet.
   */
  walked(): void {
    const { copy, epochs } = this.world
    if (copy === null && epochs.reading) this.#readEpoch = epochs.now
    // Where nothing has changed yet there is none: what begins later is told then.
    if (this.#journal?.epoch === this.#readEpoch) this.#journal.isRead = true
    this.prune()
  }

  /** Forgets what no snapshot needs any more. */
  prune(): void {
    const { needed } = this.world.epochs
    for (let at = this.#journal; at !== null; at = at.older) {
      if (at.epoch < needed) this.#forget(at)
    }
    this.#journal = pruned(this.#journal, needed)
  }

  /** True at the first change in this epoch of what was there when it began, if that is noted. */
  #touch(form: CanonicalKey): boolean {
    const journal = this.#current()
    if (!journal.isOpen) return journal.touch(form, this.#values)
    this.#openEpoch = journal.epoch
    return false
  }

  #beforeDelete(form: CanonicalKey): void {
    if (!this.#values.has(form)) return
    this.#touch(form)
    const kept = (this.#rows ?? this.#keys).keptFor(form)
    this.#current().remove(form, this.#values, kept)
  }

  #current(): Journal<V, N> {
    const journal = this.#journal
    if (journal !== null && journal.epoch === this.world.epochs.now) return journal
    this.prune()
    const created = new Journal(this.world, this.#journal, this.#values)
    created.isRead = created.epoch === this.#readEpoch
    this.#journal = created
    return created
  }

  #forget(journal: Journal<V, N>): void {
    const { release } = this.world
    if (release !== null) this.#release(journal, release)
    if (journal.cleared?.values instanceof RowTable) journal.cleared.values.forget()
    journal.newcomers?.end()
  }

  #release(journal: Journal<V, N>, release: (value: V) => void): void {
    for (const form of journal.keysChanged()) {
      const value = this.#rows === null ? this.#values.get(form) : this.#rows.cached(form)
      if (value !== undefined) release(value)
    }
  }
}
