/**
 * The sending half of the batch codec: records in, data frames out, one at a time.
 *
 * Each call makes one frame of as many records as fit into `frameBytesMax`. A record that alone does
 * not fit is encoded as CBOR by itself and leaves in fragments, one per call.
 *
 * The shape of the records is inferred from the first batch and kept until a record does not fit it;
 * then it is joined with the shape of the batch in hand. Joined shapes are forgotten after a
 * while, so that one odd record does not slow the channel down for good.
 */
import { assert } from '../base/assert.js'
import { MillraceError } from '../base/errors.js'
import { encodeCborValues } from './cbor.js'
import { MISFIT } from './collect.js'
import {
  align8,
  allocateFrame,
  COLUMN_HEAD_BYTES,
  columnWord,
  putColumnHead,
  viewColumn,
  WORD_EMBEDDED,
} from './column-bytes.js'
import { beginData, OFFSET_COLUMNS } from './frame.js'
import { inferShape } from './infer.js'
import { LARGE_HAS_GROUP, LARGE_HAS_KEY, LARGE_HAS_TIME, LargeRecord } from './large-record.js'
import { CBOR, ROW_BYTES, TEXT } from './layout.js'
import { FRAME_BYTES_MAX, FRAME_BYTES_MIN, FRAME_RECORDS_MAX, RECORD_BYTES_MAX } from './limits.js'
import { nativeText } from './native-text.js'
import { type Program, programOf } from './program.js'
import { Scratch } from './scratch.js'
import { type Shape, VALUE } from './shape.js'
import { textBytes } from './text.js'

/** Frames after which a joined shape is forgotten. */
const JOINED_SHAPE_FRAMES = 512
/** A shape takes at most this share of a frame; records with a larger one travel as CBOR. */
const SHAPE_SHARE_MAX = 1 / 8

export interface BatchEncoderOptions {
  /** Name of the sending operator, for error messages. */
  readonly operator: string
  readonly frameBytesMax?: number
  readonly recordBytesMax?: number
}

/** What is encoded: the columns of a batch; structurally a `Batch`. */
export interface Records {
  readonly records: readonly unknown[]
  readonly keys: readonly unknown[] | null
  readonly groups: ArrayLike<number> | null
  readonly times?: ArrayLike<number> | null
}

/** Records as CBOR alone: fits everything that can travel. */
const fallbackShape = (keys: boolean, groups: boolean, times: boolean): Shape => {
  const value = { kind: VALUE, optional: true } as const
  return { records: value, keys: keys ? value : null, groups, times }
}

export class BatchEncoder {
  readonly #operator: string
  readonly #frameBytesMax: number
  readonly #recordBytesMax: number
  readonly #scratch = new Scratch()
  #program: Program | null = null
  /** Frames since the shape was joined, or -1 when it is that of one batch. */
  #joinedFrames = -1
  /** A record of which some fragments have left. */
  #large: LargeRecord | null = null
  #next = 0
  /** Mean size of a record in the last frames; range 1 … frameBytesMax. */
  #recordBytes: number

  constructor(options: BatchEncoderOptions) {
    this.#operator = options.operator
    this.#frameBytesMax = options.frameBytesMax ?? FRAME_BYTES_MAX
    this.#recordBytesMax = options.recordBytesMax ?? RECORD_BYTES_MAX
    assert(this.#frameBytesMax >= FRAME_BYTES_MIN, `a frame has ≥ ${FRAME_BYTES_MIN} bytes`)
    this.#recordBytes = this.#frameBytesMax / FRAME_RECORDS_MAX
  }

  /** Position of the first record that has not left wholly, after `encode`. */
  get next(): number {
    return this.#next
  }

  /** Records that fill one frame, as far as known: 1 … FRAME_RECORDS_MAX. */
  get recordsPerFrame(): number {
    const records = Math.floor(this.#frameBytesMax / this.#recordBytes)
    return Math.min(Math.max(records, 1), FRAME_RECORDS_MAX)
  }

  /**
   * One data frame of records `from` … at most `to - 1`; the caller owns it and has to stamp it. Then
   * `next` says where to go on; it equals `from` while fragments of that record are left. *Caller must*
   * then go on with the same record. Throws E_CANNOT_TRAVEL and E_RECORD_TOO_LARGE, whose details
   * name operator and field; nothing of the call has left then.
   */
  encode(batch: Records, from: number, to: number): ArrayBuffer {
    assert(from < to && to <= batch.records.length, 'a frame has at least one record')
    this.#next = from
    if (this.#large !== null) return this.#fragment(this.#large)
    let upTo = Math.min(to, from + FRAME_RECORDS_MAX)
    let fresh = this.#open(batch, from, upTo)
    for (;;) {
      const count = this.#collect(batch, from, upTo)
      if (count === MISFIT) {
        fresh = this.#reshape(batch, from, upTo, fresh)
        continue
      }
      if (count === 0) return this.#firstFragment(batch, from)
      const frame = this.#frame(count)
      if (frame !== null) {
        this.#next = from + count
        this.#sent(frame.byteLength, count)
        this.#scratch.release()
        return frame
      }
      if (count === 1) return this.#firstFragment(batch, from)
      upTo = from + Math.max(1, Math.floor(count * this.#scratch.excess))
    }
  }

  /** Sees that there is a program with the right columns. True when it was made for this batch. */
  #open(batch: Records, from: number, to: number): boolean {
    const shape = this.#program?.layout.shape
    const hasKeys = batch.keys !== null
    const hasGroups = batch.groups !== null
    const hasTimes = batch.times != null
    const fits = shape?.groups === hasGroups && shape.times === hasTimes
    if (fits && (shape.keys !== null) === hasKeys) {
      if (this.#joinedFrames < JOINED_SHAPE_FRAMES) return false
    }
    this.#joinedFrames = -1
    this.#use(this.#infer(batch, from, to, null))
    return true
  }

  /** After a record that does not fit. What does not even fit its own shape travels as CBOR. */
  #reshape(batch: Records, from: number, to: number, fresh: boolean): boolean {
    this.#joinedFrames = 0
    if (fresh) {
      this.#use(fallbackShape(batch.keys !== null, batch.groups !== null, batch.times != null))
    } else this.#use(this.#infer(batch, from, to, this.#program!.layout.shape))
    return true
  }

  #infer(batch: Records, from: number, to: number, known: Shape | null): Shape {
    const { records, keys, groups, times } = batch
    return inferShape(records, keys, groups !== null, times != null, from, to, known)
  }

  #use(shape: Shape): void {
    let program = programOf(shape)
    if (program.shapeBytes.length > this.#frameBytesMax * SHAPE_SHARE_MAX) {
      program = programOf(fallbackShape(shape.keys !== null, shape.groups, shape.times))
    }
    this.#program = program
    this.#scratch.use(program.layout)
  }

  /** Bytes of a frame before the first row: heads, shape, and padding at its worst. */
  get #overhead(): number {
    const { layout, shapeBytes } = this.#program!
    const perColumn = COLUMN_HEAD_BYTES + 7
    return (
      OFFSET_COLUMNS + COLUMN_HEAD_BYTES + shapeBytes.length + layout.columns.length * perColumn
    )
  }

  #collect({ records, keys, groups, times }: Records, from: number, to: number): number {
    const { layout, collect } = this.#program!
    const into = this.#scratch
    into.bytesMax = this.#frameBytesMax - this.#overhead
    const fitting = layout.rowBytes > 0 ? Math.floor(into.bytesMax / layout.rowBytes) : to - from
    const count = Math.max(Math.min(to - from, fitting), 0)
    if (layout.isFixed) this.#beginFixed(count)
    else into.prepare(count)
    return collect()(into, records, keys, groups, times ?? null, from, count)
  }

  /** Columns of fixed width are collected in place: the size of the frame is known. */
  #beginFixed(count: number): void {
    const { columns } = this.#program!.layout
    let size = this.#columnsStart
    for (const { type } of columns) size += COLUMN_HEAD_BYTES + align8(count * ROW_BYTES[type]!)
    const view = this.#begin(size, count)
    let offset = this.#columnsStart
    columns.forEach(({ type }, c) => {
      const byteLength = align8(count * ROW_BYTES[type]!)
      putColumnHead(view, offset, columnWord(type, 1), byteLength)
      this.#scratch.arrays[c] = viewColumn(type, view.buffer, offset + COLUMN_HEAD_BYTES, count)
      offset += COLUMN_HEAD_BYTES + byteLength
    })
    this.#scratch.frame = view.buffer
  }

  get #columnsStart(): number {
    return OFFSET_COLUMNS + COLUMN_HEAD_BYTES + this.#program!.shapeBytes.length
  }

  /** A new buffer with all that comes before the columns; behind that it is not initialised. */
  #begin(size: number, count: number): DataView<ArrayBuffer> {
    const { layout, shapeBytes } = this.#program!
    const frame = allocateFrame(size)
    const view = new DataView(frame)
    beginData(view, layout.columns.length + 1, count, false)
    putColumnHead(view, OFFSET_COLUMNS, WORD_EMBEDDED, shapeBytes.length)
    new Uint8Array(frame).set(shapeBytes, OFFSET_COLUMNS + COLUMN_HEAD_BYTES)
    return view
  }

  /** The frame of what was collected; null when it is too large, `scratch.excess` says by how much. */
  #frame(count: number): ArrayBuffer | null {
    const { layout } = this.#program!
    const scratch = this.#scratch
    if (layout.isFixed) return scratch.frame
    const { columns } = layout
    const embedded = columns.map(({ type, path }, c) =>
      type === CBOR ? this.#cbor(scratch.values[c]!, path) : null,
    )
    const lengths = columns.map(({ type }, c) => {
      if (type === CBOR) return embedded[c]!.length
      if (type !== TEXT) return align8(count * ROW_BYTES[type]!)
      const byteLength = textBytes(scratch.texts[c]!)
      scratch.widths[c] = byteLength === scratch.texts[c]!.length ? 1 : 2
      return align8(byteLength)
    })
    let size = this.#columnsStart
    for (const byteLength of lengths) size += COLUMN_HEAD_BYTES + byteLength
    scratch.excess = Math.min(0.9, this.#frameBytesMax / size)
    return size > this.#frameBytesMax ? null : this.#fill(size, count, lengths, embedded)
  }

  #fill(
    size: number,
    count: number,
    lengths: readonly number[],
    embedded: readonly (Uint8Array | null)[],
  ): ArrayBuffer {
    const { columns } = this.#program!.layout
    const scratch = this.#scratch
    const view = this.#begin(size, count)
    const frame = view.buffer
    const text = nativeText(frame)
    let offset = this.#columnsStart
    for (const last of [false, true]) {
      for (let c = 0; c < columns.length; c++) {
        const { type } = columns[c]!
        if ((type === CBOR) !== last) continue
        const byteLength = lengths[c]!
        const width = scratch.widths[c]!
        putColumnHead(view, offset, columnWord(type, width), byteLength)
        offset += COLUMN_HEAD_BYTES
        if (type === CBOR) new Uint8Array(frame).set(embedded[c]!, offset)
        else if (type !== TEXT) {
          viewColumn(type, frame, offset, count).set(scratch.arrays[c]!.subarray(0, count))
        } else if (width === 1) {
          text.latin1Write(scratch.texts[c]!, offset, scratch.texts[c]!.length)
        } else text.ucs2Write(scratch.texts[c]!, offset, 2 * scratch.texts[c]!.length)
        offset += byteLength
      }
    }
    return frame
  }

  #cbor(values: readonly unknown[], path: string): Uint8Array {
    return this.#named(() => encodeCborValues(values, path))
  }

  #firstFragment({ records, keys, groups, times }: Records, from: number): ArrayBuffer {
    const parts = [records[from], keys?.[from], groups?.[from] ?? null, times?.[from] ?? null]
    const flags =
      (keys === null ? 0 : LARGE_HAS_KEY) +
      (groups === null ? 0 : LARGE_HAS_GROUP) +
      (times == null ? 0 : LARGE_HAS_TIME)
    const bytes = this.#named(() => encodeCborValues([flags, ...parts], 'record'))
    if (bytes.length > this.#recordBytesMax) throw this.#tooLarge(bytes.length)
    return this.#fragment(new LargeRecord(bytes, this.#frameBytesMax))
  }

  #fragment(large: LargeRecord): ArrayBuffer {
    const frame = large.next()
    this.#recordBytes = this.#frameBytesMax
    this.#large = large.isSent ? null : large
    if (large.isSent) this.#next += 1
    return frame
  }

  #sent(byteLength: number, count: number): void {
    if (this.#joinedFrames >= 0) this.#joinedFrames += 1
    this.#recordBytes += (byteLength / count - this.#recordBytes) / 2
  }

  /** Adds the operator to an error of the values. */
  #named<T>(encode: () => T): T {
    try {
      return encode()
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error
      throw new MillraceError(error.code, `operator ${this.#operator}: ${error.message}`, {
        cause: error,
        details: { ...error.details, operator: this.#operator },
      })
    }
  }

  #tooLarge(bytes: number): MillraceError {
    const limit = this.#recordBytesMax
    return new MillraceError(
      'E_RECORD_TOO_LARGE',
      `operator ${this.#operator}: a record of ${bytes} bytes; ${limit} can cross to another subtask: ` +
        'split it, or raise recordBytesMax',
      { details: { operator: this.#operator, bytes, limit } },
    )
  }
}
