/**
 * What a subtask reads: the splits of a source, or the channels of an inlet. Both are polled;
 * when polling is worth while again they say to the subtask, whose `ready` they were built with.
 */
import type { Clock } from '../../lib/base/clock.js'
import type { InputChannel } from '../../lib/channel/channel.js'
import type { Inlet } from '../../lib/channel/inlet.js'
import type { Split } from '../../lib/connectors/source.js'
import type { SplitReading, SplitRemains } from '../../lib/connectors/split-reading.js'
import {
  BARRIER,
  BATCH_RECORDS_MAX,
  type Barrier,
  type Batch,
  batch,
  END,
  end,
  INPUT,
  type InputChange,
  type Signal,
} from '../../lib/operators/signal.js'
import type { PlacedSplit } from '../../lib/snapshot/round.js'

export interface SubtaskInput {
  /** The next signal, or null when none is ready. The end is the last. */
  take(): Signal | null
  readonly readable: boolean
  /**
   * A round has begun: its barrier follows, behind what came before it. `stop`: nothing is read behind it
   * unless it is given up.
   */
  request(barrier: Barrier, stop: boolean): void
  /** A round that was begun is unaligned from now on. */
  hurry(round: number): void
  /**
   * The unaligned round whose barrier comes next: `take` gives it behind at most one batch, which had
   * been read. 0: none.
   */
  hurries(): number
  /**
   * The barrier of that round, ahead of marks that a restored subtask is told again. Null where something
   * else was taken that comes before it, or none hurries.
   */
  takeHurried(): Barrier | null
  /** A round is given up: nothing waits for its barriers. */
  abandon(round: number): void
  /** Since when barriers have been waited for; NaN while none is. Monotonic ms. */
  readonly aligningSinceMs: number
  /** Of a source: where its splits stood when the barrier was taken last. */
  readonly splits: readonly PlacedSplit[]
  /** Where the batch taken last came from; for dead letters. */
  readonly origin: RecordOrigin
  /** No more is needed: tells upstream, drops what waits. */
  cancel(): void
  close(): void
  /**
   * Instead of `close`, for a successor: the channels stay open, so that what is unread can be
   * counted; of a source, what it has not handed out.
   */
  leave(): SplitRemains | null
  /** Records that were taken and went astray in here. */
  readonly dropped: number
  /** Takes a channel from a sender that was replaced; returns the records lost with the old one. */
  join(channel: InputChannel): number
}

export interface RecordOrigin {
  readonly channel: string | null
  readonly sequence: number | null
  readonly position: string | null
}

export class SourceInput implements SubtaskInput {
  readonly reading: SplitReading
  /** What the reading has said of its splits, for the chain to hear. */
  readonly #changes: InputChange[]
  /** Read already; it comes behind the changes. */
  #next: Batch | null = null
  #ended = false
  readonly aligningSinceMs = Number.NaN
  splits: readonly PlacedSplit[] = []
  #barrier: Barrier | null = null
  /** Round behind which nothing is to be read. */
  #stopsAt: number | null = null
  #isStopped = false
  /** Somebody in the chain waits for more behind a batch of this split, and is to hear if there is none. */
  #promised: number | null = null
  /** The same of the batch before the one taken last, of which whoever waits may have seen nothing. */
  #unkept: number | null = null
  /** Came behind the beginning of a round, so they are none of it. */
  readonly #parked: { readonly splits: readonly Split[]; readonly last: boolean }[] = []

  constructor(reading: SplitReading, changes: InputChange[]) {
    this.reading = reading
    this.#changes = changes
  }

  take(): Signal | null {
    if (this.#ended) return null
    const change = this.#changes.shift()
    if (change !== undefined) {
      this.#promised = null
      this.#unkept = null
      return change
    }
    if (this.#unkept !== null) return this.#breakPromise(this.#unkept)
    if (this.#next !== null) {
      const next = this.#next
      this.#next = null
      this.#unkept = this.#promised
      this.#promised = null
      return next
    }
    if (this.#barrier !== null) return this.#takeBarrier(this.#barrier)
    if (this.#isStopped) return null
    const records = this.reading.read(BATCH_RECORDS_MAX)
    if (records.length > 0) this.#next = batch(records, null, null, null, this.reading.input)
    if (this.#next !== null || this.#changes.length > 0) return this.take()
    if (!this.reading.exhausted) {
      return this.#promised === null ? null : this.#breakPromise(this.#promised)
    }
    this.#ended = true
    return end
  }

  /** While the batch taken last is in the chain: true where more is read at once. */
  promise(): boolean {
    const follows = !this.#ended && this.reading.hasMore
    this.#promised = follows ? this.reading.input : null
    this.#unkept = null
    return follows
  }

  /**
   * Nothing is there after all, or what came has not reached whoever waits: a filter in front of it may have
   * dropped all. The split has neither ended nor gone idle: that would have been a change.
   */
  #breakPromise(input: number): InputChange {
    this.#promised = null
    this.#unkept = null
    return { tag: INPUT, input, state: 'active' }
  }

  get readable(): boolean {
    const { ready, exhausted } = this.reading
    const waits =
      this.#next !== null ||
      this.#changes.length > 0 ||
      this.#barrier !== null ||
      this.#unkept !== null
    return !this.#ended && (waits || (!this.#isStopped && (ready || exhausted)))
  }

  /**
   * Splits from the assigner. What was assigned after a round began goes back to the assigner if that
   * round is restored, so it must not be in the round here.
   */
  assign(splits: readonly Split[], last: boolean): void {
    if (this.#barrier !== null) this.#parked.push({ splits, last })
    else this.reading.add(splits, last)
  }

  request(barrier: Barrier, stop: boolean): void {
    if (this.#ended) return
    this.#barrier = barrier
    this.#stopsAt = stop ? barrier.round : null
  }

  hurry(round: number): void {
    if (this.#barrier?.round === round) this.#barrier = { ...this.#barrier, unaligned: true }
  }

  hurries(): number {
    return !this.#ended && this.#barrier?.unaligned ? this.#barrier.round : 0
  }

  takeHurried(): Barrier | null {
    if (this.hurries() === 0 || this.#next !== null) return null
    // Of a split that has ended nobody says so again.
    if (this.#changes.some(({ state }) => state === 'ended')) return null
    return this.#takeBarrier(this.#barrier!)
  }

  abandon(round: number): void {
    if (this.#stopsAt !== null && this.#stopsAt <= round) {
      this.#stopsAt = null
      this.#isStopped = false
    }
    if (this.#barrier !== null && this.#barrier.round <= round) this.#letGo()
  }

  #takeBarrier(barrier: Barrier): Barrier {
    this.splits = this.reading.remains().splits
    this.#isStopped = this.#stopsAt === barrier.round
    this.#letGo()
    return barrier
  }

  #letGo(): void {
    this.#barrier = null
    for (const { splits, last } of this.#parked.splice(0)) this.reading.add(splits, last)
  }

  get origin(): RecordOrigin {
    return { channel: null, sequence: null, position: this.reading.describePosition() }
  }

  cancel(): void {
    this.#changes.length = 0
    this.#letGo()
    this.reading.stop()
  }

  close(): void {
    this.reading.close()
  }

  leave(): SplitRemains {
    this.reading.dropped += this.#next?.records.length ?? 0
    const remains = this.reading.remains()
    this.reading.close()
    return remains
  }

  get dropped(): number {
    return this.reading.dropped
  }

  join(): number {
    throw new Error('broken law: nobody sends to a source')
  }
}

export class InletInput implements SubtaskInput {
  readonly dropped = 0
  readonly splits = []
  readonly #inlet: Inlet
  readonly #clock: Clock
  #ended = false
  aligningSinceMs = Number.NaN

  constructor(inlet: Inlet, clock: Clock) {
    this.#inlet = inlet
    this.#clock = clock
  }

  request(barrier: Barrier): void {
    this.#inlet.request(barrier)
  }

  hurry(round: number): void {
    this.#inlet.hurry(round)
  }

  hurries(): number {
    return this.#ended ? 0 : this.#inlet.hurries()
  }

  takeHurried(): Barrier | null {
    if (this.#ended) return null
    const barrier = this.#inlet.takeHurried()
    this.#clockAlignment(barrier)
    return barrier
  }

  abandon(round: number): void {
    this.#inlet.abandon(round)
  }

  take(): Signal | null {
    if (this.#ended) return null
    const signal = this.#inlet.take()
    if (signal !== null && signal.tag === END) this.#ended = true
    this.#clockAlignment(signal)
    return signal
  }

  get readable(): boolean {
    return !this.#ended && this.#inlet.readable
  }

  /** The barrier itself still says since when it was waited for. */
  #clockAlignment(signal: Signal | null): void {
    const isAligning = this.#inlet.aligning !== 0
    const isClocked = !Number.isNaN(this.aligningSinceMs)
    if (isAligning && !isClocked) this.aligningSinceMs = this.#clock.now()
    else if (!isAligning && isClocked && signal?.tag !== BARRIER) this.aligningSinceMs = Number.NaN
  }

  get origin(): RecordOrigin {
    return { channel: this.#inlet.channel, sequence: this.#inlet.sequence, position: null }
  }

  cancel(): void {
    this.#inlet.cancel()
  }

  close(): void {
    this.#inlet.close()
  }

  leave(): null {
    return null
  }

  join(channel: InputChannel): number {
    const lost = this.#inlet.replace(channel)
    // The end has been taken: there is nobody to read what a new sender says.
    if (this.#ended) this.#inlet.cancel()
    return lost
  }
}
