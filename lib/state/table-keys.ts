/**
 * The keys of a table by their canonical forms (`base/key.ts`).
 *
 * Most keys are their own form, or are spelled out by it: arrays of whole numbers, and pairs with a text in a
 * state that has numbers for these (`text-pairs.ts`). The others are kept beside, in memory of their own, so
 * that state keeps no batch alive through a string. In rows each key lies with its entry, and none here.
 *
 * As long as none is kept, tables share these: of some states each key has a table.
 */
import { type CanonicalKey, flatKey, isEscaped, spelledKey } from '../base/key.js'
import { isSpelled } from '../base/key-text.js'
import { cursorOf, type Values } from './table-values.js'
import type { TextPairs } from './text-pairs.js'

export class TableKeys {
  /** What has the forms of keys; null where pairs with a text have no numbers, and forms are those of any key. */
  readonly texts: TextPairs | null
  /** By form; null where tables share this. */
  readonly #kept: Map<CanonicalKey, unknown> | null

  constructor(texts: TextPairs | null = null, kept: Map<CanonicalKey, unknown> | null = null) {
    this.texts = texts
    this.#kept = kept
  }

  /**
   * There is one entry more, whose form is not its key. Returns the keys with it: others than these, where it is
   * the first to be kept.
   */
  hold(form: CanonicalKey, key: unknown): TableKeys {
    if (typeof form === 'number') this.texts?.hold(form)
    else if (!isSpelled(key)) return this.#keep(form, key)
    return this
  }

  /** It is not there any more. */
  letGo(form: CanonicalKey): void {
    this.texts?.letGo(form)
    this.#kept?.delete(form)
  }

  /** Nothing is there any more. Returns the keys of an empty table; these still tell what was in `values`. */
  letGoOfAll<V>(values: Values<V>): TableKeys {
    const texts = this.texts
    if (texts !== null) {
      for (const entries = cursorOf(values); entries.next(); ) texts.letGo(entries.form)
    }
    return this.#kept === null ? this : new TableKeys(texts)
  }

  /** The key of a form that is there; undefined where it lies in a row. */
  keyOf(form: CanonicalKey): unknown {
    if (!isEscaped(form)) return form
    return this.#kept?.get(form) ?? this.texts?.keyOf(form) ?? spelledKey(form)
  }

  /** The same, but undefined too where its form tells it. */
  keptFor(form: CanonicalKey): unknown {
    return this.#kept?.get(form)
  }

  #keep(form: CanonicalKey, key: unknown): TableKeys {
    const kept = this.#kept ?? new Map<CanonicalKey, unknown>()
    kept.set(form, flatKey(key))
    return this.#kept === null ? new TableKeys(this.texts, kept) : this
  }
}
