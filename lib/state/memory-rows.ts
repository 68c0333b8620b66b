/** Rows in memory, for tests and simulations: what is written lands late, as on a disk. */
import type { RowChange, RowStore, RowWrite } from './row-store.js'

export class MemoryRows implements RowStore {
  readonly #rows = new Map<string, Uint8Array>()

  get(key: string): Uint8Array | undefined {
    return this.#rows.get(key)?.slice()
  }

  write(changes: readonly RowChange[]): RowWrite {
    let hasLanded = false
    const land = () => {
      if (hasLanded) return
      hasLanded = true
      for (const [key, bytes] of changes) {
        if (bytes === null) this.#rows.delete(key)
        else this.#rows.set(key, bytes)
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
