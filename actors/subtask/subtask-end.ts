/**
 * Where a subtask's signals go: the channels of its outlets, or a sink's writer. Dead letters leave by
 * an outlet of their own.
 */
import { assert } from '../../lib/base/assert.js'
import type { OutputChannel } from '../../lib/channel/channel.js'
import type { Outlet } from '../../lib/channel/outlet.js'
import type { SinkWriter } from '../../lib/connectors/sink.js'
import { DEAD_LETTERS } from '../../lib/graph/graph.js'
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
  /** Null where nobody reads it. A sink's chain has none. */
  side(name: string): Outlet | null
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

/** Ends in channels: of the main output, null where nobody reads it, and of side outputs by name. */
export class OutletEnd implements SubtaskEnd {
  readonly #main: Outlet | null
  readonly #sides: ReadonlyMap<string, Outlet>
  readonly #outlets: readonly Outlet[]
  /** Those without which there is nothing to do: dead letters alone keep nothing going. */
  readonly #wanted: readonly Outlet[]
  #ended = false

  constructor(main: Outlet | null, sides: ReadonlyMap<string, Outlet>) {
    this.#main = main
    this.#sides = sides
    this.#outlets = [...(main === null ? [] : [main]), ...sides.values()]
    this.#wanted = this.#outlets.filter((outlet) => outlet !== sides.get(DEAD_LETTERS))
  }

  get writable(): boolean {
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
  }

  signal(signal: Marker): void {
    // Nothing follows the end, not even another one.
    if (this.#ended) return
    for (const outlet of this.#outlets) outlet.signal(signal)
    if (signal.tag === END) this.#ended = true
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

  get held(): number {
    return this.#outlets.reduce((sum, { held }) => sum + held, 0)
  }

  join(channel: OutputChannel): number {
    const outlet = this.#outlets.find((candidate) => candidate.sends(channel.id))
    assert(outlet !== undefined, 'a subtask joins the channels of its own outlets')
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

  side(): null {
    return null
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
