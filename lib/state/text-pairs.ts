/**
 * Numbers for the texts of keys like `['EUR', 17]`, the usual composite key beside a pair of numbers: so such a
 * key, too, has a number for its form, which lies in a table of doubles (`pair-map.ts`) and spells the key out.
 * As text it is put together, hashed and compared at each look-up, and kept twice: as text, and as the array.
 * Nexmark's q16 keeps 9 M such keys of 10,000 texts.
 *
 * For one state. A text keeps its number as long as the state lives, whether or not a key with it is there: the
 * form of a key never changes. So there is an end to how many are taken up, and to how long they are; keys
 * with other texts have the form that they would have anywhere.
 */
import {
  type CanonicalKey,
  canonicalKey,
  flatKey,
  isPairForm,
  TEXT_PAIR_FIRST,
} from '../base/key.js'

/** Texts 18 bits, numbers 34: together what `base/key.ts` leaves for these forms. */
const TEXTS_MAX = 2 ** 18
const REST = 2 ** 34
const TEXT_CHARS_MAX = 128

const isArray: (value: unknown) => value is readonly unknown[] = Array.isArray

/** True for a short text beside a whole number. */
export function isTextPair(key: unknown): key is readonly [text: string, rest: number] {
  if (typeof key !== 'object' || !isArray(key) || key.length !== 2) return false
  const [text, rest] = [key[0], key[1]]
  if (typeof text !== 'string' || text.length > TEXT_CHARS_MAX) return false
  return typeof rest === 'number' && rest >= 0 && rest < REST && Math.floor(rest) === rest
}

export class TextPairs {
  readonly #textsMax: number
  readonly #numbers = new Map<string, number>()
  readonly #texts: string[] = []
  /** As in `base/key.ts`: a key that is looked up is mostly set next. */
  #lastKey: unknown = null
  #lastForm: CanonicalKey = null

  constructor(textsMax = TEXTS_MAX) {
    this.#textsMax = Math.min(textsMax, TEXTS_MAX)
  }

  /** The canonical form of any key, in this state. Throws E_BAD_KEY. */
  formOf(key: unknown): CanonicalKey {
    if (!isTextPair(key)) return canonicalKey(key)
    if (key === this.#lastKey) return this.#lastForm
    const number = this.#numbers.get(key[0]) ?? this.#takeUp(key[0])
    if (number < 0) return canonicalKey(key)
    const form = TEXT_PAIR_FIRST + number * REST + key[1]
    this.#lastKey = key
    this.#lastForm = form
    return form
  }

  /** The key that a form spells out; undefined where it is none of these. */
  keyOf(form: CanonicalKey): readonly [text: string, rest: number] | undefined {
    if (typeof form !== 'number' || form < 0 || !isPairForm(form)) return undefined
    const pair = form - TEXT_PAIR_FIRST
    const number = Math.floor(pair / REST)
    return [this.#texts[number]!, pair - number * REST]
  }

  /** −1 where there are enough. */
  #takeUp(text: string): number {
    if (this.#texts.length === this.#textsMax) return -1
    const own = flatKey(text) as string
    const number = this.#texts.push(own) - 1
    this.#numbers.set(own, number)
    return number
  }
}
