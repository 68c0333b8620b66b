/**
 * Reading rows before they are needed, beside the thread that is going to need them. It is a hint: what has
 * not come when its key is used, or was not asked for, is read then, as ever.
 */
import type { CanonicalKey } from '../base/key.js'

export interface ReadAhead {
  /** All that will come has come. Never rejects. */
  readonly landed: Promise<void>
  /** Forgets what has not been used. */
  done(): void
}

/** A state store that can read ahead. */
export interface ReadsAhead {
  /** Begins to read what it has of these keys; null where too little is missing. `groups`: theirs. */
  readAhead(groups: Uint16Array, keys: readonly unknown[]): ReadAhead | null
}

/** Takes in what was read for it. */
export interface Asking {
  /** `row` undefined: there is none. */
  arrived(canonical: CanonicalKey, asked: RowsAsked, row: string | undefined): void
  unasked(canonical: CanonicalKey, asked: RowsAsked): void
}

/** The rows that several tables ask for at once. */
export class RowsAsked implements ReadAhead {
  landed: Promise<void> = Promise.resolve()
  /** What they may take in memory, by their usual size. */
  #roomBytes: number
  readonly #rowsMin: number
  readonly #tables: Asking[] = []
  readonly #canonicals: CanonicalKey[] = []
  readonly #rowKeys: string[] = []

  /** Fewer than `rowsMin` are not read. */
  constructor(roomBytes: number, rowsMin: number) {
    this.#roomBytes = roomBytes
    this.#rowsMin = rowsMin
  }

  get isFull(): boolean {
    return this.#roomBytes <= 0
  }

  add(table: Asking, canonical: CanonicalKey, rowKey: string, usualBytes: number): void {
    this.#roomBytes -= usualBytes
    this.#tables.push(table)
    this.#canonicals.push(canonical)
    this.#rowKeys.push(rowKey)
  }

  /** Reads them; null where they are too few. */
  start(
    read: (rowKeys: readonly string[]) => Promise<readonly (string | undefined)[]>,
  ): ReadAhead | null {
    if (this.#rowKeys.length < this.#rowsMin) {
      this.done()
      return null
    }
    this.landed = read(this.#rowKeys).then(
      (rows) => this.#arrived(rows),
      // Who needs one reads it, and hears what is wrong.
      () => this.done(),
    )
    return this
  }

  done(): void {
    for (let i = 0; i < this.#tables.length; i++) {
      this.#tables[i]!.unasked(this.#canonicals[i]!, this)
    }
  }

  #arrived(rows: readonly (string | undefined)[]): void {
    for (let i = 0; i < rows.length; i++) {
      this.#tables[i]!.arrived(this.#canonicals[i]!, this, rows[i])
    }
  }
}
