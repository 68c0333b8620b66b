/**
 * The sending end of a channel, in-thread or not: collects, waits for credit, keeps the order. How a
 * batch gets to the other end is its carrier's business (`local-channel.ts`, `remote-output.ts`).
 */
import { assert } from '../base/assert.js'
import { CreditWindow } from '../credit/window.js'
import {
  BARRIER,
  BATCH,
  BATCH_RECORDS_MAX,
  type Barrier,
  type Batch,
  batch as createBatch,
  END,
  type Marker,
} from '../operators/signal.js'
import type { ChannelId, OutputChannel } from './channel.js'
import { Collector, NO_TIME } from './collector.js'
import { SignalQueue } from './signal-queue.js'

/** Brings batches and signals to the receiving end. */
export interface Carrier {
  /** Records that fill one frame, as far as known: 1 … BATCH_RECORDS_MAX. */
  readonly recordsPerUnit: number
  /**
   * True where a signal costs a message: watermarks and idleness then wait, coalescing, until
   * `flush` or until something follows them.
   */
  readonly lazyMarkers: boolean
  /**
   * Sends one unit, for one credit: records of `batch` from `start` on. Returns the position of the
   * first record that is not sent yet; `start` itself while a part of one large record was sent.
   */
  carry(batch: Batch, start: number, backlog: number): number
  mark(marker: Marker): void
  close(): void
}

/** Batches up to this share of a unit are collected instead of sent alone. */
const SMALL_SHARE = 1 / 8

const RECORDS_HELD_MAX = 2 * BATCH_RECORDS_MAX

export class ChannelOutput implements OutputChannel {
  onWritable: () => void = () => {}
  onFailure: (error: Error) => void = () => {}
  cancelled = false
  readonly id: ChannelId
  readonly #carrier: Carrier
  readonly #window: CreditWindow
  readonly #collector = new Collector()
  /** Records that make the collector full; 1 once nothing is taken any more. */
  #unit: number
  readonly #waiting = new SignalQueue<Batch>()
  /** Records waiting as data, those of the first batch that are sent already included. */
  #waitingRecords = 0
  /** First record of the first waiting batch that is not sent. */
  #start = 0
  /** `flush` was called when there was no credit: what is collected goes with the next one. */
  #flushDue = false
  /** The batch in hand found no credit when it was offered. */
  #waited = false
  /** In `#drain`: a grant that comes in the middle of it only moves the window. */
  #draining = false
  #closed = false
  #failed = false
  /** Records that may be held; more while a flood is let in, and until that has gone. */
  #heldMax = RECORDS_HELD_MAX

  constructor(id: ChannelId, exclusive: number, carrier: Carrier) {
    this.id = id
    this.#window = new CreditWindow(exclusive)
    this.#carrier = carrier
    this.#unit = carrier.recordsPerUnit
  }

  get writable(): boolean {
    return this.#waiting.data === 0
  }

  get flushed(): boolean {
    const collected = this.#collector.size > 0 && !this.#flushDue
    const markersWait = this.#waiting.length > 0 && this.writable
    return this.#deaf || !(collected || markersWait)
  }

  get flooded(): boolean {
    return this.#heldMax === Number.POSITIVE_INFINITY
  }

  set flooded(flooded: boolean) {
    this.#heldMax = flooded ? Number.POSITIVE_INFINITY : Math.max(RECORDS_HELD_MAX, this.held + 1)
  }

  get held(): number {
    return this.#collector.size + this.#waitingRecords - this.#start
  }

  /** Nothing but the collector on the way of a record: 19 → 11 ns in `npm run bench -- micro`. */
  push(record: unknown, key: unknown, group: number, timeMs: number = NO_TIME): void {
    if (this.#collector.add(record, key, group, timeMs) >= this.#unit) this.#full()
  }

  pushBatch(batch: Batch): void {
    if (this.#deaf) return
    if (batch.records.length <= this.#unit * SMALL_SHARE && this.#collector.append(batch)) {
      if (this.#collector.size >= this.#unit) this.#full()
      return
    }
    this.#cut()
    this.#offer(batch)
  }

  flush(): void {
    if (this.#deaf) return
    this.#drain()
    if (this.#collector.size === 0) return
    if (this.writable && this.#window.available > 0) this.#offer(this.#collector.take())
    else this.#flushDue = true
  }

  signal(marker: Marker): void {
    if (this.#closed || this.#failed || (this.cancelled && marker.tag !== END)) return
    this.#cut()
    this.#waiting.push(marker)
    const urgent = marker.tag === BARRIER || marker.tag === END
    if (urgent || !this.#carrier.lazyMarkers) this.#drain()
  }

  overtake(barrier: Barrier): readonly Batch[] {
    if (this.#deaf) return []
    // What may go goes before it.
    this.#drain()
    const held = this.#heldBefore(null)
    if (this.#collector.size > 0) held.push(this.#collector.copy())
    this.#carrier.mark(barrier)
    return held
  }

  hurry(round: number): readonly Batch[] {
    const barrier = this.#barrierOf(round)
    if (barrier === null) return []
    const held = this.#heldBefore(barrier)
    this.#waiting.retain((entry) => entry !== barrier)
    this.#carrier.mark({ ...barrier, unaligned: true })
    return held
  }

  holdsBarrier(round: number): boolean {
    return this.#barrierOf(round) !== null
  }

  /** From the receiver: data up to number `upToSequence` may be sent. */
  grant(upToSequence: number): void {
    if (this.#closed || this.#failed || !this.#window.grant(upToSequence)) return
    if (this.#draining) return
    const wasWritable = this.writable
    this.#drain()
    if (this.#flushDue && this.writable && this.#window.available > 0) this.flush()
    if (!wasWritable && this.writable) this.onWritable()
  }

  /** From the receiver: no more is needed. Only `end` is still owed. */
  cancel(): void {
    if (this.cancelled || this.#closed || this.#failed) return
    this.cancelled = true
    this.#drop((entry) => entry.tag === END)
    this.#drain()
    this.onWritable()
  }

  /** The link is lost. */
  fail(error: Error): void {
    if (this.#closed || this.#failed) return
    this.#failed = true
    this.#drop(() => false)
    this.onFailure(error)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#drop(() => false)
    this.#carrier.close()
  }

  /** True where no data is taken any more. */
  get #deaf(): boolean {
    return this.cancelled || this.#closed || this.#failed
  }

  #barrierOf(round: number): Barrier | null {
    let found: Barrier | null = null
    this.#waiting.forEach((entry) => {
      if (entry.tag === BARRIER && entry.round === round) found = entry
    })
    return found
  }

  /** Records that wait as data before this entry, or all; of the first batch what has not been sent. */
  #heldBefore(marker: Marker | null): Batch[] {
    const held: Batch[] = []
    let start = this.#start
    let isBefore = true
    this.#waiting.forEach((entry) => {
      if (entry === marker) isBefore = false
      if (entry.tag !== BATCH || !isBefore) return
      held.push(start === 0 ? entry : sliceBatch(entry, start))
      start = 0
    })
    return held
  }

  #full(): void {
    if (this.#deaf) this.#collector.size = 0
    else this.#offer(this.#collector.take())
  }

  #cut(): void {
    if (this.#collector.size > 0) this.#offer(this.#collector.take())
  }

  #offer(batch: Batch): void {
    this.#flushDue = false
    this.#waiting.push(batch)
    this.#waitingRecords += batch.records.length
    this.#drain()
    if (this.writable) return
    this.#waited = true
    assert(this.held < this.#heldMax, 'a sender holds one unfinished unit and one batch at most')
  }

  /** Sends what waits, in order, as far as credit allows. */
  #drain(): void {
    const waiting = this.#waiting
    this.#draining = true
    for (let entry = waiting.peek(); entry !== undefined; entry = waiting.peek()) {
      if (entry.tag !== BATCH) {
        waiting.shift()
        this.#carrier.mark(entry)
      } else if (this.#window.available > 0) this.#send(entry)
      else break
    }
    this.#draining = false
  }

  /** Sends one unit of the first waiting batch. */
  #send(batch: Batch): void {
    const { length } = batch.records
    this.#window.spend()
    this.#start = this.#carrier.carry(batch, this.#start, this.#backlog(length - this.#start))
    this.#unit = this.#carrier.recordsPerUnit
    if (this.#start < length) return
    this.#waiting.shift()
    this.#waitingRecords -= length
    this.#start = 0
    if (!this.writable) return
    this.#waited = false
    if (!this.flooded) this.#heldMax = RECORDS_HELD_MAX
  }

  /**
   * Units that wait behind the one being sent; `records` are left of its batch. A batch that had to
   * wait stands for one more: its writer was stopped and is about to bring the next.
   */
  #backlog(records: number): number {
    const ofThisBatch = Math.ceil(records / this.#unit) - 1
    return ofThisBatch + this.#waiting.data - 1 + (this.#waited ? 1 : 0)
  }

  /** Lets go of what is held; from now on no data is taken. */
  #drop(keep: (entry: Batch | Marker) => boolean): void {
    this.#collector.clear()
    this.#unit = 1
    this.#waiting.retain(keep)
    this.#waitingRecords = 0
    this.#start = 0
    this.#flushDue = false
  }
}

const sliceBatch = ({ records, keys, groups, times, input }: Batch, start: number): Batch =>
  createBatch(
    records.slice(start),
    keys === null ? null : keys.slice(start),
    groups === null ? null : groups.slice(start),
    times === null ? null : times.slice(start),
    input,
  )
