/**
 * Where a subtask's signals go: the channels of its outlets, or a sink's writer. Dead letters leave by
 * an outlet of their own.
 */
import { assert } from '../../lib/base/assert.js'
import type { OutputChannel } from '../../lib/channel/channel.js'
import type { Outlet } from '../../lib/channel/outlet.js'
import type { SinkWriter } from '../../lib/connectors/sink.js'
import type { ChainEnd } from '../../lib/operators/chain.js'
import type { DeadLetter } from '../../lib/operators/record-error.js'
import { type Batch, batch, END, end, type Marker } from '../../lib/operators/signal.js'

export interface SubtaskEnd extends ChainEnd {
  /** True when nobody downstream needs more. */
  readonly cancelled: boolean
  /** True when the end has passed and everything is handed over. */
  readonly finished: boolean
  /** Makes visible what was collected. */
  flush(): void
  deadLetter(letter: DeadLetter): void
  /** Ends without finishing; resolves when everything is released. */
  abort(): void | Promise<void>
  /** Records taken and not sent yet. */
  readonly held: number
  /** Takes a channel to a receiver that was replaced; returns the records lost with the old one. */
  join(channel: OutputChannel): number
}

export interface SubtaskEndOwner {
  /** `finished` or `writable` may have become true. */
  ready(): void
  failed(error: unknown): void
}

/** Ends in channels. `side` is the outlet of dead letters. */
export class OutletEnd implements SubtaskEnd {
  readonly #main: Outlet | null
  readonly #side: Outlet | null
  #ended = false

  constructor(main: Outlet | null, side: Outlet | null) {
    this.#main = main
    this.#side = side
  }

  get writable(): boolean {
    return (this.#main?.writable ?? true) && (this.#side?.writable ?? true)
  }

  get cancelled(): boolean {
    return this.#main?.cancelled ?? false
  }

  get finished(): boolean {
    return this.#ended && isSent(this.#main) && isSent(this.#side)
  }

  write(records: Batch): void {
    this.#main?.write(records)
  }

  signal(signal: Marker): void {
    // Nothing follows the end, not even another one.
    if (this.#ended) return
    this.#main?.signal(signal)
    this.#side?.signal(signal)
    if (signal.tag === END) this.#ended = true
  }

  flush(): void {
    this.#main?.flush()
    this.#side?.flush()
  }

  deadLetter(letter: DeadLetter): void {
    this.#side?.write(batch([letter]))
  }

  abort(): void {
    this.#main?.close()
    this.#side?.close()
  }

  get held(): number {
    return (this.#main?.held ?? 0) + (this.#side?.held ?? 0)
  }

  join(channel: OutputChannel): number {
    const outlet = [this.#main, this.#side].find((candidate) => candidate?.sends(channel.id))
    assert(outlet != null, 'a subtask joins the channels of its own outlets')
    return outlet.replace(channel)
  }
}

/** Ends in a sink. The end signal finishes the writer, which takes its time. */
export class SinkEnd implements SubtaskEnd {
  readonly #writer: SinkWriter<unknown>
  readonly #side: Outlet | null
  readonly #owner: SubtaskEndOwner
  #full = false
  #written = false

  constructor(writer: SinkWriter<unknown>, side: Outlet | null, owner: SubtaskEndOwner) {
    this.#writer = writer
    this.#side = side
    this.#owner = owner
  }

  get writable(): boolean {
    return !this.#full && (this.#side?.writable ?? true)
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
    this.#full = !this.#writer.write(records.records)
  }

  signal(signal: Marker): void {
    if (signal.tag !== END) {
      this.#side?.signal(signal)
      return
    }
    this.#writer.finish().then(
      () => {
        this.#written = true
        this.#side?.signal(end)
        this.#owner.ready()
      },
      (error: unknown) => this.#owner.failed(error),
    )
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
}

/** With no data held back, the end has gone out behind it. */
const isSent = (outlet: Outlet | null): boolean => outlet === null || outlet.held === 0
