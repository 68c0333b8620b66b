/**
 * Where a subtask's signals go: the channels of its outlets, or a sink's writer. Dead letters leave by
 * an outlet of their own.
 */
import { assert } from '../../lib/base/assert.js'
import type { Json } from '../../lib/base/json.js'
import type { OutputChannel } from '../../lib/channel/channel.js'
import type { Outlet, Overtook } from '../../lib/channel/outlet.js'
import { isTransactional, type SinkWriter } from '../../lib/connectors/sink.js'
import { DEAD_LETTERS } from '../../lib/graph/graph.js'
import type { ChainEnd } from '../../lib/operators/chain.js'
import type { DeadLetter } from '../../lib/operators/record-error.js'
import {
  BARRIER,
  type Barrier,
  type Batch,
  batch,
  END,
  end,
  type Marker,
} from '../../lib/operators/signal.js'
import type { RestoredTransactions } from '../../lib/snapshot/round.js'
import { Transactions } from './transactions.js'

export interface SubtaskEnd extends ChainEnd {
  /** To be called in a turn: goes on with what has come about outside of any. A slot that stands still takes none. */
  proceed(): void
  /** True when nobody downstream needs more. */
  readonly cancelled: boolean
  /** True when the end has passed and everything is handed over. */
  readonly finished: boolean
  /** Makes visible what was collected. */
  flush(): void
  /** Null where nobody reads it. A sink's chain has none. */
  side(name: string): Outlet | null
  deadLetter(letter: DeadLetter): void
  /** Ends without finishing; resolves when everything is released. */
  abort(): void | Promise<void>
  /** Records taken and not sent yet. */
  readonly held: number
  /**
   * The barrier of this round is to pass the chain at once: until it is there, `writable` stays true for
   * a bounded number of batches, so that what it makes operators flush goes before it.
   */
  flood(round: number): void
  /** True while it may be given a barrier: with no batch between, it needs no credit. */
  readonly takesBarrier: boolean
  /** As `signal`, for a barrier that goes ahead of what is held; `took` is told what it overtook. */
  overtake(barrier: Barrier, took: Overtook): void
  /** A barrier that still waits behind data goes ahead of it. */
  hurry(round: number, took: Overtook): void
  /** True while the barrier of that round has not left on every channel. */
  holdsBarrier(round: number): boolean
  /** The sink's prepared transactions up to a round; none where there is no such sink. */
  prepared(round: number): Promise<readonly Json[]>
  /** The round is complete: what it holds is committed when this resolves. It never rejects. */
  commit(round: number): Promise<void>
  /** Everything has passed, and what is left is to commit it with a round. */
  readonly awaitsCommit: boolean
  /** Takes a channel to a receiver that was replaced; returns the records lost with the old one. */
  join(channel: OutputChannel): number
}

export interface SubtaskEndOwner {
  /** `finished` or `writable` may have become true. */
  ready(): void
  failed(error: unknown): void
}

export interface SinkEndOwner extends SubtaskEndOwner {
  /** True where snapshots are taken. */
  readonly snapshots: boolean
  /** True in the subtask that clears up for all after a restart. */
  readonly first: boolean
  /** What the snapshot holds that the subtask goes on from; null at the beginning. */
  readonly restored: RestoredTransactions | null
  /** Of that snapshot; 0 at the beginning. */
  readonly round: number
  onAwaitsCommit(): void
}

/**
 * Batches that an end takes for one unaligned barrier beyond what its channels let in: what half an
 * aggregation before an exchange flushes, what is deferred and cannot be stored. Beyond that the barrier waits.
 */
const FLOOD_BATCHES = 16

/** Ends in channels: of the main output, null where nobody reads it, and of side outputs by name. */
export class OutletEnd implements SubtaskEnd {
  readonly #main: Outlet | null
  readonly #sides: ReadonlyMap<string, Outlet>
  readonly #outlets: readonly Outlet[]
  /** Those without which there is nothing to do: dead letters alone keep nothing going. */
  readonly #wanted: readonly Outlet[]
  #ended = false
  /** Round that was flooded for last, and the batches left of that. */
  #floodedRound = 0
  #flood = 0

  constructor(main: Outlet | null, sides: ReadonlyMap<string, Outlet>) {
    this.#main = main
    this.#sides = sides
    this.#outlets = [...(main === null ? [] : [main]), ...sides.values()]
    this.#wanted = this.#outlets.filter((outlet) => outlet !== sides.get(DEAD_LETTERS))
  }

  get writable(): boolean {
    if (this.#flood > 0) return true
    const outlets = this.#outlets
    for (let i = 0; i < outlets.length; i++) if (!outlets[i]!.writable) return false
    return true
  }

  get cancelled(): boolean {
    return this.#wanted.length > 0 && this.#wanted.every((outlet) => outlet.cancelled)
  }

  get finished(): boolean {
    return this.#ended && this.#outlets.every(isSent)
  }

  /** Null where nobody reads it. */
  side(name: string): Outlet | null {
    return this.#sides.get(name) ?? null
  }

  write(records: Batch): void {
    this.#main?.write(records)
    if (this.#flood > 0 && --this.#flood === 0) this.#setFlooded(false)
  }

  signal(signal: Marker): void {
    // Nothing follows the end, not even another one.
    if (this.#ended) return
    if (signal.tag === BARRIER || signal.tag === END) this.#unflood()
    for (const outlet of this.#outlets) outlet.signal(signal)
    if (signal.tag === END) this.#ended = true
  }

  flood(round: number): void {
    if (round <= this.#floodedRound) return
    this.#floodedRound = round
    this.#flood = FLOOD_BATCHES
    this.#setFlooded(true)
  }

  readonly takesBarrier = true

  overtake(barrier: Barrier, took: Overtook): void {
    if (this.#ended) return
    for (const outlet of this.#outlets) outlet.overtake(barrier, took)
    this.#unflood()
  }

  hurry(round: number, took: Overtook): void {
    for (const outlet of this.#outlets) outlet.hurry(round, took)
  }

  holdsBarrier(round: number): boolean {
    return this.#outlets.some((outlet) => outlet.holdsBarrier(round))
  }

  #unflood(): void {
    if (this.#flood === 0) return
    this.#flood = 0
    this.#setFlooded(false)
  }

  #setFlooded(flooded: boolean): void {
    for (const outlet of this.#outlets) outlet.flooded = flooded
  }

  flush(): void {
    for (const outlet of this.#outlets) outlet.flush()
  }

  deadLetter(letter: DeadLetter): void {
    this.#sides.get(DEAD_LETTERS)?.write(batch([letter]))
  }

  abort(): void {
    for (const outlet of this.#outlets) outlet.close()
  }

  proceed(): void {}

  async prepared(): Promise<readonly Json[]> {
    return []
  }

  async commit(): Promise<void> {}

  readonly awaitsCommit = false

  get held(): number {
    return this.#outlets.reduce((sum, { held }) => sum + held, 0)
  }

  join(channel: OutputChannel): number {
    const outlet = this.#outlets.find((candidate) => candidate.sends(channel.id))
    assert(outlet !== undefined, 'a subtask joins the channels of its own outlets')
    return outlet.replace(channel)
  }
}

/**
 * Ends in a sink. The end signal finishes the writer, which takes its time; a transactional one then
 * waits for a round with which its last transaction is committed, or commits it at once where no
 * snapshots are taken.
 */
export class SinkEnd implements SubtaskEnd {
  readonly #writer: SinkWriter<unknown>
  readonly #side: Outlet | null
  readonly #owner: SinkEndOwner
  readonly #transactions: Transactions | null
  #full = false
  /** Waits for a turn; null: nothing does. */
  #next: (() => Promise<void>) | null = null
  #written = false
  /** Of the barrier that passed last, in this life or before it. */
  #round: number
  awaitsCommit = false
  /** Nothing is written before what a former life left has been committed. */
  #recovering = false

  constructor(writer: SinkWriter<unknown>, side: Outlet | null, owner: SinkEndOwner) {
    this.#writer = writer
    this.#side = side
    this.#owner = owner
    this.#round = owner.round
    this.#transactions = isTransactional(writer) ? new Transactions(writer) : null
    const { restored } = owner
    if (this.#transactions === null || restored === null) return
    this.#recovering = true
    this.#transactions.recover(restored.own, restored.all, owner.first).then(
      () => {
        this.#recovering = false
        owner.ready()
      },
      (error: unknown) => owner.failed(error),
    )
  }

  get writable(): boolean {
    return !this.#full && !this.#recovering && (this.#side?.writable ?? true)
  }

  get cancelled(): boolean {
    return false
  }

  get finished(): boolean {
    return this.#written && isSent(this.#side)
  }

  /** The writer can take more. */
  resume(): void {
    this.#full = false
  }

  write(records: Batch): void {
    this.#full = !this.#writer.write(records.records, records.times)
  }

  side(): null {
    return null
  }

  signal(signal: Marker): void {
    if (signal.tag === BARRIER) this.#prepare(signal)
    if (signal.tag === END) this.#heeded(this.#finish())
    else this.#side?.signal(signal)
  }

  /** A writer is given a barrier between two writes only, and says itself when it can take one. */
  flood(): void {}

  get takesBarrier(): boolean {
    return this.writable
  }

  overtake(barrier: Barrier, took: Overtook): void {
    this.#prepare(barrier)
    this.#side?.overtake(barrier, took)
  }

  hurry(round: number, took: Overtook): void {
    this.#side?.hurry(round, took)
  }

  holdsBarrier(round: number): boolean {
    return this.#side?.holdsBarrier(round) ?? false
  }

  prepared(round: number): Promise<readonly Json[]> {
    return this.#transactions?.upTo(round) ?? Promise.resolve([])
  }

  async commit(round: number): Promise<void> {
    if (this.#transactions === null) return
    try {
      await this.#transactions.commit(round)
      if (this.awaitsCommit && (await this.#transactions.isEmpty())) this.#close()
    } catch (error) {
      this.#owner.failed(error)
    }
  }

  flush(): void {
    this.#writer.flush()
    this.#side?.flush()
  }

  deadLetter(letter: DeadLetter): void {
    this.#side?.write(batch([letter]))
  }

  abort(): void | Promise<void> {
    this.#side?.close()
    return this.#writer.abort()
  }

  get held(): number {
    return this.#side?.held ?? 0
  }

  join(channel: OutputChannel): number {
    assert(this.#side !== null, 'a sink sends its dead letters only')
    return this.#side.replace(channel)
  }

  #prepare({ round }: Barrier): void {
    this.#round = round
    this.#transactions?.prepare(round)
  }

  proceed(): void {
    const next = this.#next
    this.#next = null
    if (next !== null) this.#heeded(next())
  }

  #inTurn(next: () => Promise<void>): void {
    this.#next = next
    this.#owner.ready()
  }

  #heeded(promise: Promise<void>): void {
    promise.catch((error: unknown) => this.#owner.failed(error))
  }

  async #finish(): Promise<void> {
    await this.#writer.finish()
    this.#inTurn(() => this.#end())
  }

  /** Behind what the writer has finished with. */
  async #end(): Promise<void> {
    const transactions = this.#transactions
    if (transactions === null) return this.#close()
    // What no barrier follows belongs to the next round; the last one may still be under way.
    const next = this.#round + 1
    transactions.prepare(next)
    if (await transactions.isEmpty()) return this.#close()
    if (!this.#owner.snapshots) {
      return this.#inTurn(async () => {
        await transactions.commit(next)
        this.#close()
      })
    }
    this.awaitsCommit = true
    this.#owner.ready()
    this.#owner.onAwaitsCommit()
  }

  #close(): void {
    this.awaitsCommit = false
    this.#written = true
    this.#side?.signal(end)
    this.#owner.ready()
  }
}

/** With no data held back, the end has gone out behind it. */
const isSent = (outlet: Outlet | null): boolean => outlet === null || outlet.held === 0
