/** Places by key (`base/key.ts`), for who holds keys for a short while. */
import { type CanonicalKey, canonicalKey, flatKey } from './key.js'

export class KeyIndex {
  readonly #places = new Map<CanonicalKey, number>()

  /** Throws E_BAD_KEY. */
  get(key: unknown): number | undefined {
    return this.#places.get(canonicalKey(key))
  }

  /**
   * Sets the place of a key, and gives the key in memory of its own: what is held must not keep a batch
   * alive.
   */
  set(key: unknown, place: number): unknown {
    const own = flatKey(key)
    this.#places.set(canonicalKey(own), place)
    return own
  }
}
