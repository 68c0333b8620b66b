/**
 * A chunk of records in flight: what the barrier of an unaligned round has overtaken, by the subtask of
 * the receiving operator that it was on the way to. Format version 1.
 *
 * Numbers are big-endian. A chunk is
 *
 *     8 bytes   "MRFLIGHT"
 *     4 bytes   version
 *     sections
 *     4 bytes   zero
 *
 * and a section
 *
 *     4 + n     length and text of its head, JSON: FlightHead
 *     frames    each: 4 bytes length, a data frame (`wire/frame.ts`), not addressed
 *     4 bytes   zero
 *
 * Frames hold records with their keys, key groups and times, as far as the channel had them; a large
 * record lies in several, within one section. Sections are in the order in which their records are to be
 * replayed; of one channel that is its own order.
 *
 * Readers refuse a higher version. What a version adds to heads is optional for readers of that version.
 */
import { MillraceError } from '../base/errors.js'
import { BatchDecoder, type DecodedBatch } from '../wire/decoder.js'
import { BatchEncoder, type Records } from '../wire/encoder.js'
import { ChunkReader, lengthAndText } from './chunk-bytes.js'

/** Disk constants: do not change. */
const MAGIC = Buffer.from('MRFLIGHT')
export const FLIGHT_CHUNK_VERSION = 1

/**
 * Who may have a record where the parallelism has changed: the owner of its key group, any subtask, or
 * the first one only.
 */
export type FlightDeal = 'group' | 'any' | 'first'

export interface FlightHead {
  /** Index of the subtask that it was on the way to. */
  readonly to: number
  /** Number of the input of the operator, where that has several; else 0. */
  readonly input: number
  readonly deal: FlightDeal
}

export interface FlightSection extends FlightHead {
  readonly batches: readonly DecodedBatch[]
}

/** Puts chunks together. */
export class FlightChunkWriter {
  readonly #operator: string
  #parts: Uint8Array[] = []
  #bytes = 0
  #count = 0
  #encoder: BatchEncoder
  /** The head that the present section was begun with. */
  #head: FlightHead | null = null

  /** `operator`: for messages about records that cannot be stored. */
  constructor(operator: string) {
    this.#operator = operator
    this.#encoder = new BatchEncoder({ operator })
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Throws E_CANNOT_TRAVEL, E_RECORD_TOO_LARGE. Heads are the same object as long as they are the same. */
  add(head: FlightHead, batch: Records): void {
    if (this.#head !== head) this.#begin(head)
    const { length } = batch.records
    for (let next = 0; next < length; next = this.#encoder.next) {
      const frame = this.#encoder.encode(batch, next, length)
      const bytes = Buffer.alloc(4)
      bytes.writeUInt32BE(frame.byteLength)
      this.#push(bytes)
      this.#push(new Uint8Array(frame))
    }
    this.#count += length
  }

  /** The chunk, and an empty writer; null where nothing was added. */
  take(): { readonly bytes: Uint8Array; readonly count: number } | null {
    if (this.#head === null) return null
    this.#push(Buffer.alloc(8))
    // In memory of its own, so that it may be transferred.
    const bytes = new Uint8Array(this.#bytes)
    let at = 0
    for (const part of this.#parts) {
      bytes.set(part, at)
      at += part.length
    }
    const chunk = { bytes, count: this.#count }
    this.#parts = []
    this.#bytes = 0
    this.#count = 0
    this.#head = null
    return chunk
  }

  #begin(head: FlightHead): void {
    if (this.#head === null) {
      const version = Buffer.alloc(4)
      version.writeUInt32BE(FLIGHT_CHUNK_VERSION)
      this.#push(MAGIC)
      this.#push(version)
    } else this.#push(Buffer.alloc(4))
    const { to, input, deal } = head
    this.#push(lengthAndText({ to, input, deal }))
    this.#head = head
    // Other channels have records of another shape.
    this.#encoder = new BatchEncoder({ operator: this.#operator })
  }

  #push(bytes: Uint8Array): void {
    this.#parts.push(bytes)
    this.#bytes += bytes.length
  }
}

/** Throws E_SNAPSHOT_DAMAGED, and E_SNAPSHOT_VERSION for what a later release wrote. */
export function decodeFlightChunk(bytes: Uint8Array): readonly FlightSection[] {
  const reader = new ChunkReader(bytes, damaged)
  if (!MAGIC.equals(reader.take(MAGIC.length))) throw damaged('it does not begin as one')
  const version = reader.uint32()
  if (version !== FLIGHT_CHUNK_VERSION) {
    throw new MillraceError(
      'E_SNAPSHOT_VERSION',
      `a chunk of records in flight is of version ${version}; this release reads version ` +
        `${FLIGHT_CHUNK_VERSION}`,
      { details: { version } },
    )
  }
  const sections: FlightSection[] = []
  for (let head = reader.json(); head !== null; head = reader.json()) {
    sections.push({ ...checkHead(head), batches: batchesOf(reader) })
  }
  if (!reader.atEnd) throw damaged('it goes on behind its end')
  return sections
}

function checkHead(value: object): FlightHead {
  const { to, input, deal } = value as Partial<FlightHead>
  if (!Number.isSafeInteger(to) || !Number.isSafeInteger(input)) throw damaged('a head is none')
  if (deal !== 'group' && deal !== 'any' && deal !== 'first') {
    throw damaged(`it is dealt out by '${String(deal)}'`)
  }
  return { to: to!, input: input!, deal }
}

function batchesOf(reader: ChunkReader): readonly DecodedBatch[] {
  const decoder = new BatchDecoder()
  const batches: DecodedBatch[] = []
  for (let length = reader.uint32(); length > 0; length = reader.uint32()) {
    const bytes = reader.take(length)
    const own = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
    try {
      const batch = decoder.decode(own as ArrayBuffer)
      if (batch !== null) batches.push(batch)
    } catch (error) {
      throw damaged(error instanceof Error ? error.message : 'a frame cannot be read', error)
    }
  }
  return batches
}

const damaged = (reason: string, cause?: unknown): MillraceError =>
  new MillraceError(
    'E_SNAPSHOT_DAMAGED',
    `a chunk of records in flight cannot be read: ${reason}; restore another snapshot`,
    { cause, details: { reason } },
  )
