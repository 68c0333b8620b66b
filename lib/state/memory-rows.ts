/** Rows in memory, for tests and simulations: what is written lands late, as on a disk. */
import type { RowChange, RowStore, RowWrite } from './row-store.js'

export class MemoryRows implements RowStore {
  readonly #rows = new Map<string, string>()

  get(key: string): string | undefined {
    return this.#rows.get(key)
  }

  async getMany(keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    return keys.map((key) => this.#rows.get(key))
  }

  write(changes: readonly RowChange[]): RowWrite {
    let hasLanded = false
    const land = () => {
      if (hasLanded) return
      hasLanded = true
      for (const [key, row] of changes) {
        if (row === null) this.#rows.delete(key)
        else this.#rows.set(key, row)
      }
    }
    return { landed: Promise.resolve().then(land), wait: land }
  }

  forget(prefix: string): void {
    for (const key of this.#rows.keys()) if (key.startsWith(prefix)) this.#rows.delete(key)
  }

  /** Number of rows. */
  get size(): number {
    return this.#rows.size
  }
}
