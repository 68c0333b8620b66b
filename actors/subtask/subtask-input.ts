/**
 * What a subtask reads: the splits of a source, or the channels of an inlet. Both are polled; both say
 * through `onReadable` (given at construction) when polling is worth while again.
 */

import type { Inlet } from '../../lib/channel/inlet.js'
import type { SplitReading } from '../../lib/connectors/split-reading.js'
import { BATCH_RECORDS_MAX, batch, END, end, type Signal } from '../../lib/operators/signal.js'

export interface SubtaskInput {
  /** The next signal, or null when none is ready. The end is the last. */
  take(): Signal | null
  readonly readable: boolean
  /** Where the batch taken last came from; for dead letters. */
  readonly origin: RecordOrigin
  /** No more is needed: tells upstream, drops what waits. */
  cancel(): void
  close(): void
}

export interface RecordOrigin {
  readonly channel: string | null
  readonly sequence: number | null
  readonly position: string | null
}

export class SourceInput implements SubtaskInput {
  readonly reading: SplitReading
  #ended = false

  constructor(reading: SplitReading) {
    this.reading = reading
  }

  take(): Signal | null {
    if (this.#ended) return null
    const records = this.reading.read(BATCH_RECORDS_MAX)
    if (records.length > 0) return batch(records)
    if (!this.reading.exhausted) return null
    this.#ended = true
    return end
  }

  get readable(): boolean {
    return !this.#ended && (this.reading.ready || this.reading.exhausted)
  }

  get origin(): RecordOrigin {
    return { channel: null, sequence: null, position: this.reading.describePosition() }
  }

  cancel(): void {
    this.reading.stop()
  }

  close(): void {
    this.reading.close()
  }
}

export class InletInput implements SubtaskInput {
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
}
