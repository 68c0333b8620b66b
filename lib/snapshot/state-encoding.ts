/** Rows of the states of one operator in one round, as chunks. */
import { assert } from '../base/assert.js'
import { MillraceError } from '../base/errors.js'
import type { Pace } from '../base/pace.js'
import type { Rows, Run, StoredState } from '../state/frozen.js'
import { BatchEncoder, type Records } from '../wire/encoder.js'
import { CHUNK_BYTES, type Extent, type Extents } from './chain-weight.js'
import {
  type ChunkHead,
  PARTS,
  type Part,
  type SectionHead,
  StateChunkWriter,
} from './state-chunk.js'
import type { StateChunk } from './state-snapshots.js'

/** One value of state; what a channel may carry is less, because it has to be sent in one go. */
export const VALUE_BYTES_MAX = 256 * 2 ** 20

/**
 * Rows of the first frame of an encoder; each one more may have twice as many, unless the last took long. It looks
 * at them all to know what they look like, in code that has not been compiled yet.
 */
const FIRST_ROWS = 128
/** So long: a step ends behind a frame. */
const LONG_MS = 1

/** A run of so many rows of one group becomes frames of its own; of fewer, frames would be mostly heads. */
const RUN_MIN = 1_024
/** Reused from run to run. */
let sameGroup = new Uint16Array(0)

/** The first and the last. */
type GroupRange = readonly [number, number]
type GroupedRecords = Records & { readonly groups: ArrayLike<number> }

/** An encoder, and how many rows its next frame may have. */
interface SectionEncoder {
  readonly encoder: BatchEncoder
  rowsMax: number
}

/**
 * One encoder for each part of each state of an operator, from round to round: it knows what the rows look
 * like, where a new one would have to look at them all.
 */
export class SectionEncoders {
  readonly #operator: string
  readonly #encoders = new Map<string, SectionEncoder>()

  constructor(operator: string) {
    this.#operator = operator
  }

  of(state: string, part: Part): SectionEncoder {
    const id = `${part} ${state}`
    let found = this.#encoders.get(id)
    if (found === undefined) {
      const options = { operator: this.#operator, recordBytesMax: VALUE_BYTES_MAX }
      found = { encoder: new BatchEncoder(options), rowsMax: FIRST_ROWS }
      this.#encoders.set(id, found)
    }
    return found
  }

  /** It may be in the middle of a record. */
  forget(state: string, part: Part): void {
    this.#encoders.delete(`${part} ${state}`)
  }
}

export class StateEncoding {
  readonly #head: ChunkHead
  readonly #encoders: SectionEncoders
  readonly #writer: StateChunkWriter
  #sections: Readonly<Record<Part, SectionRows>> | null = null
  #chunks: StateChunk[] = []
  readonly #extents = new Map<string, Extent>()
  readonly #now: () => number
  /** Encoded so far, and how far a step may go. */
  #bytes = 0
  #bytesMax = 0
  #untilMs = 0
  #pace: Pace | null = null
  /** The step is over. */
  isFull = false

  constructor(head: ChunkHead, encoders: SectionEncoders, now: () => number) {
    this.#head = head
    this.#encoders = encoders
    this.#now = now
    this.#writer = new StateChunkWriter(head)
  }

  /** A step: what walks by this pace pauses behind so many bytes, and at that time. */
  begin(pace: Pace, bytes: number, untilMs: number): void {
    this.#pace = pace
    this.#bytesMax = this.#bytes + bytes
    this.#untilMs = untilMs
    this.isFull = false
  }

  /** The rows of a state. Caller must have ended the one before. */
  beginState(state: StoredState): Rows {
    const { operator } = this.#head
    const sectionOf = (part: Part) => new SectionRows(this, operator, state, part, this.#encoders)
    const sections = Object.fromEntries(PARTS.map((part) => [part, sectionOf(part)])) as Record<
      Part,
      SectionRows
    >
    this.#sections = sections
    const { dropGroup, dropKey, dropPart, put } = sections
    return {
      dropGroup: (group) => dropGroup.add(group, undefined, null, 0),
      dropKey: (group, key) => dropKey.add(group, key, null, 0),
      dropPart: (group, key, part) => dropPart.add(group, key, part, 0),
      put: (group, key, record, timeMs) => put.add(group, key, record, timeMs),
      putRun: (group, run, from, max) => put.addRun(group, run, from, max),
    }
  }

  /** False while more of it is left than the step may hold: to be called again in the next one. */
  endState(): boolean {
    if (this.#sections === null) return true
    for (const part of PARTS) if (!this.#sections[part].flush()) return false
    this.#sections = null
    return true
  }

  /** Nothing comes any more. */
  end(): void {
    this.#cut()
  }

  get nowMs(): number {
    return this.#now()
  }

  /** What was encoded of each state. */
  get extents(): Extents {
    return this.#extents
  }

  /** The chunks that have become full. */
  take(): readonly StateChunk[] {
    const chunks = this.#chunks
    this.#chunks = []
    return chunks
  }

  add(section: SectionHead, first: number, last: number, frame: ArrayBuffer, count: number): void {
    this.#writer.add(section, first, last, frame, count)
    this.#bytes += frame.byteLength
    this.#count(section.state, frame.byteLength, count)
    // A frame of records that are seen for the first time takes long by itself.
    this.isFull ||= this.#bytes >= this.#bytesMax || this.#now() >= this.#untilMs
    if (this.isFull && this.#pace !== null) this.#pace.left = 0
    // The pieces of a large record stay together.
    if (count > 0 && this.#writer.bytes >= CHUNK_BYTES) this.#cut()
  }

  #count(state: string, bytes: number, rows: number): void {
    const sum = this.#extents.get(state)
    this.#extents.set(state, { bytes: bytes + (sum?.bytes ?? 0), rows: rows + (sum?.rows ?? 0) })
  }

  #cut(): void {
    const chunk = this.#writer.take()
    if (chunk !== null) this.#chunks.push(chunk)
  }
}

/** Rows of one part of a state, a frame at a time. */
class SectionRows {
  readonly #into: StateEncoding
  readonly #operator: string
  readonly #section: SectionHead
  readonly #encoders: SectionEncoders
  #encoder: SectionEncoder | null = null
  readonly #hasTimes: boolean
  /** Filled anew for each frame: lists that grow each time are most of what encoding leaves behind. */
  readonly #records: unknown[] = []
  readonly #keys: unknown[] = []
  readonly #groups: number[] = []
  readonly #times: number[] = []
  #count = 0
  /** Of those, how many are encoded: a step may be over within them, if they are larger than others before. */
  #encoded = 0

  constructor(
    into: StateEncoding,
    operator: string,
    { name, kind, ttl }: StoredState,
    part: Part,
    encoders: SectionEncoders,
  ) {
    this.#into = into
    this.#operator = operator
    this.#section = { state: name, kind, ttl, part }
    this.#encoders = encoders
    this.#hasTimes = part === 'put' && (ttl !== null || kind === 'timers')
  }

  add(group: number, key: unknown, record: unknown, timeMs: number): void {
    this.#encoder ??= this.#encoders.of(this.#section.state, this.#section.part)
    const i = this.#count++
    this.#records[i] = record
    this.#keys[i] = key
    this.#groups[i] = group
    if (this.#hasTimes) this.#times[i] = timeMs
    const { encoder, rowsMax } = this.#encoder
    const waiting = this.#count - this.#encoded
    if (waiting >= rowsMax || waiting >= encoder.recordsPerFrame) this.flush()
  }

  /**
   * Rows of one group; returns where to go on, at once or in the next step. A long run becomes a frame as it is,
   * without being copied.
   */
  addRun(group: number, { keys, records, size }: Run, from: number, max: number): number {
    const count = size - from
    if (count < RUN_MIN) {
      const to = from + Math.min(count, max)
      for (let i = from; i < to; i++) {
        this.add(group, keys[i], records[i], 0)
        if (this.#into.isFull) return i + 1
      }
      return to
    }
    assert(!this.#hasTimes, 'rows of a run have no times')
    if (!this.flush()) return from
    this.#encoder ??= this.#encoders.of(this.#section.state, this.#section.part)
    const { encoder, rowsMax } = this.#encoder
    const to = from + Math.min(count, rowsMax, encoder.recordsPerFrame)
    const groups = allOf(group, from, to)
    return this.#encodeFrame({ records, keys, groups, times: null }, from, to, [group, group])
  }

  /** As far as the step goes; true where nothing waits any more. */
  flush(): boolean {
    const count = this.#count
    const times = this.#hasTimes ? this.#times : null
    const rows = { records: this.#records, keys: this.#keys, groups: this.#groups, times }
    while (this.#encoded < count) {
      if (this.#into.isFull) return false
      this.#encoded = this.#encodeFrame(rows, this.#encoded, count, null)
    }
    this.#count = 0
    this.#encoded = 0
    return true
  }

  /**
   * One frame from `from` on, or all those of a large record; returns where to go on. `range`: of the groups,
   * where it is known.
   */
  #encodeFrame(rows: GroupedRecords, from: number, to: number, range: GroupRange | null): number {
    const { encoder } = this.#encoder!
    const beganMs = this.#into.nowMs
    let next = from
    while (next === from) {
      const frame = this.#encode(encoder, rows, from, to)
      next = encoder.next
      const [first, last] = range ?? rangeOf(rows.groups, from, Math.max(next, from + 1))
      this.#into.add(this.#section, first, last, frame, next - from)
    }
    this.#pace(next - from, this.#into.nowMs - beganMs)
    return next
  }

  /** How many rows the next frame may have, by what the last one took. */
  #pace(rows: number, ms: number): void {
    const own = this.#encoder!
    if (ms < LONG_MS) own.rowsMax = Math.max(own.rowsMax, rows * 2)
    else own.rowsMax = Math.max(FIRST_ROWS, rows >> 1)
  }

  #encode(encoder: BatchEncoder, rows: Records, from: number, to: number): ArrayBuffer {
    try {
      return encoder.encode(rows, from, to)
    } catch (cause) {
      this.#encoders.forget(this.#section.state, this.#section.part)
      throw cannotBeStored(this.#operator, this.#section.state, cause)
    }
  }
}

/** One group for each row from `from` up to `to`; valid until the next call. */
function allOf(group: number, from: number, to: number): Uint16Array {
  if (sameGroup.length < to) sameGroup = new Uint16Array(to)
  return sameGroup.fill(group, from, to)
}

function rangeOf(groups: ArrayLike<number>, from: number, to: number): GroupRange {
  let [first, last] = [groups[from]!, groups[from]!]
  for (let i = from + 1; i < to; i++) {
    if (groups[i]! < first) first = groups[i]!
    if (groups[i]! > last) last = groups[i]!
  }
  return [first, last]
}

function cannotBeStored(operator: string, state: string, cause: unknown): unknown {
  if (!(cause instanceof MillraceError)) return cause
  const { field, type, bytes } = cause.details
  const what = bytes === undefined ? `${field} is ${type}` : `a value has ${bytes} bytes`
  return new MillraceError(
    'E_STATE_VALUE',
    `operator ${operator} keeps in its state "${state}" what no snapshot can hold: ${what}; keep plain data ` +
      '(numbers, strings, arrays, plain objects, Date, Map, Set, typed arrays)',
    { cause, details: { ...cause.details, operator, state } },
  )
}
