/**
 * Numbers for the texts of keys like `['EUR', 17]`, the usual composite key beside a pair of numbers: so such a
 * key, too, has a number for its form, which lies in a table of doubles (`pair-map.ts`) and spells the key out.
 * As text it is put together, hashed and compared at each look-up, and kept twice: as text, and as the array.
 * Nexmark's q16 keeps 9 M such keys of 10,000 texts.
 *
 * For one state. Invariants:
 * - A text is taken up with the first key that is set, never by a look-up, and counts the keys that there are
 *   with it in all tables of the state.
 * - As long as there is one, or a journal that a snapshot needs may name one, the text keeps its number, and a
 *   key with it its form. A journal names what was there in its epoch, so what had its last key in an epoch
 *   before `needed` is named by none. Only then the number may come to stand for another text.
 * - There is an end to how many are taken up at a time, and to how long they are. Once there was no room for
 *   one, none is taken up any more: its keys have the form that they would have anywhere, and must not change it.
 */
import type { Epochs } from '../base/epochs.js'
import {
  type CanonicalKey,
  canonicalKey,
  flatKey,
  isPairForm,
  TEXT_PAIR_FIRST,
} from '../base/key.js'

/** Texts 18 bits, numbers 34: together what `base/key.ts` leaves for these forms. */
const TEXTS_MAX = 2 ** 18 - 1
const REST = 2 ** 34
const TEXT_CHARS_MAX = 128
/** In place of the number of a text that has none: no key with it is there. */
const NO_TEXT = TEXTS_MAX
/** So many texts without keys are put up with, and half of all. */
const EMPTY_MIN = 512

const isArray: (value: unknown) => value is readonly unknown[] = Array.isArray

/**
 * True for a short text beside a whole number: what there is room for in a form, and what may stay in memory
 * without keys for a while.
 */
export function isTextPair(key: unknown): key is readonly [text: string, rest: number] {
  if (typeof key !== 'object' || !isArray(key) || key.length !== 2) return false
  const [text, rest] = [key[0], key[1]]
  if (typeof text !== 'string' || text.length > TEXT_CHARS_MAX) return false
  return typeof rest === 'number' && rest >= 0 && rest < REST && Math.floor(rest) === rest
}

export class TextPairs {
  readonly #epochs: Epochs
  readonly #textsMax: number
  readonly #emptyMin: number
  readonly #numbers = new Map<string, number>()
  /** By number, as the next two; null where the number is free. */
  readonly #texts: (string | null)[] = []
  /** Keys that there are with it. */
  readonly #keys: number[] = []
  /** While it has no keys, the epoch in which it had the last one. */
  readonly #emptySince: number[] = []
  #empty = 0
  readonly #free: number[] = []
  /** `needed` when free texts were looked for last: until it is raised, there are no more. */
  #sweptAt = -1
  #isFull = false
  /** As in `base/key.ts`: a key that is looked up is mostly set next. */
  #lastKey: unknown = null
  #lastForm: CanonicalKey = null

  /** `epochs`: those of the tables. */
  constructor(epochs: Epochs, textsMax = TEXTS_MAX, emptyMin = EMPTY_MIN) {
    this.#epochs = epochs
    this.#textsMax = Math.min(textsMax, TEXTS_MAX)
    this.#emptyMin = emptyMin
  }

  /** True where there was no room for a text. */
  get isFull(): boolean {
    return this.#isFull
  }

  /** Texts that have numbers. */
  get size(): number {
    return this.#numbers.size
  }

  /** The canonical form of any key that is looked up, in this state. Throws E_BAD_KEY. */
  formOf(key: unknown): CanonicalKey {
    if (!isTextPair(key)) return canonicalKey(key)
    if (key === this.#lastKey) return this.#lastForm
    const number = this.#numbers.get(key[0])
    if (number !== undefined) return this.#last(key, formWith(number, key[1]))
    return this.#isFull ? this.#last(key, canonicalKey(key)) : formWith(NO_TEXT, key[1])
  }

  /** As `formOf`, of a key that is set. *Caller must* `hold` it where it is new. */
  formToSet(key: unknown): CanonicalKey {
    if (!isTextPair(key)) return canonicalKey(key)
    if (key === this.#lastKey) return this.#lastForm
    const number = this.#numbers.get(key[0]) ?? this.#takeUp(key[0])
    return this.#last(key, number < 0 ? canonicalKey(key) : formWith(number, key[1]))
  }

  /** There is one key more, of this form. */
  hold(form: number): void {
    if (!isTextForm(form)) return
    const number = numberIn(form)
    if (this.#keys[number] === 0) this.#empty--
    this.#keys[number]!++
  }

  /** It is not there any more. */
  letGo(form: CanonicalKey): void {
    if (typeof form !== 'number' || !isTextForm(form)) return
    const number = numberIn(form)
    this.#keys[number]!--
    if (this.#keys[number] !== 0) return
    this.#emptySince[number] = this.#epochs.now
    this.#empty++
    this.#sweepIfDue()
  }

  /** The key that a form spells out, with 0 where −0 was set, as in a pair of numbers; undefined where it is none of these. */
  keyOf(form: CanonicalKey): readonly [text: string, rest: number] | undefined {
    if (typeof form !== 'number' || !isTextForm(form)) return undefined
    const number = numberIn(form)
    return [this.#texts[number]!, form - formWith(number, 0)]
  }

  #last(key: unknown, form: CanonicalKey): CanonicalKey {
    this.#lastKey = key
    this.#lastForm = form
    return form
  }

  /** −1 where there is no room. */
  #takeUp(text: string): number {
    this.#sweepIfDue()
    if (this.#numbers.size === this.#textsMax) this.#isFull = true
    if (this.#isFull) return -1
    const own = flatKey(text) as string
    const number = this.#free.pop() ?? this.#texts.length
    this.#texts[number] = own
    this.#keys[number] = 0
    this.#emptySince[number] = this.#epochs.now
    this.#empty++
    this.#numbers.set(own, number)
    return number
  }

  #sweepIfDue(): void {
    if (this.#empty < this.#emptyMin || 2 * this.#empty < this.#numbers.size) return
    const { now, needed } = this.#epochs
    if (now > 0 && needed === this.#sweptAt) return
    this.#sweptAt = needed
    this.#sweep(now === 0 ? 1 : needed)
  }

  /** Forgets the texts that have no keys since an epoch before `needed`. */
  #sweep(needed: number): void {
    this.#lastKey = null
    this.#free.length = 0
    for (let number = this.#texts.length - 1; number >= 0; number--) {
      const text = this.#texts[number]!
      if (text !== null) {
        if (this.#keys[number] !== 0 || this.#emptySince[number]! >= needed) continue
        this.#numbers.delete(text)
        this.#texts[number] = null
        this.#empty--
      }
      if (number === this.#texts.length - 1) this.#texts.length = number
      else this.#free.push(number)
    }
    this.#keys.length = this.#texts.length
    this.#emptySince.length = this.#texts.length
  }
}

const formWith = (number: number, rest: number): number => TEXT_PAIR_FIRST + number * REST + rest

const isTextForm = (form: number): boolean => form > 0 && isPairForm(form)

const numberIn = (form: number): number => Math.floor((form - TEXT_PAIR_FIRST) / REST)
