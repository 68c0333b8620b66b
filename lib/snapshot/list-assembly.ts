/** Puts one list together from its rows, before its elements are dealt out. */
import type { ElementRecord, Restoring } from '../state/frozen.js'

export class ListAssembly implements Restoring {
  readonly #use: (values: readonly unknown[]) => void
  #values: unknown[] = []
  /** Number of the first element. */
  #first = 0

  constructor(use: (values: readonly unknown[]) => void) {
    this.#use = use
  }

  dropGroup(): void {
    this.#values = []
  }

  dropKey(): void {
    this.#values = []
  }

  dropPart(_group: number, _key: unknown, part: unknown): void {
    const count = (part as number) - this.#first
    if (count <= 0) return
    this.#values = this.#values.slice(count)
    this.#first += count
  }

  put(_group: number, _key: unknown, record: unknown): void {
    const { at, value } = record as ElementRecord
    if (this.#values.length === 0) this.#first = at
    if (at === this.#first + this.#values.length) this.#values.push(value)
  }

  done(): void {
    this.#use(this.#values)
  }
}
