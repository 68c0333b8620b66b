/**
 * What the barrier of one round has overtaken in front of and behind one chain, on its way into chunks
 * (`lib/snapshot/flight-chunk.ts`).
 *
 * Logs are opened while the barrier enters the chain, and grow until the barriers of their channels have
 * come; what outlets held is added as the barrier leaves. Everything is kept by reference and encoded
 * in slices: batches and frames do not change any more.
 *
 * It holds at most what the channels of the inlet and the outlets may hold, and what arrives before the
 * barriers do: those go ahead of data, but a sender that is busy says its own only when it is done.
 */
import type { FlightChunkWriter, FlightHead } from '../snapshot/flight-chunk.js'
import { BatchDecoder } from '../wire/decoder.js'
import type { Records } from '../wire/encoder.js'
import type { ArrivalLog } from './channel.js'
import type { KeySelector } from './inlet.js'

/** A slice ends behind so many bytes; so does a chunk. */
const SLICE_BYTES = 512 * 1024

export interface FlightPart {
  /** The edge whose sender held it; null: it had been received. */
  readonly edge: number | null
  readonly bytes: Uint8Array
  readonly count: number
}

interface Entry {
  readonly edge: number | null
  readonly head: FlightHead
  /** Null: nothing comes of it yet. */
  readonly read: () => Records | null
}

export class FlightLog {
  readonly round: number
  readonly #createWriter: () => FlightChunkWriter
  /** By edge; null: what was received. */
  readonly #writers = new Map<number | null, FlightChunkWriter>()
  #entries: Entry[] = []
  #next = 0
  #open = 0
  #isSealed = false
  /** Called when the last log has ended. */
  onEnd: () => void = () => {}

  constructor(round: number, createWriter: () => FlightChunkWriter) {
    this.round = round
    this.#createWriter = createWriter
  }

  /** Of one channel. `select`: gives the keys that did not come with the records. */
  arrivals(head: FlightHead, select: KeySelector | null): ArrivalLog {
    const decoder = new BatchDecoder()
    this.#open++
    return {
      add: (data) => {
        const read = () =>
          withKeys(data instanceof ArrayBuffer ? decoder.decode(data) : data, select)
        this.#entries.push({ edge: null, head, read })
      },
      end: () => {
        this.#open--
        if (this.#open === 0) this.onEnd()
      },
    }
  }

  /** `edge` null: it was to be replayed here. */
  held(edge: number | null, head: FlightHead, batches: readonly Records[]): void {
    for (const batch of batches) this.#entries.push({ edge, head, read: () => batch })
  }

  /** Something can be encoded now, or all is there and what is left is to be handed out. */
  get busy(): boolean {
    return this.#next < this.#entries.length || (this.#open === 0 && !this.#isSealed)
  }

  /** Everything has come, and has been handed out. */
  get isDone(): boolean {
    return this.#open === 0 && this.#isSealed && this.#next === this.#entries.length
  }

  /** Encodes a slice; returns the chunks that are full, or the last ones. */
  step(): readonly FlightPart[] {
    let bytes = 0
    while (this.#next < this.#entries.length && bytes < SLICE_BYTES) {
      bytes += this.#encode(this.#entries[this.#next++]!)
    }
    const isLast = this.#open === 0 && this.#next === this.#entries.length
    if (this.#next === this.#entries.length) {
      this.#entries = []
      this.#next = 0
    }
    this.#isSealed = isLast
    return this.#take(isLast)
  }

  #encode({ edge, head, read }: Entry): number {
    const records = read()
    if (records === null) return 0
    let writer = this.#writers.get(edge)
    if (writer === undefined) {
      writer = this.#createWriter()
      this.#writers.set(edge, writer)
    }
    const before = writer.bytes
    writer.add(head, records)
    return writer.bytes - before
  }

  #take(all: boolean): readonly FlightPart[] {
    const parts: FlightPart[] = []
    for (const [edge, writer] of this.#writers) {
      const chunk = all || writer.bytes >= SLICE_BYTES ? writer.take() : null
      if (chunk !== null) parts.push({ edge, ...chunk })
    }
    return parts
  }
}

function withKeys(batch: Records | null, select: KeySelector | null): Records | null {
  if (batch === null || batch.keys !== null || select === null) return batch
  return { ...batch, keys: batch.records.map((record) => select(record as never)) }
}
