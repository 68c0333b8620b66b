/**
 * The outlet: the sending half of a chain, for the edges of one output.
 *
 * Every edge (branch) gets every batch and distributes it over its channels. The outlet is as slow
 * as its slowest live channel: while one waits for credit it takes no further batch, so what it
 * holds is bounded by what each channel may hold.
 */
import { assert } from '../base/assert.js'
import {
  BATCH_RECORDS_MAX,
  type Barrier,
  type Batch,
  END,
  IDLE,
  type Marker,
  WATERMARK,
} from '../operators/signal.js'
import { type ChannelId, channelName, type OutputChannel } from './channel.js'
import { createEdgeWriter, type EdgeWriter, type Partition } from './partition.js'

export interface OutletEdge {
  readonly partition: Partition
  /** In the order of the receiving subtasks. */
  readonly channels: readonly OutputChannel[]
  /** True where an unaligned barrier goes ahead of what is held. Default false. */
  readonly overtaken?: boolean
}

/** What a barrier has overtaken on one channel, in order. */
export type Overtook = (id: ChannelId, batches: readonly Batch[]) => void

export interface Outlet {
  /** False while a live channel waits for credit: write no further batch. */
  readonly writable: boolean
  /** True once every receiver has said that it needs no more. Never, without edges. */
  readonly cancelled: boolean
  /** True when `flush` has nothing to do: what is held goes by itself with the next credits. */
  readonly flushed: boolean
  /** Records taken and not sent yet. */
  readonly held: number
  /** Distributes a batch of 1 … BATCH_RECORDS_MAX records. *Caller must* see `writable` first. */
  write(batch: Batch): void
  /** Flushes, then sends a signal on every channel, in order with the data. */
  signal(signal: Marker): void
  /** As `signal`, ahead of what is held where the edge allows it. */
  overtake(barrier: Barrier, took: Overtook): void
  /** A barrier that waits behind data goes ahead of them, where the edge allows it. */
  hurry(round: number, took: Overtook): void
  /** True while the barrier of that round has not left on every channel. */
  holdsBarrier(round: number): boolean
  /**
   * True while an unaligned barrier passes the chain: batches are taken although nothing is writable.
   * *Caller must* bound how many.
   */
  flooded: boolean
  /** Sends what was collected, as far as credit allows. When: see `flush-policy.ts`. */
  flush(): void
  /** Called when `writable` or `cancelled` may have become true. MUST only schedule. */
  onWritable: () => void
  /** Called when a channel has lost its link. */
  onFailure: (error: Error) => void
  /**
   * Puts a channel to a restarted receiver in the place of the one with the same id, and says on it
   * what the receiver must know: the last watermark, idleness, the end. Returns the number of records
   * that were held for the old one and are lost; what had been sent and was not consumed is counted
   * by nobody here.
   */
  replace(channel: OutputChannel): number
  /** True when it has a channel of this name. */
  sends(id: ChannelId): boolean
  close(): void
}

export function createOutlet(edges: readonly OutletEdge[]): Outlet {
  return new ChainOutlet(edges)
}

class ChainOutlet implements Outlet {
  onWritable: () => void = () => {}
  onFailure: (error: Error) => void = () => {}
  /** Channels by edge; the writers look into these arrays. */
  readonly #channelsOf: readonly OutputChannel[][]
  readonly #writers: readonly EdgeWriter[]
  /** All of them in a row. */
  readonly #channels: OutputChannel[]
  /** Edges on which an unaligned barrier keeps its place. */
  readonly #aligned: ReadonlySet<number>
  #flooded = false
  /** The last of each kind, in the order in which a receiver that comes late hears them. */
  readonly #said: { time: Marker | null; idle: Marker | null; end: Marker | null } = {
    time: null,
    idle: null,
    end: null,
  }

  constructor(edges: readonly OutletEdge[]) {
    this.#channelsOf = edges.map(({ channels }) => [...channels])
    this.#writers = edges.map(({ partition }, i) =>
      createEdgeWriter(partition, this.#channelsOf[i]!),
    )
    this.#channels = this.#channelsOf.flat()
    this.#aligned = new Set(
      edges.flatMap(({ channels, overtaken = false }) =>
        overtaken ? [] : channels.map(({ id }) => id.edge),
      ),
    )
    for (const channel of this.#channels) this.#listen(channel)
  }

  get writable(): boolean {
    const channels = this.#channels
    for (let i = 0; i < channels.length; i++) {
      const channel = channels[i]!
      if (!channel.writable && !channel.cancelled) return false
    }
    return true
  }

  get cancelled(): boolean {
    return this.#channels.length > 0 && this.#channels.every(({ cancelled }) => cancelled)
  }

  get flushed(): boolean {
    return this.#channels.every(({ flushed }) => flushed)
  }

  get held(): number {
    return this.#channels.reduce((sum, { held }) => sum + held, 0)
  }

  write(batch: Batch): void {
    const { length } = batch.records
    assert(length > 0 && length <= BATCH_RECORDS_MAX, 'a batch has 1 … BATCH_RECORDS_MAX records')
    const writers = this.#writers
    for (let i = 0; i < writers.length; i++) writers[i]!(batch)
  }

  signal(signal: Marker): void {
    if (signal.tag === WATERMARK) this.#said.time = signal
    else if (signal.tag === IDLE) this.#said.idle = signal
    else if (signal.tag === END) this.#said.end = signal
    for (const channel of this.#channels) channel.signal(signal)
  }

  overtake(barrier: Barrier, took: Overtook): void {
    for (const channel of this.#channels) {
      if (this.#aligned.has(channel.id.edge)) channel.signal(barrier)
      else say(channel, channel.overtake(barrier), took)
    }
  }

  hurry(round: number, took: Overtook): void {
    for (const channel of this.#channels) {
      if (!this.#aligned.has(channel.id.edge)) say(channel, channel.hurry(round), took)
    }
  }

  holdsBarrier(round: number): boolean {
    return this.#channels.some((channel) => channel.holdsBarrier(round))
  }

  get flooded(): boolean {
    return this.#flooded
  }

  set flooded(flooded: boolean) {
    this.#flooded = flooded
    for (const channel of this.#channels) channel.flooded = flooded
  }

  flush(): void {
    for (const channel of this.#channels) channel.flush()
  }

  replace(channel: OutputChannel): number {
    const name = channelName(channel.id)
    for (const channels of this.#channelsOf) {
      const position = channels.findIndex(({ id }) => channelName(id) === name)
      if (position < 0) continue
      const old = channels[position]!
      const lost = old.held
      old.close()
      channels[position] = channel
      this.#channels[this.#channels.indexOf(old)] = channel
      this.#listen(channel)
      for (const marker of Object.values(this.#said)) if (marker !== null) channel.signal(marker)
      this.onWritable()
      return lost
    }
    throw unknownChannel(channel.id)
  }

  sends(id: ChannelId): boolean {
    return this.#channels.some((channel) => channelName(channel.id) === channelName(id))
  }

  close(): void {
    for (const channel of this.#channels) channel.close()
  }

  #listen(channel: OutputChannel): void {
    channel.onWritable = () => this.onWritable()
    channel.onFailure = (error) => this.onFailure(error)
  }
}

function say({ id }: OutputChannel, batches: readonly Batch[], took: Overtook): void {
  if (batches.length > 0) took(id, batches)
}

const unknownChannel = (id: ChannelId): Error =>
  new Error(`broken law: the outlet has a channel ${channelName(id)} to replace`)
