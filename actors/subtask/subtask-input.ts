/**
 * What a subtask reads: the splits of a source, or the channels of an inlet. Both are polled;
 * when polling is worth while again they say to the subtask, whose `ready` they were built with.
 */
import type { InputChannel } from '../../lib/channel/channel.js'
import type { Inlet } from '../../lib/channel/inlet.js'
import type { SplitReading, SplitRemains } from '../../lib/connectors/split-reading.js'
import {
  BATCH_RECORDS_MAX,
  type Batch,
  batch,
  END,
  end,
  type InputChange,
  type Signal,
} from '../../lib/operators/signal.js'

export interface SubtaskInput {
  /** The next signal, or null when none is ready. The end is the last. */
  take(): Signal | null
  readonly readable: boolean
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

  constructor(reading: SplitReading, changes: InputChange[]) {
    this.reading = reading
    this.#changes = changes
  }

  take(): Signal | null {
    if (this.#ended) return null
    const change = this.#changes.shift()
    if (change !== undefined) return change
    if (this.#next !== null) {
      const next = this.#next
      this.#next = null
      return next
    }
    const records = this.reading.read(BATCH_RECORDS_MAX)
    if (records.length > 0) this.#next = batch(records, null, null, null, this.reading.input)
    if (this.#next !== null || this.#changes.length > 0) return this.take()
    if (!this.reading.exhausted) return null
    this.#ended = true
    return end
  }

  get readable(): boolean {
    const { ready, exhausted } = this.reading
    return !this.#ended && (ready || exhausted || this.#next !== null || this.#changes.length > 0)
  }

  get origin(): RecordOrigin {
    return { channel: null, sequence: null, position: this.reading.describePosition() }
  }

  cancel(): void {
    this.#changes.length = 0
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
  readonly #inlet: Inlet
  #ended = false

  constructor(inlet: Inlet) {
    this.#inlet = inlet
  }

  take(): Signal | null {
    if (this.#ended) return null
    const signal = this.#inlet.take()
    if (signal !== null && signal.tag === END) this.#ended = true
    return signal
  }

  get readable(): boolean {
    return !this.#ended && this.#inlet.readable
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
