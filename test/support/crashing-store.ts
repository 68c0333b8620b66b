/**
 * A world that survives the death of a job in it: a chunk store and a two-phase sink in memory, and a
 * fault that ends the present life at a chosen step. What a life does after its death reaches nothing.
 *
 * Steps are what outlives a process, before and after: what it puts into the store and what it shows. A death
 * anywhere else, while barriers are injected, aligned, acknowledged or told of, leaves the same as one before the
 * next step.
 */

import { MillraceError } from '../../lib/base/errors.js'
import type { Json } from '../../lib/base/json.js'
import type { Sink, SinkContext, TransactionalWriter } from '../../lib/connectors/sink.js'
import type { ChunkStore } from '../../lib/snapshot/chunk-store.js'
import { MemoryChunkStore } from '../../lib/snapshot/memory-chunk-store.js'

/** What a life may die at. */
export const STEPS: readonly string[] = [
  ...['put', 'commit', 'retire', 'delete', 'prepare', 'show'].flatMap((step) => [
    `before ${step}`,
    `after ${step}`,
  ]),
  'before recover',
]

/** Faults on purpose in what is being tested: each must be found. */
export interface Mutation {
  /** The sink shows what it prepares at once. */
  readonly commitsEarly?: boolean
  /** What a dead life still does is accepted. */
  readonly acceptsStale?: boolean
}

export class CrashingWorld {
  readonly store = new MemoryChunkStore()
  /** What everyone can see, in the order in which it was committed. */
  readonly shown: unknown[] = []
  readonly #prepared = new Map<string, unknown[]>()
  readonly #committed = new Set<string>()
  readonly mutation: Mutation
  life = 0
  steps = 0
  crashes = 0
  /** The steps at which lives have died. */
  readonly diedAt = new Set<string>()
  /** Steps of this life until it dies. */
  #stepsLeft = Number.POSITIVE_INFINITY
  onDeath: () => void = () => {}

  constructor(mutation: Mutation = {}) {
    this.mutation = mutation
  }

  begin(stepsLeft: number): void {
    this.life++
    this.#stepsLeft = stepsLeft
  }

  /** Something durable is about to happen, or has happened. Never settles for the dead. */
  async step(life: number, what: string): Promise<void> {
    this.steps++
    if (life === this.life && this.#stepsLeft-- === 0) {
      this.crashes++
      this.diedAt.add(what)
      this.life++
      this.onDeath()
    }
    if (life !== this.life && this.mutation.acceptsStale !== true) await new Promise(() => {})
  }

  /** The store as this life sees it. */
  open(life: number, fails: () => boolean): ChunkStore {
    const { store } = this
    const around = async <R>(what: string, action: () => Promise<R>): Promise<R> => {
      await this.step(life, `before ${what}`)
      if (fails())
        throw new MillraceError('E_STORE', 'no space left', { details: { code: 'ENOSPC' } })
      const result = await action()
      await this.step(life, `after ${what}`)
      return result
    }
    return {
      place: 'memory',
      put: (id, bytes) => around('put', () => store.put(id, bytes)),
      get: (id) => store.get(id),
      list: () => store.list(),
      delete: (ids) => around('delete', () => store.delete(ids)),
      commit: (number, manifest) => around('commit', () => store.commit(number, manifest)),
      manifests: () => store.manifests(),
      manifest: (number) => store.manifest(number),
      retire: (number) => around('retire', () => store.retire(number)),
      close: async () => {},
    }
  }

  /** `lifeOf`: asked as it is opened. */
  sink<T>(lifeOf: () => number): Sink<T> {
    return {
      kind: 'shown',
      label: 'shown',
      guarantee: 'exactly-once',
      parallelism: null,
      settings: {},
      functions: [],
      open: (context: SinkContext) => new Writer(this, lifeOf(), context),
    } as unknown as Sink<T>
  }

  prepare(id: string, records: unknown[]): void {
    if (this.mutation.commitsEarly === true) this.shown.push(...records)
    else this.#prepared.set(id, records)
  }

  commit(id: string): void {
    if (this.#committed.has(id) || this.mutation.commitsEarly === true) return
    const records = this.#prepared.get(id)
    if (records === undefined) throw new Error(`transaction ${id} is gone`)
    this.#committed.add(id)
    this.#prepared.delete(id)
    this.shown.push(...records)
  }

  keepOnly(ids: ReadonlySet<string>): void {
    for (const id of this.#prepared.keys()) if (!ids.has(id)) this.#prepared.delete(id)
  }
}

class Writer implements TransactionalWriter<unknown> {
  readonly #world: CrashingWorld
  readonly #life: number
  readonly #context: SinkContext
  #open: unknown[] = []
  #transactions = 0

  constructor(world: CrashingWorld, life: number, context: SinkContext) {
    this.#world = world
    this.#life = life
    this.#context = context
  }

  write(records: readonly unknown[]): boolean {
    this.#open.push(...records)
    return true
  }

  flush(): void {}
  async finish(): Promise<void> {}
  async abort(): Promise<void> {}

  async prepare(round: number): Promise<readonly Json[]> {
    const records = this.#open
    this.#open = []
    if (records.length === 0) return []
    const { run, subtask, attempt } = this.#context
    const id = `${run}/${subtask}/${attempt}/${round}/${this.#transactions++}`
    await this.#world.step(this.#life, 'before prepare')
    this.#world.prepare(id, records)
    await this.#world.step(this.#life, 'after prepare')
    return [id]
  }

  async commit(transactions: readonly Json[]): Promise<void> {
    for (const id of transactions) {
      await this.#world.step(this.#life, 'before show')
      this.#world.commit(id as string)
      await this.#world.step(this.#life, 'after show')
    }
  }

  async discard(): Promise<void> {}

  async recover(keep: readonly Json[]): Promise<void> {
    await this.#world.step(this.#life, 'before recover')
    this.#world.keepOnly(new Set(keep as readonly string[]))
  }
}
