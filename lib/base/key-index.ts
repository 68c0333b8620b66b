/**
 * Places by key (`base/key.ts`), for who holds keys for a short while and forgets them all at once.
 *
 * The usual keys, a small whole number, a pair of them, or a text and one, lie in a table of 32-bit integers: open
 * addressing, at most half full. Beside a Map that spares each look-up the canonical form, which for
 * a pair is a number on the heap. Texts of pairs are numbered in the order in which they come. Other keys lie in a
 * Map. Nexmark's q17 looks 9 M pairs up here, its q16 18 M texts with numbers.
 */
import { type CanonicalKey, canonicalKey, flatKey } from './key.js'

/** Of a cell: both parts of the key, and its place plus one; 0: the cell is empty. */
const PLACE = 2
const CELL_BITS = 2
const CELLS_MIN = 64
/** In place of the second part, which is never negative: there is none; the key is `undefined`. */
const ALONE = -1
const NOTHING = -2

/** The parts of the key that was told apart last; of a text with a number, the first is below 0. */
let first = 0
let second = 0

export class KeyIndex {
  /** Number of keys. */
  size = 0
  #cells: Int32Array
  #mask: number
  /** Keys in cells. */
  #used = 0
  readonly #others = new Map<CanonicalKey, number>()
  /** Those of pairs, with their numbers. */
  readonly #texts = new Map<string, number>()
  readonly #textOf: string[] = []

  /** `expected`: number of keys for which there is room at once. */
  constructor(expected = 0) {
    let cells = CELLS_MIN
    while (cells < 2 * expected) cells *= 2
    this.#cells = new Int32Array(cells << CELL_BITS)
    this.#mask = cells - 1
  }

  /** −1 where the key has no place. Throws E_BAD_KEY. */
  get(key: unknown): number {
    if (!isInCells(key)) {
      if (!isTextAndInt(key)) return this.#others.get(canonicalKey(key)) ?? -1
      const number = this.#texts.get(key[0])
      if (number === undefined) return -1
      first = ~number
      second = key[1]
    }
    const place = this.#cells[this.#cellOf(first, second) + PLACE]!
    return place - 1
  }

  /**
   * Sets the place of a key, from 0 to 2^31 − 2, and gives the key in memory of its own: what is held must
   * not keep a batch alive.
   */
  set(key: unknown, place: number): unknown {
    // Numbers keep nothing alive.
    let own = key
    if (isTextAndInt(key)) own = this.#takeUp(key)
    else if (!isInCells(key)) {
      own = flatKey(key)
      this.#others.set(canonicalKey(own), place)
      this.size = this.#used + this.#others.size
      return own
    }
    const [a, b] = [first, second]
    const cell = this.#cellOf(a, b)
    const isNew = this.#cells[cell + PLACE] === 0
    this.#put(cell, a, b, place + 1)
    if (isNew) {
      this.#used++
      this.size++
      if (2 * this.#used > this.#mask) this.#grow()
    }
    return own
  }

  /** Forgets all keys; the memory stays, as long as much of it was in use. */
  clear(): void {
    const cells = this.#mask + 1
    if (cells > CELLS_MIN && 8 * this.#used < cells) {
      this.#cells = new Int32Array((cells / 2) << CELL_BITS)
      this.#mask = cells / 2 - 1
    } else this.#cells.fill(0)
    this.#used = 0
    this.#others.clear()
    this.#texts.clear()
    this.#textOf.length = 0
    this.size = 0
  }

  /** Numbers the text, if it is new, and gives the pair with what is kept of it. */
  #takeUp([text, rest]: TextAndInt): TextAndInt {
    let number = this.#texts.get(text)
    if (number === undefined) {
      const own = flatKey(text) as string
      number = this.#textOf.push(own) - 1
      this.#texts.set(own, number)
    }
    first = ~number
    second = rest
    return [this.#textOf[number]!, rest]
  }

  /** Where the key is, or belongs. */
  #cellOf(a: number, b: number): number {
    const cells = this.#cells
    const mask = this.#mask
    for (let at = hash(a, b) & mask; ; at = (at + 1) & mask) {
      const cell = at << CELL_BITS
      if (cells[cell + PLACE] === 0 || (cells[cell] === a && cells[cell + 1] === b)) return cell
    }
  }

  #put(cell: number, a: number, b: number, place: number): void {
    this.#cells[cell] = a
    this.#cells[cell + 1] = b
    this.#cells[cell + PLACE] = place
  }

  #grow(): void {
    const before = this.#cells
    this.#cells = new Int32Array(2 * before.length)
    this.#mask = 2 * this.#mask + 1
    for (let cell = 0; cell < before.length; cell += 1 << CELL_BITS) {
      const place = before[cell + PLACE]!
      if (place === 0) continue
      const [a, b] = [before[cell]!, before[cell + 1]!]
      this.#put(this.#cellOf(a, b), a, b, place)
    }
  }
}

/** True where the key lies in a cell; then `first` and `second` are its parts. */
function isInCells(key: unknown): boolean {
  if (typeof key === 'number') {
    first = key | 0
    second = ALONE
    return first === key
  }
  if (key === undefined) {
    first = 0
    second = NOTHING
    return true
  }
  if (!isArray(key) || key.length !== 2) return false
  const [a, b] = [key[0], key[1]]
  if (typeof a !== 'number' || typeof b !== 'number') return false
  first = a | 0
  second = b | 0
  return first === a && second === b && a >= 0 && b >= 0
}

/** Cells hold 32 bits, so the number has 31; a text may be of any length, since it is held for a short while. */
type TextAndInt = readonly [text: string, rest: number]

function isTextAndInt(key: unknown): key is TextAndInt {
  if (typeof key !== 'object' || !isArray(key) || key.length !== 2) return false
  const [text, rest] = [key[0], key[1]]
  return typeof text === 'string' && typeof rest === 'number' && (rest | 0) === rest && rest >= 0
}

const isArray: (value: unknown) => value is readonly unknown[] = Array.isArray

function hash(a: number, b: number): number {
  let h = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 15), 0xc2b2ae35)
  return h ^ (h >>> 13)
}
