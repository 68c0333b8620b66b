/**
 * Columns as bytes. Each is one CBOR item: a tag and a byte string, whose heads take exactly 8 bytes
 * (`d9 tt tt 5a ll ll ll ll`, longer than need be), so that contents stay 8-aligned and typed arrays
 * (RFC 8746, little-endian) are read in place. Contents are padded with zeros to a multiple of 8: a
 * typed array may thus have more elements than there are records. Only embedded CBOR is not padded;
 * its columns stand last.
 *
 * Tags and layout: do not change.
 */
import { endianness } from 'node:os'
import { assert } from '../base/assert.js'
import { CBOR, type ColumnType, F64, type FixedColumn, I32, TEXT, U8, U16 } from './layout.js'
import * as tags from './tags.js'

assert(endianness() === 'LE', 'typed arrays of this machine are little-endian, as on the wire')

export const COLUMN_HEAD_BYTES = 8

export const align8 = (byteLength: number): number => (byteLength + 7) & ~7

/** First four bytes of a column: a tag with 16 bits, and a byte string with 32 bits of length. */
const headWord = (tag: number): number => 0xd900005a + tag * 256

const WORD_UINT8 = headWord(tags.TAG_UINT8)
const WORD_UINT16 = headWord(tags.TAG_UINT16)
const WORD_INT32 = headWord(tags.TAG_INT32)
const WORD_FLOAT64 = headWord(tags.TAG_FLOAT64)
const WORD_LATIN1 = headWord(tags.TAG_LATIN1)
const WORD_UTF16 = headWord(tags.TAG_UTF16)
/** Also that of the shape. */
export const WORD_EMBEDDED = headWord(tags.TAG_EMBEDDED)
export const WORD_FRAGMENT = headWord(tags.TAG_FRAGMENT)

/** By column type; that of a text depends on the width of its characters. */
const WORDS: readonly number[] = [
  WORD_UINT8,
  WORD_UINT16,
  WORD_INT32,
  WORD_FLOAT64,
  0,
  WORD_EMBEDDED,
]

export const columnWord = (type: ColumnType, width: number): number =>
  type === TEXT ? (width === 1 ? WORD_LATIN1 : WORD_UTF16) : WORDS[type]!

/** Bytes per character of a column of text by its word; 0 when it is none. */
export const textWidth = (word: number): number =>
  word === WORD_LATIN1 ? 1 : word === WORD_UTF16 ? 2 : 0

/** The content of a column of fixed width, in place. `offset` is a multiple of 8. */
export function viewColumn(
  type: ColumnType,
  frame: ArrayBuffer,
  offset: number,
  count: number,
): FixedColumn {
  switch (type) {
    case U8:
      return new Uint8Array(frame, offset, count)
    case U16:
      return new Uint16Array(frame, offset, count)
    case I32:
      return new Int32Array(frame, offset, count)
    case F64:
      return new Float64Array(frame, offset, count)
    default:
      throw new Error(`broken law: a column of fixed width, not ${type === CBOR ? 'CBOR' : 'text'}`)
  }
}

/** Writes the head of a column, and zeros where its padding may be. */
export function putColumnHead(
  view: DataView,
  offset: number,
  word: number,
  byteLength: number,
): void {
  view.setUint32(offset, word)
  view.setUint32(offset + 4, byteLength)
  if (byteLength === 0 || word === WORD_EMBEDDED || word === WORD_FRAGMENT) return
  view.setUint32(offset + byteLength, 0)
  view.setUint32(offset + byteLength + 4, 0)
}

/** Not zeroed, which saves 4 µs per 64 KiB: the caller writes every byte. Never of a pool. */
export const allocateFrame = (byteLength: number): ArrayBuffer =>
  Buffer.allocUnsafeSlow(byteLength).buffer as ArrayBuffer
