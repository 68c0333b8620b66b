/**
 * What a job writes to, outside of it: transactions that many processes prepare and commit, some of them
 * long given up. A process that is dead reaches nothing; one that was paused goes on where it was.
 */
import type { Json } from '../../lib/base/json.js'
import type { Sink, SinkContext, TransactionalWriter } from '../../lib/connectors/sink.js'
import type { SimulatedProcess } from './simulated-process.js'

export interface TransactionWatch {
  /** A sink is given something there, or its barrier has come. */
  acts(process: SimulatedProcess, of: SinkContext, what: string): void
  /** A transaction becomes visible, and was not before. */
  shown(id: string): void
}

export class TransactionWorld {
  /** What everyone can see, in the order in which it was committed. */
  readonly shown: unknown[] = []
  /** So long it takes to prepare something. */
  prepareMs = 1
  /** Told of what happens, before it does. */
  watch: TransactionWatch = { acts: () => {}, shown: () => {} }
  readonly #prepared = new Map<string, readonly unknown[]>()
  readonly #committed = new Set<string>()
  #transactions = 0

  /** The sink as this process has it; each step of it takes a little time. */
  sink<T>(process: SimulatedProcess): Sink<T> {
    return {
      kind: 'shown',
      label: 'shown',
      guarantee: 'exactly-once',
      parallelism: null,
      settings: {},
      functions: [],
      open: (context: SinkContext) => new Writer(this, process, context),
    } as unknown as Sink<T>
  }

  newId(): number {
    return ++this.#transactions
  }

  prepare(id: string, records: readonly unknown[]): void {
    this.#prepared.set(id, records)
  }

  commit(id: string): void {
    if (this.#committed.has(id)) return
    const records = this.#prepared.get(id)
    if (records === undefined) throw new Error(`transaction ${id} is gone`)
    this.watch.shown(id)
    this.#committed.add(id)
    this.#prepared.delete(id)
    this.shown.push(...records)
  }

  keepOnly(ids: ReadonlySet<string>): void {
    for (const id of this.#prepared.keys()) if (!ids.has(id)) this.#prepared.delete(id)
  }
}

class Writer implements TransactionalWriter<unknown> {
  readonly #world: TransactionWorld
  readonly #process: SimulatedProcess
  readonly #context: SinkContext
  #open: unknown[] = []

  constructor(world: TransactionWorld, process: SimulatedProcess, context: SinkContext) {
    this.#world = world
    this.#process = process
    this.#context = context
  }

  write(records: readonly unknown[]): boolean {
    this.#world.watch.acts(this.#process, this.#context, 'something is written')
    this.#open.push(...records)
    return true
  }

  flush(): void {}

  /** What is left to write takes its time. */
  finish(): Promise<void> {
    return this.#process.sleep(this.#world.prepareMs)
  }

  async abort(): Promise<void> {}

  async prepare(round: number): Promise<readonly Json[]> {
    this.#world.watch.acts(this.#process, this.#context, `round ${round} is prepared`)
    const records = this.#open
    this.#open = []
    if (records.length === 0) return []
    const { run, subtask, attempt } = this.#context
    const id = `${run}/${subtask}/${attempt}/${round}/${this.#world.newId()}`
    await this.#process.sleep(this.#world.prepareMs)
    this.#world.prepare(id, records)
    await this.#process.sleep(0)
    return [id]
  }

  async commit(transactions: readonly Json[]): Promise<void> {
    for (const id of transactions) {
      await this.#process.sleep(1)
      this.#world.commit(id as string)
    }
    await this.#process.sleep(0)
  }

  async discard(): Promise<void> {}

  async recover(keep: readonly Json[]): Promise<void> {
    await this.#process.sleep(1)
    this.#world.keepOnly(new Set(keep as readonly string[]))
  }
}
