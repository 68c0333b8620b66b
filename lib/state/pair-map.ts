/**
 * A Map by canonical form for a table whose first key is a pair of small whole numbers, or of a text and a whole
 * number (`text-pairs.ts`), the usual composite keys: their forms are numbers that do not fit V8's small integers,
 * so that a Map keeps each as an object of its own and follows a pointer to compare it.
 *
 * Here pairs lie in a table of doubles (open addressing, at most three quarters full): form and place side by
 * side, in one line of the processor's cache. Other keys have their places in a Map. Values lie by place, in
 * order of insertion; as of a Map, entries may be set and deleted while somebody goes through them. So a cursor behind
 * all entries tells those that come later from those that are there, without a note of any.
 */
import { type CanonicalKey, isPairForm, pairPart, pairRest } from '../base/key.js'
import type { EntryCursor } from './entry-cursor.js'

const CELLS_MIN = 16
/** Of a cell: the form, 0 where it is empty, and the place. */
const CELL_BITS = 1
/** A share of all cells. */
const FULL = 0.75
/** So many deleted entries are put up with. */
const GONE_MIN = 32
/** In place of a value that was deleted. */
const GONE: unique symbol = Symbol('gone')

/** Where somebody is who goes through the entries. */
export class PairCursor<V> implements EntryCursor<V> {
  readonly #map: PairMap<V>
  /** That of the next entry. */
  place: number
  /** Where it stops; null: at the end, wherever that is by then. */
  readonly until: PairCursor<V> | null
  form: CanonicalKey = null
  value: V
  readonly key = undefined

  constructor(map: PairMap<V>, place: number, until: PairCursor<V> | null) {
    this.#map = map
    this.place = place
    this.until = until
    this.value = undefined as V
  }

  next(): boolean {
    return this.#map.moveOn(this)
  }

  end(): void {
    this.#map.leave(this)
  }
}

export class PairMap<V> {
  #cells = new Float64Array(CELLS_MIN << CELL_BITS)
  #mask = CELLS_MIN - 1
  /** Pairs in cells. */
  #pairs = 0
  /** The one that was found last: a change looks for its pair several times. */
  #cell = 0
  #others: Map<CanonicalKey, number> | null = null
  /** By place. As long as all are pairs, V8 keeps them as plain doubles. */
  #forms: CanonicalKey[] = []
  #values: (V | typeof GONE)[] = []
  #gone = 0
  readonly #cursors = new Set<PairCursor<V>>()

  get size(): number {
    return this.#values.length - this.#gone
  }

  get(form: CanonicalKey): V | undefined {
    const place = this.#placeOf(form)
    return place < 0 ? undefined : (this.#values[place] as V)
  }

  has(form: CanonicalKey): boolean {
    return this.#placeOf(form) >= 0
  }

  set(form: CanonicalKey, value: V): void {
    if (typeof form !== 'number' || !isPairForm(form)) return this.#setOther(form, value)
    const cells = this.#cells
    const cell = this.#cellOf(form)
    if (cells[cell] !== 0) {
      this.#values[cells[cell + 1]!] = value
      return
    }
    cells[cell] = form
    cells[cell + 1] = this.#append(form, value)
    this.#pairs++
    if (this.#pairs > this.#mask * FULL) this.#index(2 * (this.#mask + 1))
  }

  delete(form: CanonicalKey): boolean {
    const place = this.#placeOf(form)
    if (place < 0) return false
    if (typeof form === 'number' && isPairForm(form)) this.#vacate(this.#cellOf(form))
    else this.#others!.delete(form)
    this.#values[place] = GONE
    this.#gone++
    if (this.#gone > GONE_MIN && 2 * this.#gone > this.#values.length) this.#compact()
    return true
  }

  clear(): void {
    this.#forms = []
    this.#values = []
    this.#gone = 0
    this.#pairs = 0
    this.#others = null
    this.#index(CELLS_MIN)
    for (const cursor of this.#cursors) cursor.place = 0
  }

  *[Symbol.iterator](): IterableIterator<[form: CanonicalKey, value: V]> {
    const cursor = this.cursor()
    try {
      while (cursor.next()) yield [cursor.form, cursor.value]
    } finally {
      cursor.end()
    }
  }

  /** As of a Map, up to where `until` is. *Caller must* not change it meanwhile. */
  forEach(take: (value: V, form: CanonicalKey) => void, until: PairCursor<V> | null = null): void {
    const end = until === null ? this.#values.length : until.place
    for (let place = 0; place < end; place++) {
      const value = this.#values[place]!
      if (value !== GONE) take(value as V, this.#forms[place]!)
    }
  }

  /** From where `from` is, null: the beginning, to where `until` is then, null: the end. *Caller must* end it. */
  cursor(from: PairCursor<V> | null = null, until: PairCursor<V> | null = null): PairCursor<V> {
    return this.#cursorAt(from === null ? 0 : from.place, until)
  }

  /** Behind all entries that there are. *Caller must* end it. */
  behind(): PairCursor<V> {
    return this.#cursorAt(this.#values.length, null)
  }

  /** Of an entry before the cursor; undefined where none has the key. */
  getBefore(form: CanonicalKey, { place }: PairCursor<V>): V | undefined {
    const found = this.#placeOf(form)
    return found < 0 || found >= place ? undefined : (this.#values[found] as V)
  }

  /** True where no entry before the cursor has the key. */
  isNewSince(form: CanonicalKey, { place }: PairCursor<V>): boolean {
    const found = this.#placeOf(form)
    return found < 0 || found >= place
  }

  /** To the next entry; false where there is none, and the cursor has left. */
  moveOn(cursor: PairCursor<V>): boolean {
    const values = this.#values
    const end = cursor.until === null ? values.length : cursor.until.place
    while (cursor.place < end) {
      const place = cursor.place++
      const value = values[place]!
      if (value === GONE) continue
      cursor.form = this.#forms[place]!
      cursor.value = value as V
      return true
    }
    this.leave(cursor)
    return false
  }

  /** The cursor need not be told any more where entries have moved. */
  leave(cursor: PairCursor<V>): void {
    this.#cursors.delete(cursor)
  }

  #cursorAt(place: number, until: PairCursor<V> | null): PairCursor<V> {
    const cursor = new PairCursor<V>(this, place, until)
    this.#cursors.add(cursor)
    return cursor
  }

  /** −1: it has none. */
  #placeOf(form: CanonicalKey): number {
    if (typeof form !== 'number' || !isPairForm(form)) return this.#others?.get(form) ?? -1
    const cell = this.#cellOf(form)
    return this.#cells[cell] === 0 ? -1 : this.#cells[cell + 1]!
  }

  #setOther(form: CanonicalKey, value: V): void {
    this.#others ??= new Map()
    const place = this.#others.get(form)
    if (place === undefined) this.#others.set(form, this.#append(form, value))
    else this.#values[place] = value
  }

  #append(form: CanonicalKey, value: V): number {
    this.#forms.push(form)
    return this.#values.push(value) - 1
  }

  /** Where the pair is, or belongs. */
  #cellOf(form: number): number {
    const cells = this.#cells
    if (cells[this.#cell] === form) return this.#cell
    const mask = this.#mask
    for (let at = hash(form) & mask; ; at = (at + 1) & mask) {
      const cell = at << CELL_BITS
      const found = cells[cell]!
      if (found !== form && found !== 0) continue
      this.#cell = cell
      return cell
    }
  }

  /** Empties a cell, and moves into it what lies behind only because it was taken. */
  #vacate(cell: number): void {
    const cells = this.#cells
    const mask = this.#mask
    let hole = cell >> CELL_BITS
    for (let at = (hole + 1) & mask; cells[at << CELL_BITS] !== 0; at = (at + 1) & mask) {
      const home = hash(cells[at << CELL_BITS]!) & mask
      // It may not come to lie before its home.
      if (((at - home) & mask) < ((at - hole) & mask)) continue
      cells[hole << CELL_BITS] = cells[at << CELL_BITS]!
      cells[(hole << CELL_BITS) + 1] = cells[(at << CELL_BITS) + 1]!
      hole = at
    }
    cells[hole << CELL_BITS] = 0
    this.#pairs--
  }

  /** Forgets what was deleted: all places change, and with them where cursors are. */
  #compact(): void {
    const forms: CanonicalKey[] = []
    const values: V[] = []
    const moved = new Map<number, PairCursor<V>[]>()
    for (const cursor of this.#cursors) {
      const there = moved.get(cursor.place)
      if (there === undefined) moved.set(cursor.place, [cursor])
      else there.push(cursor)
    }
    const move = (place: number): void => {
      for (const cursor of moved.get(place) ?? []) cursor.place = values.length
    }
    for (let place = 0; place < this.#values.length; place++) {
      if (moved.size > 0) move(place)
      const value = this.#values[place]!
      if (value === GONE) continue
      const form = this.#forms[place]
      if (this.#others?.has(form) === true) this.#others.set(form, values.length)
      forms.push(form)
      values.push(value as V)
    }
    move(this.#values.length)
    this.#forms = forms
    this.#values = values
    this.#gone = 0
    let cells = CELLS_MIN
    while (this.#pairs > cells * FULL) cells *= 2
    this.#index(cells)
  }

  /** Finds the cells of all pairs anew, among so many. */
  #index(count: number): void {
    const cells = new Float64Array(count << CELL_BITS)
    this.#cells = cells
    this.#cell = 0
    this.#mask = count - 1
    for (let place = 0; place < this.#forms.length; place++) {
      const form = this.#forms[place]
      if (this.#values[place] === GONE || typeof form !== 'number' || !isPairForm(form)) continue
      const cell = this.#cellOf(form)
      cells[cell] = form
      cells[cell + 1] = place
    }
  }
}

function hash(form: number): number {
  let h = Math.imul(pairPart(form), 0x9e3779b1) ^ Math.imul(pairRest(form), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 15), 0xc2b2ae35)
  return h ^ (h >>> 13)
}
