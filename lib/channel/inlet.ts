/**
 * The inlet: the receiving half of a chain. It makes one stream of signals out of n channels.
 *
 * - Batches are taken in turn from the channels that have something, so none starves.
 * - Watermarks and idleness are merged (`lib/time/watermark-merge.ts`); the end comes when every
 *   channel has ended.
 * - Where the chain's first operator has several inputs, each batch says by which it came, and an INPUT
 *   signal says when one of them has ended, gone idle or woken (`ports.ts`): after its last batch, and
 *   before what follows from it for the watermark.
 * - Barriers are aligned (`lib/snapshot/barrier-alignment.ts`): a channel whose barrier has come waits
 *   until that of every other one has.
 * - The barrier of an unaligned round goes ahead of what has not been taken: it comes next, behind what
 *   the chain is still to hear of markers that were taken (`hurries`). What the channels bring before
 *   their own barriers is logged.
 * - What was in flight when a snapshot was taken is replayed before anything is read from a channel, and
 *   behind the watermark that was restored, so event time does not run ahead of it. A barrier may overtake
 *   it again.
 * - Order is kept within a channel, not between channels.
 */
import { assert } from '../base/assert.js'
import {
  BARRIER,
  BATCH,
  type Barrier,
  type Batch,
  batch as createBatch,
  END,
  end,
  IDLE,
  INPUT,
  type InputChange,
  type Marker,
  type Signal,
  WATERMARK,
} from '../operators/signal.js'
import { BarrierAlignment } from '../snapshot/barrier-alignment.js'
import type { ReplayedBatch } from '../snapshot/restore-flights.js'
import { WatermarkMerge } from '../time/watermark-merge.js'
import {
  type ArrivalLog,
  type ChannelId,
  channelName,
  countUnread,
  type InputChannel,
} from './channel.js'
import { withoutKeys } from './partition.js'
import { Ports } from './ports.js'

/** Computes the key of a record, where the sender does not ship it. */
export type KeySelector = (record: never) => unknown

export interface InletOptions {
  /** False: keys that come with batches are taken off, their scope has ended. Default true. */
  readonly keyed?: boolean
  /** By edge id: selectors for edges with `key: 'derived'`. */
  readonly selectors?: ReadonlyMap<number, KeySelector>
  /** Number of inputs of the chain's first operator. Default 1. */
  readonly inputs?: number
  /** By edge id: the input that the edge leads to. Default 0. */
  readonly inputOf?: ReadonlyMap<number, number>
  /** By edge id: false where it holds no watermark back, having no event time. Default true. */
  readonly holdsTime?: ReadonlyMap<number, boolean>
  /** False: barriers block no channel, so that a restart may see records twice. Default true. */
  readonly exactlyOnce?: boolean
  /**
   * Edges on which a barrier may overtake data, and the log of what it overtakes on a channel. Default:
   * every edge aligns.
   */
  readonly overtaken?: {
    readonly edges: ReadonlySet<number>
    readonly log: (round: number, id: ChannelId) => ArrivalLog
    /** Of what was still to be replayed. */
    readonly logReplays: (round: number, replays: readonly ReplayedBatch[]) => void
  }
  /** Records in flight that a snapshot holds, in their order. Default: none. */
  readonly replays?: readonly ReplayedBatch[]
  /** Watermark that a former life of the subtask had reached: it goes on from there. Default: none. */
  readonly timeMs?: number
}

export interface Inlet {
  /** True when `take` may return something. */
  readonly readable: boolean
  /** The next signal, or null. */
  take(): Signal | null
  /** Channel and number of the batch taken last; null and 0 before the first. For dead letters. */
  readonly channel: string | null
  readonly sequence: number
  /** Batches that have arrived and were not taken yet. */
  readonly held: number
  /** The watermark said last; −∞ before the first. */
  readonly timeMs: number
  /** Round whose barriers are being waited for; 0: none. */
  readonly aligning: number
  /**
   * A round has begun: its barrier comes, and if every channel has ended, or it is unaligned, at once.
   */
  request(barrier: Barrier): void
  /** A round that was begun is unaligned from now on. */
  hurry(round: number): void
  /**
   * The unaligned round whose barrier is to come next, behind markers only: `take` gives no batch before
   * it, and *caller should* take it even where the chain's output is not writable. 0: none.
   */
  hurries(): number
  /**
   * That barrier, ahead of what a restored subtask is told again: the watermark it was restored with, and
   * how its inputs are. Null where another marker was taken that comes before it.
   */
  takeHurried(): Barrier | null
  /** A round is given up: channels that wait for it are read on. */
  abandon(round: number): void
  /** Needs no more: upstream may stop. What arrives is dropped; `end` still comes. */
  cancel(): void
  /** Called when `readable` may have become true. MUST only schedule. */
  onReadable: () => void
  /** Called once, when the first of its channels fails. */
  onFailure: (error: Error) => void
  /**
   * Puts a channel from a restarted sender in the place of the one with the same id. Returns the
   * number of records that had arrived on the old one and are lost with it.
   */
  replace(channel: InputChannel): number
  close(): void
}

export function createInlet(channels: readonly InputChannel[], options: InletOptions = {}): Inlet {
  return new ChainInlet(channels, options)
}

class ChainInlet implements Inlet {
  onReadable: () => void = () => {}
  onFailure: (error: Error) => void = () => {}
  channel: string | null = null
  sequence = 0
  readonly #channels: InputChannel[]
  readonly #names: readonly string[]
  readonly #keyed: boolean
  readonly #selectors: ReadonlyMap<number, KeySelector>
  readonly #merge: WatermarkMerge
  readonly #ports: Ports
  readonly #alignment: BarrierAlignment
  /** The barrier of the round that is being aligned. */
  #awaited: Barrier | null = null
  /** What follows from the markers taken and the chain has not heard. */
  readonly #due: Signal[] = []
  readonly #overtaken: InletOptions['overtaken']
  #replays: readonly ReplayedBatch[]
  /** Barrier of an unaligned round that has not passed. */
  #hurried: Barrier | null = null
  /** The same, once it is due. */
  #passing: Barrier | null = null
  #saidTimeMs = -Infinity
  /** The watermark it began with; NaN: none. */
  readonly #restoredMs: number
  #saidActive = true
  /** Channel whose turn it is. */
  #turn = 0
  #cancelled = false
  #failed = false

  constructor(channels: readonly InputChannel[], options: InletOptions) {
    assert(channels.length > 0, 'an inlet has at least one channel')
    const { keyed = true, selectors = new Map(), inputs = 1 } = options
    const { inputOf = new Map<number, number>(), holdsTime = new Map<number, boolean>() } = options
    this.#channels = [...channels]
    this.#names = channels.map(({ id }) => channelName(id))
    this.#keyed = keyed
    this.#selectors = selectors
    this.#merge = new WatermarkMerge(
      channels.length,
      channels.map(({ id }) => holdsTime.get(id.edge) ?? true),
    )
    this.#ports = new Ports(
      channels.map(({ id }) => inputOf.get(id.edge) ?? 0),
      inputs,
    )
    this.#overtaken = options.overtaken
    this.#replays = options.replays ?? []
    const edges = options.overtaken?.edges ?? new Set<number>()
    const mayOvertake = (channel: number) => edges.has(channels[channel]!.id.edge)
    this.#alignment = new BarrierAlignment(channels.length, options.exactlyOnce, mayOvertake)
    this.#restoredMs = options.timeMs ?? Number.NaN
    this.#due.push(...this.#ports.begin())
    if (options.timeMs !== undefined && options.timeMs > this.#saidTimeMs) {
      this.#saidTimeMs = options.timeMs
      this.#due.push({ tag: WATERMARK, timeMs: options.timeMs })
    }
    for (const channel of channels) this.#listen(channel)
  }

  get readable(): boolean {
    if (this.#due.length > 0 || this.#replays.length > 0) return true
    const channels = this.#channels
    for (let i = 0; i < channels.length; i++) {
      if (channels[i]!.readable && !this.#alignment.isBlocked(i)) return true
    }
    return false
  }

  get timeMs(): number {
    return this.#saidTimeMs
  }

  get aligning(): number {
    return this.#alignment.round
  }

  request(barrier: Barrier): void {
    if (this.#cancelled) return
    if (this.#alignment.request(barrier.round)) {
      this.#pass(barrier)
      this.onReadable()
    } else if (this.#alignment.round === barrier.round) {
      this.#awaited = barrier
      if (barrier.unaligned) this.#hurryOn(barrier)
    }
  }

  hurry(round: number): void {
    const at = this.#due.findIndex((signal) => signal.tag === BARRIER && signal.round === round)
    if (at >= 0) {
      this.#passing = { ...(this.#due[at] as Barrier), unaligned: true }
      this.#due[at] = this.#passing
    } else if (this.#alignment.round === round && this.#awaited !== null) {
      this.#hurryOn({ ...this.#awaited, unaligned: true })
    }
  }

  hurries(): number {
    if (this.#hurried !== null) this.#overtake(this.#hurried)
    return this.#passing?.round ?? 0
  }

  takeHurried(): Barrier | null {
    if (this.hurries() === 0) return null
    const barrier = this.#passing!
    const at = this.#due.indexOf(barrier)
    const isToldAgain = (signal: Signal) =>
      signal.tag === INPUT || (signal.tag === WATERMARK && signal.timeMs === this.#restoredMs)
    if (!this.#due.slice(0, at).every(isToldAgain)) return null
    this.#due.splice(at, 1)
    this.#passing = null
    return barrier
  }

  abandon(round: number): void {
    this.#alignment.abandon(round)
    if (this.#overtaken !== undefined) for (const channel of this.#channels) channel.unlog()
    this.onReadable()
  }

  get held(): number {
    return this.#channels.reduce((sum, { held }) => sum + held, this.#replays.length)
  }

  take(): Signal | null {
    if (this.hurries() > 0 || this.#due.length > 0) return this.#shift()
    if (this.#replays.length > 0) return this.#replay()
    const channels = this.#channels
    for (let empty = 0; empty < channels.length; ) {
      const index = this.#turn
      this.#turn = index + 1 === channels.length ? 0 : index + 1
      const signal = this.#alignment.isBlocked(index) ? null : channels[index]!.take()
      if (signal === null) {
        empty += 1
        continue
      }
      if (signal.tag === BATCH) return this.#onBatch(signal, index)
      this.#onMarker(signal, index)
      if (this.hurries() > 0 || this.#due.length > 0) return this.#shift()
      empty = 0
    }
    return null
  }

  cancel(): void {
    this.#cancelled = true
    this.#hurried = null
    this.#passing = null
    this.#replays = []
    if (this.#due.at(-1) !== end) this.#due.length = 0
    for (const channel of this.#channels) channel.cancel()
  }

  replace(channel: InputChannel): number {
    const index = this.#names.indexOf(channelName(channel.id))
    assert(index >= 0, 'the inlet has a channel of the same name to replace')
    const old = this.#channels[index]!
    const lost = countUnread(old)
    old.close()
    this.#channels[index] = channel
    this.#merge.restart(index)
    this.#alignment.restart(index)
    this.#sayInput(this.#ports.restart(index))
    this.#listen(channel)
    if (this.#cancelled) channel.cancel()
    this.onReadable()
    return lost
  }

  close(): void {
    for (const channel of this.#channels) channel.close()
  }

  #listen(channel: InputChannel): void {
    channel.onReadable = () => this.onReadable()
    channel.onBarrier = (barrier) => this.#hurryOn(barrier)
    channel.onFailure = (error) => {
      if (this.#failed) return
      this.#failed = true
      this.onFailure(error)
    }
  }

  #onBatch(batch: Batch, index: number): Batch {
    const channel = this.#channels[index]!
    this.channel = this.#names[index]!
    this.sequence = channel.sequence
    return byInput(this.#inScope(batch, channel), this.#ports.inputOf(index))
  }

  #replay(): Batch {
    const [{ records, keys, groups, times, input }, ...rest] = this.#replays as [
      ReplayedBatch,
      ...ReplayedBatch[],
    ]
    this.#replays = rest
    this.channel = null
    this.sequence = 0
    return this.#keyed
      ? createBatch(records, keys, groups, times, input)
      : createBatch(records, null, null, times, input)
  }

  /** With the keys that the chain needs. */
  #inScope(batch: Batch, channel: InputChannel): Batch {
    if (!this.#keyed) return withoutKeys(batch)
    if (batch.keys !== null || this.#selectors.size === 0) return batch
    const select = this.#selectors.get(channel.id.edge)
    return select === undefined ? batch : withKeys(batch, select)
  }

  #onMarker(marker: Marker, index: number): void {
    switch (marker.tag) {
      case WATERMARK:
        this.#merge.advance(index, marker.timeMs)
        this.#sayTime()
        break
      case IDLE:
        this.#sayInput(this.#ports.setActive(index, marker.active))
        this.#merge.setActive(index, marker.active)
        this.#sayTime()
        break
      case BARRIER:
        if (this.#alignment.barrier(index, marker.round)) this.#pass(marker)
        else if (this.#alignment.round === marker.round) this.#awaited = marker
        break
      case END:
        this.#sayInput(this.#ports.end(index))
        this.#merge.end(index)
        this.#sayTime()
        this.#endAlignment(index)
        if (this.#merge.ended) this.#due.push(end)
    }
  }

  /** Behind what its end says of the time, and before the end itself. */
  #endAlignment(index: number): void {
    if (this.#alignment.end(index) && !this.#cancelled) this.#pass(this.#awaited!)
  }

  /** Every channel has aligned. */
  #pass(barrier: Barrier): void {
    const passes = this.#hurried?.round === barrier.round ? this.#hurried : barrier
    if (passes.unaligned) this.#passing = passes
    this.#due.push(passes)
  }

  #hurryOn(barrier: Barrier): void {
    if (this.#cancelled || this.#overtaken === undefined) return
    if (this.#alignment.isOver(barrier.round)) return
    if (this.#hurried === null || this.#hurried.round < barrier.round) this.#hurried = barrier
    this.onReadable()
  }

  /** Lets the barrier go on, unless something has to align first. */
  #overtake(barrier: Barrier): void {
    const isOver = this.#merge.ended || this.#alignment.isOver(barrier.round)
    const late = isOver ? [] : this.#alignment.overtake(barrier.round)
    if (late === null) return
    this.#hurried = null
    if (isOver) return
    this.#due.push(barrier)
    this.#passing = barrier
    // They come before all that the channels have.
    if (this.#replays.length > 0) this.#overtaken!.logReplays(barrier.round, this.#replays)
    for (const [index, channel] of this.#channels.entries()) {
      if (!late.includes(index)) channel.unlog()
      else channel.log(barrier.round, this.#overtaken!.log(barrier.round, channel.id))
    }
  }

  #shift(): Signal {
    const signal = this.#due.shift()!
    if (signal === this.#passing) this.#passing = null
    return signal
  }

  #sayInput(change: InputChange | null): void {
    if (change !== null && !this.#cancelled) this.#due.push(change)
  }

  /** Says what has changed in the merge: waking before time, time before going idle. */
  #sayTime(): void {
    const { timeMs, active } = this.#merge
    if (this.#cancelled) return
    const wakes = active && !this.#saidActive
    const sleeps = !active && this.#saidActive
    if (wakes) this.#due.push({ tag: IDLE, active: true })
    if (timeMs > this.#saidTimeMs) this.#due.push({ tag: WATERMARK, timeMs })
    if (sleeps) this.#due.push({ tag: IDLE, active: false })
    this.#saidTimeMs = timeMs
    this.#saidActive = active
  }
}

/** A batch that came by reference may still say how it came into the chain before. */
function byInput(given: Batch, input: number): Batch {
  if (given.input === input) return given
  const { records, keys, groups, times } = given
  return createBatch(records, keys, groups, times, input)
}

function withKeys({ records, groups, times, input }: Batch, select: KeySelector): Batch {
  const keys = new Array<unknown>(records.length)
  for (let i = 0; i < records.length; i++) keys[i] = select(records[i] as never)
  return createBatch(records, keys, groups, times, input)
}
