/**
 * The receiving half of the batch codec: data frames in, batches out. Nothing of a frame is believed:
 * a damaged or hostile one is E_BAD_FRAME, whatever it says.
 *
 * Decoded strings may be slices of a text of up to 16 neighbours and 768 characters, and keep it alive: what
 * is kept for long, keys of state above all, is to be copied (`flatKey` of `base/key.ts`).
 */
import { MillraceError } from '../base/errors.js'
import type { Opened } from './build.js'
import { decodeCbor } from './cbor.js'
import {
  align8,
  COLUMN_HEAD_BYTES,
  columnWord,
  textWidth,
  viewColumn,
  WORD_EMBEDDED,
  WORD_FRAGMENT,
} from './column-bytes.js'
import { badFrame, OFFSET_COLUMNS, openData } from './frame.js'
import { LARGE_HAS_GROUP, LARGE_HAS_KEY, LARGE_HAS_TIME } from './large-record.js'
import { CBOR, type Layout, ROW_BYTES, TEXT } from './layout.js'
import { FRAGMENT_BYTES_MIN, FRAME_RECORDS_MAX, RECORD_BYTES_MAX } from './limits.js'
import { nativeText } from './native-text.js'
import { type Program, programOfBytes } from './program.js'

export interface DecodedBatch {
  readonly records: unknown[]
  readonly keys: unknown[] | null
  readonly groups: Uint16Array | null
  readonly times: Float64Array | null
}

export class BatchDecoder {
  readonly #recordBytesMax: number
  /** The program of the last frame: most frames of a channel have one shape. */
  #program: Program | null = null
  #shapeBytes: Buffer = Buffer.alloc(0)
  /** Parts of a large record so far, their length, and that of the whole. */
  #parts: Uint8Array[] = []
  #received = 0
  #expected = 0

  constructor(options: { readonly recordBytesMax?: number } = {}) {
    this.#recordBytesMax = options.recordBytesMax ?? RECORD_BYTES_MAX
  }

  /**
   * The batch of one data frame; null when it holds a fragment and more are to come. Frames MUST be
   * given in the order in which they were sent. Shares no memory with the frame. Throws E_BAD_FRAME.
   */
  decode(frame: ArrayBuffer): DecodedBatch | null {
    try {
      const { columns, count, fragment } = openData(frame)
      const view = new DataView(frame)
      if (fragment) return this.#addFragment(view, columns, count)
      if (this.#received > 0) throw badFrame('other data between the fragments of a record')
      return this.#decodeColumns(view, columns, count)
    } catch (error) {
      if (error instanceof MillraceError && error.code === 'E_BAD_FRAME') throw error
      throw badFrame(error instanceof Error ? error.message : 'no batch', error)
    }
  }

  #decodeColumns(view: DataView<ArrayBuffer>, columns: number, count: number): DecodedBatch {
    if (count === 0 || count > FRAME_RECORDS_MAX) throw badFrame(`${count} records in one frame`)
    const shapeLength = columnLength(view, OFFSET_COLUMNS, WORD_EMBEDDED)
    const start = OFFSET_COLUMNS + COLUMN_HEAD_BYTES
    const { layout, build } = this.#programAt(view, start, shapeLength)
    if (columns !== layout.columns.length + 1) throw badFrame('columns that its shape has not')
    if (shapeLength % 8 !== 0) throw badFrame('a shape that is not padded')
    const opened = openColumns(view, layout, start + shapeLength, count)
    const records: unknown[] = new Array(count)
    const keys: unknown[] | null = layout.shape.keys === null ? null : new Array(count)
    build()(opened, records, keys, count)
    const { groups, times } = layout
    return {
      records,
      keys,
      groups: groups < 0 ? null : (opened.arrays[groups]!.slice() as Uint16Array),
      times: times < 0 ? null : (opened.arrays[times]!.slice() as Float64Array),
    }
  }

  #programAt({ buffer }: DataView<ArrayBuffer>, start: number, length: number): Program {
    const bytes = Buffer.from(buffer, start, length)
    if (this.#program !== null && this.#shapeBytes.equals(bytes)) return this.#program
    const program = programOfBytes(new Uint8Array(buffer, start, length))
    if (typeof program === 'string') throw badFrame(`a shape that is none: ${program}`)
    this.#program = program
    this.#shapeBytes = Buffer.from(bytes)
    return program
  }

  #addFragment(view: DataView<ArrayBuffer>, columns: number, total: number): DecodedBatch | null {
    const length = columnLength(view, OFFSET_COLUMNS, WORD_FRAGMENT)
    const start = OFFSET_COLUMNS + COLUMN_HEAD_BYTES
    if (columns !== 1 || start + length !== view.byteLength) throw badFrame('a fragment and more')
    if (this.#received === 0) this.#expected = total
    if (total !== this.#expected) throw badFrame('fragments of two records mixed')
    if (total > this.#recordBytesMax) {
      throw badFrame(`a record of ${total} bytes; the limit is ${this.#recordBytesMax}`)
    }
    const left = total - this.#received - length
    if (left < 0) throw badFrame('fragments longer than their record')
    if (left > 0 && length < FRAGMENT_BYTES_MIN) throw badFrame(`a fragment of ${length} bytes`)
    this.#parts.push(new Uint8Array(view.buffer, start, length))
    this.#received += length
    return left > 0 ? null : this.#assemble()
  }

  #assemble(): DecodedBatch {
    const whole = Buffer.concat(this.#parts)
    this.#parts = []
    this.#received = 0
    const data = decodeCbor(whole)
    if (!Array.isArray(data) || data.length !== 5) throw badFrame('a large record of wrong form')
    const [flags, record, key, group, time] = data as unknown[]
    if (!isByte(flags)) throw badFrame('a large record of wrong form')
    const hasGroup = (flags & LARGE_HAS_GROUP) !== 0
    if (hasGroup && !isGroup(group)) throw badFrame('a key group that is none')
    const hasTime = (flags & LARGE_HAS_TIME) !== 0
    if (hasTime && typeof time !== 'number') throw badFrame('a time that is none')
    return {
      records: [record],
      keys: (flags & LARGE_HAS_KEY) !== 0 ? [key] : null,
      groups: hasGroup ? Uint16Array.of(group as number) : null,
      times: hasTime ? Float64Array.of(time as number) : null,
    }
  }
}

const isByte = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xff

const isGroup = (value: unknown): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffff

/** The length of the column at `offset`, which must have this word, and fit. */
function columnLength(view: DataView, offset: number, word: number): number {
  if (offset + COLUMN_HEAD_BYTES > view.byteLength) throw badFrame('fewer columns than its shape')
  if (view.getUint32(offset) !== word) throw badFrame('a column of another type than its shape has')
  const length = view.getUint32(offset + 4)
  if (length > view.byteLength - offset - COLUMN_HEAD_BYTES) {
    throw badFrame('a column longer than the frame')
  }
  return length
}

function openColumns(
  view: DataView<ArrayBuffer>,
  layout: Layout,
  start: number,
  count: number,
): Opened {
  const { columns } = layout
  const opened: Opened = {
    arrays: new Array(columns.length),
    values: new Array(columns.length),
    starts: new Array(columns.length),
    widths: new Array(columns.length),
    frame: nativeText(view.buffer),
  }
  let offset = start
  for (let c = 0; c < columns.length; c++) {
    if (columns[c]!.type === CBOR) continue
    offset =
      columns[c]!.type === TEXT
        ? openText(opened, view, c, columns[c]!.lengths, offset)
        : openFixed(opened, view, layout, c, offset, count)
  }
  for (let c = 0; c < columns.length; c++) {
    if (columns[c]!.type === CBOR) offset = openValues(opened, view, c, offset, count)
  }
  if (offset !== view.byteLength) throw badFrame('bytes behind the last column')
  return opened
}

function openFixed(
  opened: Opened,
  view: DataView<ArrayBuffer>,
  { columns }: Layout,
  c: number,
  offset: number,
  count: number,
): number {
  const { type } = columns[c]!
  const length = columnLength(view, offset, columnWord(type, 1))
  if (length !== align8(count * ROW_BYTES[type]!)) throw badFrame('a column of another length')
  const start = offset + COLUMN_HEAD_BYTES
  opened.arrays[c] = viewColumn(type, view.buffer, start, count)
  return start + length
}

/** The lengths of a text stand in a column before it. */
function openText(
  opened: Opened,
  view: DataView<ArrayBuffer>,
  c: number,
  lengthsColumn: number,
  offset: number,
): number {
  if (offset + 4 > view.byteLength) throw badFrame('fewer columns than its shape')
  const width = textWidth(view.getUint32(offset))
  if (width === 0) throw badFrame('a column of another type than its shape has')
  const length = columnLength(view, offset, columnWord(TEXT, width))
  const lengths = opened.arrays[lengthsColumn]!
  let characters = 0
  for (let i = 0; i < lengths.length; i++) characters += lengths[i]!
  if (length !== align8(characters * width)) throw badFrame('a text of another length')
  opened.starts[c] = offset + COLUMN_HEAD_BYTES
  opened.widths[c] = width
  return offset + COLUMN_HEAD_BYTES + length
}

function openValues(
  opened: Opened,
  view: DataView<ArrayBuffer>,
  c: number,
  offset: number,
  count: number,
): number {
  const length = columnLength(view, offset, WORD_EMBEDDED)
  const start = offset + COLUMN_HEAD_BYTES
  const values = decodeCbor(new Uint8Array(view.buffer, start, length))
  if (!Array.isArray(values) || values.length !== count) throw badFrame('a column of other values')
  opened.values[c] = values
  return start + length
}
