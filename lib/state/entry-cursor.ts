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
  /** Of the entry, as the next two; valid after `next`. */
  readonly form: CanonicalKey
  readonly value: V
  /** Where it lies with the entry; undefined: it is known by its form. */
  readonly key: unknown
}

/** Two iterators that go side by side: V8 makes no object for what they give, but one for a pair. */
export class MapCursor<V> implements EntryCursor<V> {
  readonly #forms: Iterator<CanonicalKey>
  readonly #values: Iterator<V>
  form: CanonicalKey = null
  value: V
  readonly key = undefined

  constructor(map: ReadonlyMap<CanonicalKey, V>) {
    this.#forms = map.keys()
    this.#values = map.values()
    this.value = undefined as V
  }

  next(): boolean {
    const form = this.#forms.next()
    if (form.done === true) return false
    this.form = form.value
    this.value = this.#values.next().value
    return true
  }

  /** A Map knows nothing of who goes through it. */
  end(): void {}
}

/** Of rows, each of which is read once, and with it its key. */
export class RowCursor<V> implements EntryCursor<V> {
  readonly #entries: Iterator<readonly [form: CanonicalKey, value: V, key: unknown]>
  form: CanonicalKey = null
  value: V
  key: unknown = undefined

  constructor(entries: Iterator<readonly [form: CanonicalKey, value: V, key: unknown]>) {
    this.#entries = entries
    this.value = undefined as V
  }

  next(): boolean {
    const entry = this.#entries.next()
    if (entry.done === true) return false
    this.form = entry.value[0]
    this.value = entry.value[1]
    this.key = entry.value[2]
    return true
  }

  end(): void {
    this.#entries.return?.()
  }
}
