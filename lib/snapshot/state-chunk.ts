/**
 * A chunk of state: rows of one operator's states in one subtask. Format version 1.
 *
 * Numbers are big-endian. A chunk is
 *
 *     8 bytes   "MRSTATE" and a zero byte
 *     4 bytes   version
 *     4 + n     length and text of the head, JSON: ChunkHead
 *     sections
 *     4 bytes   zero
 *
 * and a section
 *
 *     4 + n     length and text of its head, JSON: SectionHead
 *     frames    each: 2 bytes first key group, 2 bytes last key group, 4 bytes length, a data frame
 *     8 bytes   zero
 *
 * Frames are those of channels (`wire/frame.ts`), not addressed: records, keys, groups, and with a TTL and
 * for timers times. What the rows of each part mean: `state/frozen.ts`. A large record lies in several
 * frames, one behind the other. Key groups ascend within a state's part but for a few that were changed
 * meanwhile; a reader may pass over frames with none of its groups.
 *
 * The chunks of one round come in order; a state may go on in the next chunk. Rows of one round are
 * applied by part: dropGroup, dropKey, dropPart, put. A row may come twice.
 *
 * Readers refuse a higher version. What a version adds to heads is optional for readers of that version.
 */
import { MillraceError } from '../base/errors.js'
import type { StateKind } from '../state/frozen.js'
import type { Ttl } from '../state/state.js'
import { ChunkReader, lengthAndText } from './chunk-bytes.js'

/** Disk constants: do not change. */
const MAGIC = Buffer.from('MRSTATE\0')
export const STATE_CHUNK_VERSION = 1
const FRAME_HEAD_BYTES = 8

export interface ChunkHead {
  readonly operator: string
  readonly round: number
  /** False: what has changed since the round before in the chain. */
  readonly full: boolean
  readonly maxParallelism: number
}

/** In the order in which they are applied. */
export const PARTS = ['dropGroup', 'dropKey', 'dropPart', 'put'] as const
export type Part = (typeof PARTS)[number]

export interface SectionHead {
  readonly state: string
  readonly kind: StateKind
  readonly ttl: Ttl | null
  readonly part: Part
}

export interface GroupedFrame {
  readonly firstGroup: number
  readonly lastGroup: number
  readonly bytes: Uint8Array
}

export interface Section extends SectionHead {
  readonly frames: readonly GroupedFrame[]
}

export interface DecodedChunk {
  readonly head: ChunkHead
  readonly sections: readonly Section[]
}

/** Puts chunks together. */
export class StateChunkWriter {
  readonly #head: ChunkHead
  #parts: Uint8Array[] = []
  #section: SectionHead | null = null
  #bytes = 0
  #count = 0

  constructor(head: ChunkHead) {
    this.#head = head
  }

  /** Bytes so far. */
  get bytes(): number {
    return this.#bytes
  }

  /** `count`: rows that end in this frame. Heads are the same object as long as they are the same. */
  add(
    section: SectionHead,
    firstGroup: number,
    lastGroup: number,
    frame: ArrayBuffer,
    count: number,
  ) {
    if (this.#bytes === 0) this.#begin()
    if (this.#section !== section) {
      this.#endSection()
      this.#push(lengthAndText(section))
      this.#section = section
    }
    const head = Buffer.alloc(FRAME_HEAD_BYTES)
    head.writeUInt16BE(firstGroup, 0)
    head.writeUInt16BE(lastGroup, 2)
    head.writeUInt32BE(frame.byteLength, 4)
    this.#push(head)
    this.#push(new Uint8Array(frame))
    this.#count += count
  }

  /** The chunk, and an empty writer; null where nothing was added. */
  take(): { bytes: Uint8Array; count: number } | null {
    if (this.#bytes === 0) return null
    this.#endSection()
    this.#push(Buffer.alloc(4))
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
    return chunk
  }

  #begin(): void {
    const version = Buffer.alloc(4)
    version.writeUInt32BE(STATE_CHUNK_VERSION)
    this.#push(MAGIC)
    this.#push(version)
    this.#push(lengthAndText(this.#head))
  }

  #endSection(): void {
    if (this.#section !== null) this.#push(Buffer.alloc(FRAME_HEAD_BYTES))
    this.#section = null
  }

  #push(bytes: Uint8Array): void {
    this.#parts.push(bytes)
    this.#bytes += bytes.length
  }
}

/** Throws E_SNAPSHOT_DAMAGED, and E_SNAPSHOT_VERSION for what a later release wrote. */
export function decodeStateChunk(bytes: Uint8Array): DecodedChunk {
  const reader = new ChunkReader(bytes, damaged)
  if (!MAGIC.equals(reader.take(MAGIC.length))) throw damaged('it does not begin as one')
  const version = reader.uint32()
  if (version !== STATE_CHUNK_VERSION) {
    throw new MillraceError(
      'E_SNAPSHOT_VERSION',
      `a chunk of state is of version ${version}; this release reads version ${STATE_CHUNK_VERSION}`,
      { details: { version } },
    )
  }
  const head = reader.json() as ChunkHead | null
  if (head === null) throw damaged('it has no head')
  const sections: Section[] = []
  for (let section = reader.json(); section !== null; section = reader.json()) {
    const { part } = section as SectionHead
    if (!PARTS.includes(part)) throw damaged(`it has a part '${part}'`)
    sections.push({ ...(section as SectionHead), frames: [...framesOf(reader)] })
  }
  if (!reader.atEnd) throw damaged('it goes on behind its end')
  return { head, sections }
}

function* framesOf(reader: ChunkReader): Iterable<GroupedFrame> {
  for (;;) {
    const firstGroup = reader.uint16()
    const lastGroup = reader.uint16()
    const length = reader.uint32()
    if (length === 0) return
    yield { firstGroup, lastGroup, bytes: reader.take(length) }
  }
}

export function damaged(reason: string, cause?: unknown): MillraceError {
  return new MillraceError(
    'E_SNAPSHOT_DAMAGED',
    `a chunk of state cannot be read: ${reason}; restore another snapshot`,
    { cause, details: { reason } },
  )
}
