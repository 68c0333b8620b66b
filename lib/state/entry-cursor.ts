/**
 * Goes through the entries of a table one by one, which may be set and deleted meanwhile. Without an object
 * for each entry: of a walk over a million of them, those were most of what the garbage collector got.
 */
import type { CanonicalKey } from '../base/key.js'

export interface EntryCursor<V> {
  /** Goes on to the next entry; false where there is none. */
  next(): boolean
  /** For who stops before there is none. */
  end(): void
  /** Those of the entry; valid after `next`. */
  readonly key: CanonicalKey
  readonly value: V
}

/** Two iterators that go side by side: V8 makes no object for what they give, but one for a pair. */
export class MapCursor<V> implements EntryCursor<V> {
  readonly #keys: Iterator<CanonicalKey>
  readonly #values: Iterator<V>
  key: CanonicalKey = null
  value: V

  constructor(map: ReadonlyMap<CanonicalKey, V>) {
    this.#keys = map.keys()
    this.#values = map.values()
    this.value = undefined as V
  }

  next(): boolean {
    const key = this.#keys.next()
    if (key.done === true) return false
    this.key = key.value
    this.value = this.#values.next().value
    return true
  }

  /** A Map knows nothing of who goes through it. */
  end(): void {}
}
