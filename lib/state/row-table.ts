/**
 * A table whose entries lie as rows in a database, as far as they are not in the cache. It does what a Map
 * does: its entries come in the order in which they were set first, and a walk sees what is changed
 * meanwhile.
 *
 * | row                | what is in it                                                   |
 * |--------------------|-----------------------------------------------------------------|
 * | `<id>:<key>`       | place of the entry, its value, and its key where that is not its own canonical form |
 * | `<id>!<page>`      | the canonical keys of 64 places                                 |
 *
 * Places are given once. A page of which no place is in use any more is deleted; while some are, it keeps
 * the others too. In memory is a number per page, and the page that is being filled.
 */
import { type CanonicalKey, flatForm, flatKey, isEscaped } from '../base/key.js'
import type { Asking, RowsAsked } from './read-ahead.js'
import type { RowCache } from './row-cache.js'
import { rowKeyOf } from './row-key.js'
import { SLOT_BYTES, Slot, type SlotTable } from './slot.js'

const PAGE_PLACES = 64

/** How values become plain data, and come back. */
export interface ValueShape<V> {
  pack(value: V): unknown
  unpack(data: unknown): V
  /** True while it must not leave memory: whoever has it would not see what becomes of it. Null: never. */
  readonly isBusy: ((value: V) => boolean) | null
}

/** With how rows become text. */
export interface RowShape<V> extends ValueShape<V> {
  encode(row: unknown): string
}

type Row = readonly [place: number, data: unknown, key?: unknown]

/** What a table is but for its rows: enough to go on with it. */
export interface RowTableHead {
  readonly id: string
  readonly next: number
  readonly size: number
  /** Page numbers, each with how many of its places are in use. */
  readonly pages: readonly number[]
  readonly tail: readonly CanonicalKey[]
}

/** One entry as a walk meets it. */
export type Entry<V> = readonly [canonical: CanonicalKey, value: V, key: unknown]

const NOWHERE = -1

/**
 * A row that was asked for, of a key that is not in the cache: it cannot change before its key is loaded, and
 * then this is gone.
 */
interface Ahead {
  readonly asked: RowsAsked
  hasCome: boolean
  row: string | undefined
}

/** After so many rows that were asked for: where fewer than half were used, none is for a while. */
const ASKED_TRIAL = 256
const ASKED_PAUSE = 8_192

export class RowTable<V> implements Asking, SlotTable<V> {
  readonly #cache: RowCache
  readonly #shape: RowShape<V>
  #id: string
  #slots = new Map<CanonicalKey, Slot<V>>()
  #ahead = new Map<CanonicalKey, Ahead>()
  #asked = 0
  #used = 0
  #pause = 0
  /** How many places of each page are in use; pages without any are not in it. */
  #pages = new Map<number, number>()
  /** Of the page that is being filled, the canonical keys. */
  #tail: CanonicalKey[] = []
  #next = 0
  #size = 0
  /** What a row of this table takes, for one that was not written yet. */
  #usualBytes = SLOT_BYTES + 64

  constructor(cache: RowCache, shape: RowShape<V>, head: RowTableHead | null = null) {
    this.#cache = cache
    this.#shape = shape
    this.#id = head?.id ?? cache.newId()
    if (head !== null) this.#resume(head)
  }

  get size(): number {
    return this.#size
  }

  /** Entries in the cache. */
  get resident(): number {
    return this.#slots.size
  }

  get(canonical: CanonicalKey): V | undefined {
    return this.#use(canonical).value
  }

  has(canonical: CanonicalKey): boolean {
    return this.#use(canonical).place !== NOWHERE
  }

  /** The value of a key, for who is going to change it in place at once. */
  own(canonical: CanonicalKey): V | undefined {
    const slot = this.#use(canonical)
    if (slot.place !== NOWHERE) this.#cache.dirty(slot)
    return slot.value
  }

  set(canonical: CanonicalKey, value: V, key: unknown): void {
    const slot = this.#use(canonical)
    slot.value = value
    if (slot.place === NOWHERE) {
      slot.place = this.#takePlace(slot.canonical)
      slot.key = isEscaped(canonical) ? flatKey(key) : undefined
      this.#size++
    }
    this.#cache.dirty(slot)
  }

  delete(canonical: CanonicalKey): boolean {
    const slot = this.#use(canonical)
    if (slot.place === NOWHERE) return false
    this.#leavePlace(slot.place)
    slot.place = NOWHERE
    slot.value = undefined
    slot.key = undefined
    this.#size--
    this.#cache.dirty(slot)
    return true
  }

  /** What a key has, without bringing it into the cache. */
  peek(canonical: CanonicalKey): V | undefined {
    return this.#find(canonical)?.value
  }

  /** The key that has this canonical form; undefined where it is that itself. */
  keptFor(canonical: CanonicalKey): unknown {
    return this.#find(canonical)?.key
  }

  /** The value of a key that is in the cache. */
  cached(canonical: CanonicalKey): V | undefined {
    return this.#slots.get(canonical)?.value
  }

  clear(): void {
    this.forget()
    this.#id = this.#cache.newId()
    this.#slots = new Map()
    this.#ahead = new Map()
    this.#pages = new Map()
    this.#tail = []
    this.#next = 0
    this.#size = 0
  }

  /** Its rows are not needed any more. */
  forget(): void {
    this.#cache.forget([`${this.#id}:`, `${this.#id}!`], this.#slots.values())
  }

  /** In order of their places. Entries may be set and deleted meanwhile. */
  *entries(): IterableIterator<Entry<V>> {
    const id = this.#id
    for (const page of this.#pages.keys()) {
      const keys = this.#keysOf(page)
      for (let at = 0; at < keys.length; at++) {
        const found = this.#find(keys[at])
        if (found === null || found.place !== page * PAGE_PLACES + at) continue
        yield [found.canonical, found.value as V, found.key]
        if (this.#id !== id) return
      }
    }
  }

  /** For a table that lies in a row itself. */
  get head(): RowTableHead {
    return {
      id: this.#id,
      next: this.#next,
      size: this.#size,
      pages: [...this.#pages].flat(),
      tail: this.#tail,
    }
  }

  // ---- reading ahead ----------------------------------------------------------------------------

  /** The row of this key is going to be needed. */
  ask(canonical: CanonicalKey, asked: RowsAsked): void {
    if (this.#pause > 0) {
      this.#pause--
      return
    }
    if (asked.isFull || this.#slots.has(canonical) || this.#ahead.has(canonical)) return
    if (++this.#asked === ASKED_TRIAL) {
      if (this.#used * 2 < ASKED_TRIAL) this.#pause = ASKED_PAUSE
      this.#asked = 0
      this.#used = 0
    }
    this.#ahead.set(canonical, { asked, hasCome: false, row: undefined })
    asked.add(this, canonical, this.#rowKey(canonical), this.#usualBytes)
  }

  arrived(canonical: CanonicalKey, asked: RowsAsked, row: string | undefined): void {
    const ahead = this.#ahead.get(canonical)
    if (ahead?.asked !== asked) return
    ahead.hasCome = true
    ahead.row = row
  }

  unasked(canonical: CanonicalKey, asked: RowsAsked): void {
    if (this.#ahead.get(canonical)?.asked === asked) this.#ahead.delete(canonical)
  }

  // ---- what the cache asks for ------------------------------------------------------------------

  keyOf(slot: Slot<V>): string {
    return this.#rowKey(slot.canonical)
  }

  rowOf(slot: Slot<V>): string | null {
    if (slot.place === NOWHERE) return null
    const data = this.#shape.pack(slot.value as V)
    const row: Row = slot.key === undefined ? [slot.place, data] : [slot.place, data, slot.key]
    const text = this.#shape.encode(row)
    this.#usualBytes += (SLOT_BYTES + 2 * text.length - this.#usualBytes) / 16
    return text
  }

  drop(slot: Slot<V>): boolean {
    const { isBusy } = this.#shape
    if (isBusy !== null && slot.place !== NOWHERE && isBusy(slot.value as V)) return false
    this.#slots.delete(slot.canonical)
    return true
  }

  // ---- within -------------------------------------------------------------------------------------

  #resume({ next, size, pages, tail }: RowTableHead): void {
    this.#next = next
    this.#size = size
    for (let i = 0; i < pages.length; i += 2) this.#pages.set(pages[i]!, pages[i + 1]!)
    this.#tail = [...tail]
  }

  /** In the cache, and nobody was used later. */
  #use(canonical: CanonicalKey): Slot<V> {
    const slot = this.#slots.get(canonical) ?? this.#load(canonical)
    slot.stamp = ++this.#cache.clock
    return slot
  }

  #load(canonical: CanonicalKey): Slot<V> {
    const slot = this.#read(canonical) ?? this.#absent(canonical)
    slot.stamp = ++this.#cache.clock
    slot.seen = slot.stamp
    this.#slots.set(slot.canonical, slot)
    this.#cache.admit(slot)
    return slot
  }

  #find(canonical: CanonicalKey): Slot<V> | null {
    const slot = this.#slots.get(canonical)
    if (slot === undefined) return this.#read(canonical)
    return slot.place === NOWHERE ? null : slot
  }

  #read(canonical: CanonicalKey): Slot<V> | null {
    const text = this.#rowFor(canonical)
    if (text === undefined) return null
    const [place, data, key] = this.#cache.codec.decode(text) as Row
    const value = this.#shape.unpack(data)
    return new Slot(this, flatForm(canonical), key, value, place, SLOT_BYTES + 2 * text.length)
  }

  /** What came ahead, or is read now. */
  #rowFor(canonical: CanonicalKey): string | undefined {
    const ahead = this.#ahead.size === 0 ? undefined : this.#ahead.get(canonical)
    if (ahead === undefined) return this.#cache.read(this.#rowKey(canonical))
    this.#ahead.delete(canonical)
    this.#used++
    return ahead.hasCome ? ahead.row : this.#cache.read(this.#rowKey(canonical))
  }

  #rowKey(canonical: CanonicalKey): string {
    return `${this.#id}:${rowKeyOf(canonical)}`
  }

  #absent(canonical: CanonicalKey): Slot<V> {
    return new Slot<V>(this, flatForm(canonical), undefined, undefined, NOWHERE, this.#usualBytes)
  }

  #keysOf(page: number): readonly CanonicalKey[] {
    if (page === Math.floor(this.#next / PAGE_PLACES)) return this.#tail
    const text = this.#cache.read(`${this.#id}!${page}`)
    return text === undefined ? [] : (this.#cache.codec.decode(text) as CanonicalKey[])
  }

  #takePlace(canonical: CanonicalKey): number {
    const place = this.#next++
    const page = Math.floor(place / PAGE_PLACES)
    this.#tail.push(canonical)
    this.#pages.set(page, (this.#pages.get(page) ?? 0) + 1)
    if (this.#tail.length < PAGE_PLACES) return place
    this.#cache.put(`${this.#id}!${page}`, this.#cache.codec.encode(this.#tail))
    this.#tail = []
    return place
  }

  #leavePlace(place: number): void {
    const page = Math.floor(place / PAGE_PLACES)
    const left = this.#pages.get(page)! - 1
    if (left > 0) this.#pages.set(page, left)
    else {
      this.#pages.delete(page)
      const isTail = page === Math.floor(this.#next / PAGE_PLACES)
      if (!isTail) this.#cache.put(`${this.#id}!${page}`, null)
    }
  }
}
