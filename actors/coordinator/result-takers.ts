/** Who takes what the sinks of a job publish. */
import type { Cancel } from '../../lib/base/clock.js'

/** Resolves when more may come. */
export type TakeResults = (records: readonly unknown[]) => Promise<void>

export class ResultTakers {
  readonly #takers = new Set<TakeResults>()

  add(take: TakeResults): Cancel {
    this.#takers.add(take)
    return () => this.#takers.delete(take)
  }

  /** The slowest taker sets the pace; where there is none, nothing waits. */
  async deliver(records: readonly unknown[]): Promise<void> {
    if (this.#takers.size === 0) return
    await Promise.all([...this.#takers].map((take) => take(records)))
  }
}
