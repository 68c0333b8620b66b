/**
 * Nodes that are to get nothing new, by name: whether they are there or not, and over restarts of theirs
 * and of the coordinator, until they are uncordoned.
 */
import type { Records } from './stores.js'

export class Cordons {
  readonly #records: Records
  readonly #names: Set<string>

  private constructor(records: Records, names: readonly string[]) {
    this.#records = records
    this.#names = new Set(names)
  }

  static async open(records: Records): Promise<Cordons> {
    return new Cordons(records, await records.cordons())
  }

  get names(): readonly string[] {
    return [...this.#names]
  }

  has(node: string): boolean {
    return this.#names.has(node)
  }

  /** Counts at once; durable when it resolves. */
  set(node: string, cordoned: boolean): Promise<void> {
    if (cordoned) this.#names.add(node)
    else this.#names.delete(node)
    return this.#records.saveCordons(this.names)
  }
}
