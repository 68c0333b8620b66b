/**
 * A Map whose keys are compared by value (`base/key.ts`).
 *
 * Values lie in the Map without a wrapper, under the canonical key; where that is not the key itself
 * (arrays, objects, dates), the key lies in a second Map beside it, unless it can be read from the form. A new key is copied flat, so that
 * state keeps no batch alive through a string.
 *
 * Once a snapshot was begun (`base/epochs.ts`), the first change of a key in an epoch leaves in a journal
 * what was there before. Reading costs the same as ever, and freezing costs nothing.
 */
import { Epochs } from '../base/epochs.js'
import {
  type CanonicalKey,
  canonicalKey,
  flatKey,
  isEscaped,
  isView,
  spelledKey,
} from '../base/key.js'
import { isSpelled } from '../base/key-text.js'
import type { Pace } from '../base/pace.js'
import { type EntryCursor, MapCursor } from './entry-cursor.js'
import type { Run } from './frozen.js'
import {
  ABSENT,
  type Absent,
  changedSince,
  firstOf,
  flatForm,
  Journal,
  newcomersSince,
  pruned,
} from './journal.js'
import { type PairCursor, PairMap } from './pair-map.js'
import type { RowsAsked } from './read-ahead.js'
import { RowTable } from './row-table.js'
import type { TextPairs } from './text-pairs.js'

/** What the tables of one state have in common. */
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

/** Takes what a key had when the epoch began; null where that is done at once. */
export type Give<N> = (key: unknown, now: N) => Generator<void> | null

/** Takes one key with what it had at a former snapshot and has at this one. */
export type GiveChange<N> = (
  key: unknown,
  before: N | Absent,
  now: N | Absent,
) => Generator<void> | null

/** Changed keys that are looked up together. */
const LOOK_UPS = 64

/** Keys, and what each had when the epoch began. */
interface Found<N> {
  readonly keys: CanonicalKey[]
  readonly was: (N | Absent)[]
  size: number
}

const NO_KEY: unique symbol = Symbol('no key')
/** Of a walk: every entry has been given. */
const OVER: unique symbol = Symbol('over')

/** On the heap. */
type HeapValues<V> = Map<CanonicalKey, V> | PairMap<V>

type Values<V> = HeapValues<V> | RowTable<V>

/** `until`: of a map of pairs. */
const cursorOf = <V>(values: HeapValues<V>, until: PairCursor<V> | null = null): EntryCursor<V> =>
  values instanceof PairMap ? values.cursor(null, until) : new MapCursor(values)

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
  readonly #world: TableWorld<V, N>
  /** Where forms are numbers for pairs with a text; null: nowhere. */
  readonly #texts: TextPairs | null
  #values: Values<V>
  /** The same, where it lies in rows. */
  #rows: RowTable<V> | null = null
  /** Of a Map, the keys that are not their own canonical form, and are not spelled out by it. */
  #keys: Map<CanonicalKey, unknown> | null = null
  /** Of the last epoch with a change; null where none is needed. */
  #journal: Journal<V, N> | null = null
  /** The epoch in which changes are not noted any more; 0: none is as long as there is no snapshot. */
  #openEpoch = 0
  /** What `own` has given last, and in which epoch: to set it again changes nothing. */
  #ownKey: unknown = NO_KEY
  #ownValue: V | undefined = undefined
  #ownEpoch = 0
  /** The last epoch whose beginning a snapshot has read to the end. */
  #walkedEpoch = 0
  /** Walks over a table that can grow out of its Map: it does not while there are any. */
  #walks = 0

  /** `values`: what it begins with. `texts`: only where that is a map of pairs. */
  constructor(
    world: TableWorld<V, N> = ALONE as unknown as TableWorld<V, N>,
    values: Values<V> | null = null,
    texts: TextPairs | null = null,
  ) {
    this.#world = world
    this.#texts = texts
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
    const canonical = this.#formToSet(key)
    if (this.#world.epochs.now !== this.#openEpoch) this.#touch(canonical)
    const values = this.#values
    if (values instanceof RowTable) return values.set(canonical, value, key)
    const { size } = values
    values.set(canonical, value)
    if (values.size > size) this.#own(canonical, key, value, values)
  }

  delete(key: unknown): void {
    this.#disown()
    const canonical = this.#formOf(key)
    if (this.#world.epochs.now !== this.#openEpoch) this.#beforeDelete(canonical)
    if (this.#values.delete(canonical)) this.#texts?.letGo(canonical)
    this.#keys?.delete(canonical)
  }

  /** The value of a key, for who is going to change it in place. */
  own(key: unknown): V | undefined {
    const canonical = this.#formOf(key)
    const found = this.#rows === null ? this.#values.get(canonical) : this.#rows.own(canonical)
    if (found === undefined) return found
    const { epochs, copy } = this.#world
    let own: V = found
    const { now } = epochs
    if (now !== this.#openEpoch && this.#touch(canonical) && copy !== null && this.#isRead) {
      own = copy(found)
      this.#values.set(canonical, own, undefined)
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
    if (this.#world.rows !== null) return yield* this.#heldEntries(values)
    for (const [canonical, value] of values as HeapValues<V>) {
      yield [isEscaped(canonical) ? this.#kept(canonical) : canonical, value]
      if (this.#values !== values) return
    }
  }

  get size(): number {
    return this.#values.size
  }

  clear(): void {
    this.#disown()
    this.#letGoOfAll()
    if (this.#world.epochs.now === 0) this.#values.clear()
    else {
      const journal = this.#current()
      if (journal.cleared === null) journal.cleared = { values: this.#values, keys: this.#keys }
      else this.#rows?.forget()
      this.#values = this.#begin()
      this.#rows = this.#values instanceof RowTable ? this.#values : null
    }
    this.#keys = null
  }

  /**
   * Gives all entries as they were when the epoch began (while none is read: as they are), however the table
   * changes meanwhile; an entry may come twice.
   */
  *frozen(give: Give<N>, pace: Pace): Generator<void> {
    const before = this.#before
    if (before instanceof RowTable) yield* this.#frozenRows(before, give, pace)
    else yield* this.#frozenHeap(cursorOf(before, this.#newcomers), give, pace)
    yield* this.#frozenRemoved(give, pace)
  }

  /** Those that were there when the epoch began, and are not met in the table any more. */
  *#frozenRemoved(give: Give<N>, pace: Pace): Generator<void> {
    const undo = this.#undo
    if (undo === null || undo.removed === null) return
    for (const canonical of undo.removed) {
      const steps = give(this.#keyOf(canonical), undo.changed.get(canonical) as N)
      if (steps !== null) yield* steps
      if (--pace.left <= 0) yield
    }
  }

  *#frozenHeap(entries: EntryCursor<V>, give: Give<N>, pace: Pace): Generator<void> {
    try {
      for (let isOver = false; !isOver; ) {
        const steps = this.#giveOn(entries, give, pace)
        isOver = steps === OVER
        if (steps !== null && steps !== OVER) yield* steps
        if (pace.left <= 0) yield
      }
    } finally {
      entries.end()
    }
  }

  /**
   * Gives entries until the pace is used up, or one of them takes steps of its own, which are returned. Not in
   * the generator itself, where V8 makes an object for each of them.
   */
  #giveOn(
    entries: EntryCursor<V>,
    give: Give<N>,
    pace: Pace,
  ): Generator<void> | null | typeof OVER {
    const changed = this.#undo?.changed ?? null
    while (pace.left > 0) {
      if (!entries.next()) return OVER
      const { key } = entries
      const was = this.#wasWith(changed, key, entries.value)
      pace.left--
      if (was === ABSENT) continue
      const steps = give(this.#keyOf(key), was)
      if (steps !== null) return steps
    }
    return null
  }

  /**
   * As `frozen`, into a run and in one go, in a fraction of the time. False where there are more than `max`,
   * they lie in rows, or values are changed in place: nothing is given. What a key had when the epoch began is
   * not kept any more from then on.
   */
  fillRun(run: Run, max: number): boolean {
    const before = this.#before
    const { copy, epochs } = this.#world
    if (before instanceof RowTable || before.size > max || copy !== null) return false
    const undo = this.#undo
    const changed = undo?.changed ?? null
    const { keys, records } = run
    let size = 0
    const take = (value: V, canonical: CanonicalKey): void => {
      const was = this.#wasWith(changed, canonical, value)
      if (was === ABSENT) return
      keys[size] = this.#keyOf(canonical)
      records[size++] = was
    }
    if (before instanceof PairMap) before.forEach(take, this.#newcomers)
    else before.forEach(take)
    for (const canonical of undo?.removed ?? []) take(undefined as V, canonical)
    run.size = size
    this.#walkedEpoch = epochs.now
    return true
  }

  /** As `frozen`, in one go, and how many; −1 where they lie in rows or are more than `max`: none is given. */
  frozenAtOnce(give: (key: unknown, now: N) => void, max: number): number {
    const before = this.#before
    const undo = this.#undo
    const count = before.size + (undo?.removed?.size ?? 0)
    if (before instanceof RowTable || count > max) return -1
    const changed = undo?.changed ?? null
    for (const entries = cursorOf(before, this.#newcomers); entries.next(); ) {
      const was = this.#wasWith(changed, entries.key, entries.value)
      if (was !== ABSENT) give(this.#keyOf(entries.key), was)
    }
    if (undo?.removed == null) return count
    for (const canonical of undo.removed) {
      give(this.#keyOf(canonical), undo.changed.get(canonical) as N)
    }
    return count
  }

  /**
   * Gives what has changed from the beginning of epoch `from` to that of this one, each key once if the table
   * `compares`. Caller must know that the table has not changed as a whole.
   */
  *changes(from: number, give: GiveChange<N>, pace: Pace): Generator<void> {
    const newest =
      this.#journal?.epoch === this.#world.epochs.now ? this.#journal.older : this.#journal
    if (newest === null || newest.epoch < from) return
    const keys = changedSince(newest, from)
    const found: Found<N> = { keys: [], was: [], size: 0 }
    while (this.#lookUp(keys, found, pace.left)) {
      for (let i = 0; i < found.size; i++) {
        const canonical = found.keys[i]!
        const before = this.#world.compares ? firstOf(newest, canonical, from) : (undefined as N)
        const steps = give(this.#keyOf(canonical), before, found.was[i]!)
        if (steps !== null) yield* steps
        // What was looked up is as it was when the epoch began, so it may wait: a few values can fill a step.
        if (--pace.left <= 0) yield
      }
    }
    const first = newcomersSince(newest, from)
    if (first === null) return
    const giveNew: Give<N> = (key, now) => give(key, ABSENT, now)
    const entries = (this.#before as PairMap<V>).cursor(first, this.#newcomers)
    yield* this.#frozenHeap(entries, giveNew, pace)
    // Which of these came since then is not known: a row of one that has not changed says what is there anyway.
    yield* this.#frozenRemoved(giveNew, pace)
  }

  /**
   * Takes some keys, `max` or fewer but one at least, with what they had when the epoch began; false where none
   * are left. They lie anywhere in memory: while look-ups follow each other, with nothing in between, a processor
   * waits for several at a time. Of rows each is given before the next is read, which may throw it out.
   */
  #lookUp(keys: Iterator<CanonicalKey>, found: Found<N>, max: number): boolean {
    const before = this.#before
    const most = before instanceof RowTable ? 1 : Math.min(LOOK_UPS, max)
    let size = 0
    for (let next = keys.next(); next.done !== true; next = keys.next()) {
      found.keys[size++] = next.value
      if (size >= most) break
    }
    found.size = size
    const changed = this.#undo?.changed ?? null
    const values = found.was as (V | undefined)[]
    const newcomers = this.#newcomers
    const pairs = before as PairMap<V>
    if (before instanceof RowTable) {
      if (size > 0) values[0] = before.peek(found.keys[0]!)
    } else if (newcomers === null) {
      for (let i = 0; i < size; i++) values[i] = before.get(found.keys[i]!)
    } else for (let i = 0; i < size; i++) values[i] = pairs.getBefore(found.keys[i]!, newcomers)
    for (let i = 0; i < size; i++) {
      const canonical = found.keys[i]!
      const value = values[i]
      const isThere =
        value !== undefined ||
        (newcomers === null ? before.has(canonical) : !pairs.isNewSince(canonical, newcomers))
      found.was[i] =
        isThere || changed?.has(canonical) ? this.#wasWith(changed, canonical, value as V) : ABSENT
    }
    return size > 0
  }

  /** True where more has changed than is known by key: cleared, or most of it set. */
  isWholeSince(from: number): boolean {
    const { now } = this.#world.epochs
    for (let at = this.#journal; at !== null && at.epoch >= from; at = at.older) {
      if (at.epoch < now && at.isOpen) return true
    }
    return false
  }

  /**
   * A snapshot has read what was there when the epoch began: what a key had is not kept any more. Values that
   * are changed in place are: the snapshot may hold them, and not have encoded them yet.
   */
  walked(): void {
    if (this.#world.copy === null) this.#walkedEpoch = this.#world.epochs.now
    this.prune()
  }

  /** Forgets what no snapshot needs any more. */
  prune(): void {
    const { release, epochs } = this.#world
    const before = this.#journal
    for (let at = before; at !== null; at = at.older) {
      if (at.epoch >= epochs.needed) continue
      if (release !== null) this.#release(at, release)
      if (at.cleared?.values instanceof RowTable) at.cleared.values.forget()
      at.newcomers?.end()
    }
    this.#journal = pruned(before, epochs.needed)
  }

  /** What is deleted is not kept by this either. */
  #disown(): void {
    this.#ownKey = NO_KEY
    this.#ownValue = undefined
  }

  #isOwn(value: V): boolean {
    return value === this.#ownValue && this.#ownEpoch === this.#world.epochs.now
  }

  /** What was changed since the beginning that is being read; null where nothing was. */
  get #undo(): Journal<V, N> | null {
    const journal = this.#journal
    const { now, reading } = this.#world.epochs
    return reading && journal !== null && journal.epoch === now ? journal : null
  }

  /** What comes behind the beginning that is being read, from now on too; null where that is noted by key. */
  get #newcomers(): PairCursor<V> | null {
    const isRead = this.#world.epochs.reading && this.#values instanceof PairMap
    return isRead ? this.#current().newcomers : null
  }

  /** What a walk over the beginning of the epoch goes through. */
  get #before(): Values<V> {
    return this.#undo?.cleared?.values ?? this.#values
  }

  /** What a key had when the epoch began. `value`: what is there; `changed`: since then. */
  #wasWith(
    changed: ReadonlyMap<CanonicalKey, N | Absent> | null,
    canonical: CanonicalKey,
    value: V,
  ): N | Absent {
    if (changed !== null && changed.size > 0) {
      const was = changed.get(canonical)
      if (was !== undefined || changed.has(canonical)) return was as N | Absent
    }
    return this.#note(value)
  }

  /** What was there when the epoch began is still to be read. */
  get #isRead(): boolean {
    const { reading, now } = this.#world.epochs
    return reading && this.#walkedEpoch !== now
  }

  #note(value: V): N {
    const { note } = this.#world
    return note === null ? (value as unknown as N) : note(value)
  }

  #formOf(key: unknown): CanonicalKey {
    return this.#texts === null ? canonicalKey(key) : this.#texts.formOf(key)
  }

  #formToSet(key: unknown): CanonicalKey {
    return this.#texts === null ? canonicalKey(key) : this.#texts.formToSet(key)
  }

  #letGoOfAll(): void {
    const texts = this.#texts
    if (texts === null) return
    for (const entries = cursorOf(this.#values as HeapValues<V>); entries.next(); ) {
      texts.letGo(entries.key)
    }
  }

  #keyOf(canonical: CanonicalKey): unknown {
    if (!isEscaped(canonical)) return canonical
    const key = this.#rows === null ? this.#kept(canonical) : this.#rows.keyFor(canonical)
    return key ?? this.#journal?.keyOf(canonical) ?? this.#spelled(canonical)
  }

  /** Of a Map: the key of a canonical form that is not the key itself. */
  #kept(canonical: CanonicalKey): unknown {
    return this.#keys?.get(canonical) ?? this.#spelled(canonical)
  }

  /** Undefined where the key is kept beside its form. */
  #spelled(canonical: CanonicalKey): unknown {
    return this.#texts?.keyOf(canonical) ?? spelledKey(canonical)
  }

  #current(): Journal<V, N> {
    const { now } = this.#world.epochs
    if (this.#journal !== null && this.#journal.epoch === now) return this.#journal
    this.prune()
    const created = new Journal<V, N>(now, this.#journal, this.#behind())
    this.#journal = created
    return created
  }

  /** Where entries will lie that are new; null where that does not suffice to know what has changed. */
  #behind(): PairCursor<V> | null {
    const { compares, release } = this.#world
    const values = this.#values
    return values instanceof PairMap && !compares && release === null ? values.behind() : null
  }

  /** True for what was not there when the journal's epoch began, or is there again. */
  #isNewcomer({ newcomers }: Journal<V, N>, canonical: CanonicalKey): boolean {
    return newcomers !== null && (this.#values as PairMap<V>).isNewSince(canonical, newcomers)
  }

  #release(journal: Journal<V, N>, release: (value: V) => void): void {
    for (const canonical of journal.keysChanged()) {
      const value = this.#rows === null ? this.#values.get(canonical) : this.#rows.cached(canonical)
      if (value !== undefined) release(value)
    }
  }

  /** True at the first change in this epoch of what was there when it began. */
  #touch(canonical: CanonicalKey): boolean {
    const journal = this.#current()
    if (journal.isOpen) {
      this.#openEpoch = journal.epoch
      return false
    }
    if (this.#isNewcomer(journal, canonical)) return false
    const { compares, rows } = this.#world
    const isRead = this.#isRead
    if (!isRead && !compares) {
      journal.touch(canonical, journal.notesMax(this.#values.size, rows?.notesMax ?? null))
      return false
    }
    const { changed } = journal
    if (changed.has(canonical)) return false
    const value = this.#values.get(canonical)
    const isThere = value !== undefined || this.#values.has(canonical)
    journal.keep(canonical, isThere ? this.#note(value as V) : ABSENT)
    if (rows !== null && !isRead && changed.size > rows.notesMax) journal.noteNoMore()
    return isThere
  }

  #beforeDelete(canonical: CanonicalKey): void {
    if (!this.#values.has(canonical)) return
    this.#touch(canonical)
    const journal = this.#current()
    if (journal.isOpen || this.#isNewcomer(journal, canonical)) return
    if (isEscaped(canonical)) {
      journal.keys ??= new Map()
      journal.keys.set(flatForm(canonical), this.#keyOf(canonical))
    }
    if (this.#isRead && journal.changed.get(canonical) !== ABSENT) {
      journal.removed ??= new Set()
      journal.removed.add(flatForm(canonical))
    }
  }

  #own(canonical: CanonicalKey, key: unknown, value: V, values: HeapValues<V>): void {
    if (isEscaped(canonical)) {
      this.#keep(canonical, key)
    } else if (typeof canonical === 'string' && isView(canonical)) {
      values.delete(canonical)
      values.set(flatKey(canonical) as string, value)
    }
    const { rows, epochs } = this.#world
    if (rows === null || values.size < rows.growAt) return
    if (this.#walks === 0 && !epochs.reading) this.#grow(values, rows)
  }

  /** Of a new entry. */
  #keep(canonical: CanonicalKey, key: unknown): void {
    if (typeof canonical === 'number') return this.#texts?.hold(canonical)
    if (isSpelled(key)) return
    this.#keys ??= new Map()
    this.#keys.set(canonical, flatKey(key))
  }

  // ---- in rows ------------------------------------------------------------------------------------

  /** What it holds, for who stores it in a row. */
  get content(): Values<V> {
    return this.#values
  }

  /** Takes up what it held when it was put into a row: no change that a snapshot has to know of. */
  fill(entries: Iterable<readonly [key: unknown, value: V]>): void {
    const values = this.#values as HeapValues<V>
    for (const [key, value] of entries) {
      const canonical = this.#formToSet(key)
      values.set(canonical, value)
      if (isEscaped(canonical)) this.#keep(canonical, key)
    }
  }

  /** As `RowTable.ask`; nothing where it lies in a Map. */
  ask(key: unknown, asked: RowsAsked): void {
    this.#rows?.ask(this.#formOf(key), asked)
  }

  /** Every entry, with its key. */
  *pairs(): IterableIterator<readonly [key: unknown, value: V]> {
    for (const [canonical, value] of this.#values as HeapValues<V>) {
      yield [isEscaped(canonical) ? this.#kept(canonical) : canonical, value]
    }
  }

  /**
   * True while another copy of it, read from its row, would not do: somebody walks over it, or rows of its
   * own are in use. Without its notes a snapshot takes it as another table, and writes it as a whole.
   */
  get isHeld(): boolean {
    if (this.#walks > 0) return true
    if (this.#rows === null) return false
    if (this.#rows.resident > 0 || this.#world.epochs.reading) return true
    if (this.#journal !== null) this.prune()
    return this.#journal !== null
  }

  /** Its rows are not needed any more. */
  forget(): void {
    this.#rows?.forget()
  }

  /** A row is read once. */
  *#frozenRows(before: RowTable<V>, give: Give<N>, pace: Pace): Generator<void> {
    for (const [canonical, value, key] of before.entries()) {
      const was = this.#wasWith(this.#undo?.changed ?? null, canonical, value)
      const steps = was === ABSENT ? null : give(key === undefined ? canonical : key, was)
      if (steps !== null) yield* steps
      if (--pace.left <= 0) yield
    }
  }

  #begin(): Values<V> {
    const { rows } = this.#world
    if (this.#values instanceof PairMap) return new PairMap()
    return rows === null || rows.growAt > 0 ? new Map() : rows.create()
  }

  #grow(values: HeapValues<V>, { create }: RowWorld<V>): void {
    const grown = create()
    for (const [canonical, value] of values) {
      grown.set(canonical, value, isEscaped(canonical) ? this.#kept(canonical) : undefined)
    }
    this.#values = grown
    this.#rows = grown
    this.#keys = null
  }

  *#heldEntries(values: Values<V>): IterableIterator<[key: unknown, value: V]> {
    this.#walks++
    try {
      if (values instanceof RowTable) {
        for (const [canonical, value, key] of values.entries()) {
          yield [key === undefined ? canonical : key, value]
          if (this.#values !== values) return
        }
        return
      }
      for (const [canonical, value] of values) {
        yield [isEscaped(canonical) ? this.#kept(canonical) : canonical, value]
        if (this.#values !== values) return
      }
    } finally {
      this.#walks--
    }
  }
}
