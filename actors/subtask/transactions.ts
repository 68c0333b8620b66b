/**
 * The transactions of one sink writer, from the barrier to the commit.
 *
 * | state     | entered by                                | left by                                |
 * |-----------|-------------------------------------------|----------------------------------------|
 * | open      | the first write                           | barrier: `prepare`                     |
 * | prepared  | `prepare` has resolved                    | its round, or a later one, is complete |
 * | committed | `commit` has resolved                     | —                                      |
 *
 * A round that is abandoned changes nothing here: what it prepared is acknowledged again with the next
 * round, and committed with that. A commit that fails is the failure of the subtask: the restart
 * commits again, which is why `commit` is idempotent.
 */
import type { Json } from '../../lib/base/json.js'
import type { TransactionalWriter } from '../../lib/connectors/sink.js'

interface Prepared {
  /** The round from which on it is part of snapshots. */
  readonly round: number
  readonly transactions: Promise<readonly Json[]>
}

export class Transactions {
  readonly #writer: TransactionalWriter<unknown>
  #prepared: Prepared[] = []
  #committing: Promise<void> = Promise.resolve()

  constructor(writer: TransactionalWriter<unknown>) {
    this.#writer = writer
  }

  /** After a restart, before anything is written. `first`: this subtask clears up for all. */
  async recover(own: readonly Json[], all: readonly Json[], first: boolean): Promise<void> {
    if (own.length > 0) await this.#writer.commit(own)
    if (first) await this.#writer.recover(all)
  }

  /** Ends the open transaction. What is written from now on belongs to a later round. */
  prepare(round: number): void {
    const transactions = this.#writer.prepare(round)
    // Who waits for the round hears of a failure; until then it is nobody's.
    transactions.catch(() => {})
    this.#prepared.push({ round, transactions })
  }

  /** All that is prepared up to this round and not known to be committed, oldest first. */
  async upTo(round: number): Promise<readonly Json[]> {
    const waiting = this.#prepared.filter((prepared) => prepared.round <= round)
    return (await Promise.all(waiting.map(({ transactions }) => transactions))).flat()
  }

  /** The round is complete. Resolves when everything up to it is committed. */
  commit(round: number): Promise<void> {
    this.#committing = this.#committing.then(async () => {
      const due = this.#prepared.filter((prepared) => prepared.round <= round)
      const transactions = (await Promise.all(due.map((each) => each.transactions))).flat()
      if (transactions.length > 0) await this.#writer.commit(transactions)
      this.#prepared = this.#prepared.filter((prepared) => !due.includes(prepared))
    })
    return this.#committing
  }

  /** True when nothing is left to commit. */
  async isEmpty(): Promise<boolean> {
    return (await this.upTo(Number.POSITIVE_INFINITY)).length === 0
  }
}
