/**
 * A Map whose keys are compared by value (`base/key.ts`).
 *
 * Values lie in the Map without a wrapper, under the canonical key; where that is not the key itself
 * (arrays, objects, dates), the key lies in a second Map beside it. A new key is copied flat, so that
 * state keeps no batch alive through a string.
 *
 * Once a snapshot was begun (`base/epochs.ts`), the first change of a key in an epoch leaves in a journal
 * what was there before. Reading costs the same as ever, and freezing costs nothing.
 */
import { Epochs } from '../base/epochs.js'
import { type CanonicalKey, canonicalKey, flatKey, isEscaped, isView } from '../base/key.js'
import { ABSENT, type Absent, Journal, pruned } from './journal.js'

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
}

/** One key with what it had at a former snapshot and has at this one. */
export type Change<N> = readonly [key: unknown, before: N | Absent, now: N | Absent]

const UNKNOWN: unknown = undefined
const NO_KEY: unique symbol = Symbol('no key')

const ALONE: TableWorld<never, never> = {
  epochs: new Epochs(),
  copy: null,
  note: null,
  compares: false,
  release: null,
}

/** A Map ends at 2^24 entries, so keyed state has one table per key group. */
export class KeyTable<V, N = V> {
  readonly #world: TableWorld<V, N>
  #values = new Map<CanonicalKey, V>()
  /** The keys that are not their own canonical form. */
  #keys: Map<CanonicalKey, unknown> | null = null
  /** Of the last epoch with a change; null where none is needed. */
  #journal: Journal<V, N> | null = null
  /** The epoch in which changes are not noted any more; 0: none is as long as there is no snapshot. */
  #openEpoch = 0
  /** What `own` has given last, and in which epoch: to set it again changes nothing. */
  #ownKey: unknown = NO_KEY
  #ownValue: V | undefined = undefined
  #ownEpoch = 0

  constructor(world: TableWorld<V, N> = ALONE as unknown as TableWorld<V, N>) {
    this.#world = world
  }

  get(key: unknown): V | undefined {
    return this.#values.get(canonicalKey(key))
  }

  has(key: unknown): boolean {
    return this.#values.has(canonicalKey(key))
  }

  set(key: unknown, value: V): void {
    if (key === this.#ownKey && this.#isOwn(value)) return
    this.#ownKey = NO_KEY
    const canonical = canonicalKey(key)
    if (this.#world.epochs.now !== this.#openEpoch) this.#touch(canonical)
    const values = this.#values
    const { size } = values
    values.set(canonical, value)
    if (values.size > size) this.#own(canonical, key, value)
  }

  delete(key: unknown): void {
    this.#ownKey = NO_KEY
    const canonical = canonicalKey(key)
    if (this.#world.epochs.now !== 0) this.#beforeDelete(canonical)
    this.#values.delete(canonical)
    this.#keys?.delete(canonical)
  }

  /** The value of a key, for who is going to change it in place. */
  own(key: unknown): V | undefined {
    const canonical = canonicalKey(key)
    const found = this.#values.get(canonical)
    if (found === undefined) return found
    const { epochs, copy } = this.#world
    let own: V = found
    if (epochs.now !== 0 && this.#touch(canonical) && copy !== null && epochs.reading) {
      own = copy(found)
      this.#values.set(canonical, own)
    }
    this.#ownKey = key
    this.#ownValue = own
    this.#ownEpoch = epochs.now
    return own
  }

  /** In order of insertion. Entries may be set and deleted meanwhile. */
  *entries(): IterableIterator<[key: unknown, value: V]> {
    const values = this.#values
    for (const [canonical, value] of values) {
      yield [isEscaped(canonical) ? this.#keys?.get(canonical) : canonical, value]
      if (this.#values !== values) return
    }
  }

  get size(): number {
    return this.#values.size
  }

  clear(): void {
    this.#ownKey = NO_KEY
    if (this.#world.epochs.now === 0) this.#values.clear()
    else {
      this.#current().cleared ??= { values: this.#values, keys: this.#keys }
      this.#values = new Map()
    }
    this.#keys = null
  }

  /**
   * All entries as they were when the epoch began (while none is read: as they are), however the table changes meanwhile; an entry may come
   * twice. Null where there is nothing to say, so that every step is short.
   */
  *frozen(): IterableIterator<readonly [key: unknown, value: N] | null> {
    for (const canonical of this.#before.keys()) {
      const was = this.#was(canonical)
      yield was === ABSENT ? null : [this.#keyOf(canonical), was]
    }
    const undo = this.#undo
    if (undo === null || undo.removed === null) return
    for (const canonical of undo.removed) {
      yield [this.#keyOf(canonical), undo.changed.get(canonical) as N]
    }
  }

  /**
   * What has changed from the beginning of epoch `from` to that of this one, each key once. Caller must
   * know that the table has not changed as a whole.
   */
  *changes(from: number): IterableIterator<Change<N>> {
    const newest =
      this.#journal?.epoch === this.#world.epochs.now ? this.#journal.older : this.#journal
    for (let at = newest; at !== null && at.epoch >= from; at = at.older) {
      for (const canonical of at.keysChanged()) {
        if (isIn(newest, at, canonical)) continue
        yield [this.#keyOf(canonical), firstOf(at, canonical, from), this.#was(canonical)]
      }
    }
  }

  /** True where more has changed than is known by key: cleared, or most of it set. */
  isWholeSince(from: number): boolean {
    const { now } = this.#world.epochs
    for (let at = this.#journal; at !== null && at.epoch >= from; at = at.older) {
      if (at.epoch < now && at.isOpen) return true
    }
    return false
  }

  /** Forgets what no snapshot needs any more. */
  prune(): void {
    const { release, epochs } = this.#world
    const before = this.#journal
    if (release !== null) {
      for (let at = before; at !== null; at = at.older) {
        if (at.epoch < epochs.needed) this.#release(at, release)
      }
    }
    this.#journal = pruned(before, epochs.needed)
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

  /** The Map that a walk over the beginning of the epoch goes through. */
  get #before(): ReadonlyMap<CanonicalKey, V> {
    return this.#undo?.cleared?.values ?? this.#values
  }

  /** What a key had when the epoch began. */
  #was(canonical: CanonicalKey): N | Absent {
    const changed = this.#undo?.changed
    if (changed !== undefined) {
      const was = changed.get(canonical)
      if (was !== undefined || changed.has(canonical)) return was as N | Absent
    }
    const before = this.#before
    const value = before.get(canonical)
    return value !== undefined || before.has(canonical) ? this.#note(value as V) : ABSENT
  }

  #note(value: V): N {
    const { note } = this.#world
    return note === null ? (value as unknown as N) : note(value)
  }

  #keyOf(canonical: CanonicalKey): unknown {
    if (!isEscaped(canonical)) return canonical
    return this.#keys?.get(canonical) ?? this.#journal?.keyOf(canonical)
  }

  #current(): Journal<V, N> {
    const { now } = this.#world.epochs
    if (this.#journal !== null && this.#journal.epoch === now) return this.#journal
    this.prune()
    const created = new Journal<V, N>(now, this.#journal)
    this.#journal = created
    return created
  }

  #release(journal: Journal<V, N>, release: (value: V) => void): void {
    for (const canonical of journal.keysChanged()) {
      const value = this.#values.get(canonical)
      if (value !== undefined) release(value)
    }
  }

  /** True at the first change in this epoch of what was there when it began. */
  #touch(canonical: CanonicalKey): boolean {
    const journal = this.#current()
    const { changed } = journal
    if (journal.isOpen) {
      this.#openEpoch = journal.epoch
      return false
    }
    const { epochs, compares } = this.#world
    if (!epochs.reading && !compares) {
      journal.touch(canonical, this.#values.size)
      return false
    }
    if (changed.has(canonical)) return false
    const value = this.#values.get(canonical)
    const isThere = value !== undefined || this.#values.has(canonical)
    changed.set(canonical, isThere ? this.#note(value as V) : ABSENT)
    return isThere
  }

  #beforeDelete(canonical: CanonicalKey): void {
    if (!this.#values.has(canonical)) return
    this.#touch(canonical)
    const journal = this.#current()
    if (journal.isOpen) return
    if (isEscaped(canonical)) {
      journal.keys ??= new Map()
      journal.keys.set(canonical, this.#keys?.get(canonical))
    }
    if (this.#world.epochs.reading && journal.changed.get(canonical) !== ABSENT) {
      journal.removed ??= new Set()
      journal.removed.add(canonical)
    }
  }

  #own(canonical: CanonicalKey, key: unknown, value: V): void {
    if (isEscaped(canonical)) {
      this.#keys ??= new Map()
      this.#keys.set(canonical, flatKey(key))
    } else if (typeof canonical === 'string' && isView(canonical)) {
      this.#values.delete(canonical)
      this.#values.set(flatKey(canonical) as string, value)
    }
  }
}

/** True where a journal between `newest` and `at` has the key too. */
function isIn<V, N>(
  newest: Journal<V, N> | null,
  at: Journal<V, N>,
  canonical: CanonicalKey,
): boolean {
  for (let newer = newest; newer !== null && newer !== at; newer = newer.older) {
    if (newer.has(canonical)) return true
  }
  return false
}

/**
 * What a key had at the beginning of epoch `from`, by the oldest journal that has it. ABSENT is certain,
 * anything else only where the table `compares`.
 */
function firstOf<V, N>(newest: Journal<V, N>, canonical: CanonicalKey, from: number): N | Absent {
  let first: N | Absent = ABSENT
  for (let at: Journal<V, N> | null = newest; at !== null && at.epoch >= from; at = at.older) {
    if (at.changed.has(canonical)) first = at.changed.get(canonical) as N | Absent
    else if (at.touched?.has(canonical) === true) first = UNKNOWN as N
  }
  return first
}
