/**
 * Places by key (`base/key.ts`), for who holds keys for a short while: a Map that need not spell out pairs of
 * small whole numbers, the usual composite key. Such a pair is one number, and looked up as that.
 */
import { type CanonicalKey, canonicalKey, flatKey } from './key.js'

/** Both numbers of a pair are below: so is their product below 2^52. */
const PART_BITS = 26
const PART_MAX = 2 ** PART_BITS - 1
const NO_PAIR = -1

export class KeyIndex {
  readonly #places = new Map<CanonicalKey, number>()
  readonly #pairs = new Map<number, number>()

  /** Throws E_BAD_KEY. */
  get(key: unknown): number | undefined {
    const pair = pairOf(key)
    return pair === NO_PAIR ? this.#places.get(canonicalKey(key)) : this.#pairs.get(pair)
  }

  /**
   * Sets the place of a key, and gives the key in memory of its own: what is held must not keep a batch
   * alive.
   */
  set(key: unknown, place: number): unknown {
    const own = flatKey(key)
    const pair = pairOf(own)
    if (pair === NO_PAIR) this.#places.set(canonicalKey(own), place)
    else this.#pairs.set(pair, place)
    return own
  }
}

/** `-0` is 0 here as in every key. */
function pairOf(key: unknown): number {
  if (typeof key !== 'object' || !isArray(key) || key.length !== 2) return NO_PAIR
  const [a, b] = key
  if (typeof a !== 'number' || typeof b !== 'number') return NO_PAIR
  if ((a & PART_MAX) !== a || (b & PART_MAX) !== b) return NO_PAIR
  return a * (PART_MAX + 1) + b
}

const isArray: (value: object | null) => value is readonly unknown[] = Array.isArray as never
