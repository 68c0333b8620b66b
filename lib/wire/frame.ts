/**
 * Frames: every message that a channel sends over a link, in either direction.
 *
 * ## Protocol of a channel
 * With the data, from the sending to the receiving subtask:
 * - `Data` carries records, or one fragment of a record too large for one frame. It costs one credit.
 *   `backlog` says how many more wait for credit. The fragments of a record follow each other with no
 *   other data between.
 * - `Watermark`, `Barrier`, `Idle`, `End` cost no credit and keep their place in the order of data.
 *   Nothing MUST follow `End`.
 * - A `Barrier` may be unaligned: it goes ahead of data that waits for credit, and its receiver heeds it
 *   when it arrives, not when its turn has come. What it overtook is stored by the side on which it was:
 *   what had not been sent by the sender, what had by the receiver. It may stand between the fragments
 *   of a record: that one counts as not sent, and the receiver's part of it is worth nothing.
 * Against the data:
 * - `Credit` carries the bound, not an increment: data up to number `upToSequence` may be sent, all
 *   data frames of the channel counted from 1. A credit that arrives late or twice changes nothing.
 * - `Cancel`: no more is needed; the sender owes only `End`.
 *
 * Every frame carries channel (edge, sending subtask, receiving subtask), attempt, session, and a
 * sequence number which counts the frames of the channel in its direction from 1. It is given at the
 * hand-over to the transport. A receiver MUST fail the channel on a gap, a repetition, or another attempt
 * or session. Between hosts a frame is sealed with a CRC-32; a receiver that expects the seal MUST
 * refuse a frame without.
 *
 * ## Layout (do not change)
 * A frame is one CBOR array (RFC 8949) whose heads have fixed sizes, so that fields stand at fixed
 * offsets; numbers are big-endian:
 *
 *   offset  bytes
 *   0       98 nn           array of nn items
 *   2       kk              kind
 *   3       ff              flags: 1 sealed, 2 fragment
 *   4       1a + 4          edge
 *   9       1a + 4          sending subtask
 *   14      1a + 4          receiving subtask
 *   19      1a + 4          attempt
 *   24      1a + 4          session
 *   29      1b + 8          sequence
 *   38      1a + 4          CRC-32 of all other bytes of the frame, or 0
 *   43                      by kind:
 *     Data       1a + 4 backlog, 1a + 4 count, 42 00 00 (padding), then columns (`columns.ts`)
 *     Credit     1b + 8 upToSequence
 *     Cancel     –
 *     Watermark  fb + 8 time in ms since 1970 (float64)
 *     Barrier    1b + 8 round; flag 4: a full one, flag 8: unaligned
 *     Idle       f4 quiet, f5 active
 *     End        –
 */
import { MillraceError } from '../base/errors.js'
import { crc32 } from './crc32.js'

export const DATA_FRAME = 0
export const CREDIT_FRAME = 1
export const CANCEL_FRAME = 2
export const WATERMARK_FRAME = 3
export const BARRIER_FRAME = 4
export const IDLE_FRAME = 5
export const END_FRAME = 6

const SEALED = 1
const FRAGMENT = 2
const FULL = 4
const UNALIGNED = 8

/** Whose frame it is: channel, attempt and session, each 0 … 2^32 - 1, and the sequence number. */
export interface FrameHead {
  readonly edge: number
  readonly from: number
  readonly to: number
  readonly attempt: number
  readonly session: number
  readonly sequence: number
}

export interface DataFrame extends FrameHead {
  readonly kind: typeof DATA_FRAME
  readonly backlog: number
  readonly isFragment: boolean
  /** The frame, for `BatchDecoder.decode`. */
  readonly frame: ArrayBuffer
}

export interface CreditFrame extends FrameHead {
  readonly kind: typeof CREDIT_FRAME
  readonly upToSequence: number
}

export interface CancelFrame extends FrameHead {
  readonly kind: typeof CANCEL_FRAME
}

export interface WatermarkFrame extends FrameHead {
  readonly kind: typeof WATERMARK_FRAME
  readonly timeMs: number
}

export interface BarrierFrame extends FrameHead {
  readonly kind: typeof BARRIER_FRAME
  readonly round: number
  readonly full: boolean
  readonly unaligned: boolean
}

export interface IdleFrame extends FrameHead {
  readonly kind: typeof IDLE_FRAME
  readonly active: boolean
}

export interface EndFrame extends FrameHead {
  readonly kind: typeof END_FRAME
}

export type Frame =
  | DataFrame
  | CreditFrame
  | CancelFrame
  | WatermarkFrame
  | BarrierFrame
  | IdleFrame
  | EndFrame

const OFFSET_FLAGS = 3
const OFFSET_SEQUENCE = 30
const OFFSET_SUM = 39
const OFFSET_BODY = 43
const OFFSET_COUNT = 48
/** Where the columns of a data frame begin; a multiple of 8. */
export const OFFSET_COLUMNS = 56
const HEAD_ITEMS = 9
const DATA_ITEMS = HEAD_ITEMS + 3

/** Initial bytes of CBOR items. */
const ARRAY_8 = 0x98
const UINT_32 = 0x1a
const UINT_64 = 0x1b
const FLOAT_64 = 0xfb
const FALSE = 0xf4
const TRUE = 0xf5
const PADDING = 0x420000

/** Offsets of the 32-bit fields of the head, in the order of `FrameHead`. */
const OFFSET_EDGE = 4
const OFFSET_FROM = 9
const OFFSET_TO = 14
const OFFSET_ATTEMPT = 19
const OFFSET_SESSION = 24

export function encodeCredit(head: FrameHead, upToSequence: number): ArrayBuffer {
  const view = newFrame(CREDIT_FRAME, head, 9)
  putUint64(view, OFFSET_BODY, upToSequence)
  return view.buffer
}

export const encodeCancel = (head: FrameHead): ArrayBuffer => newFrame(CANCEL_FRAME, head, 0).buffer

export function encodeWatermark(head: FrameHead, timeMs: number): ArrayBuffer {
  const view = newFrame(WATERMARK_FRAME, head, 9)
  view.setUint8(OFFSET_BODY, FLOAT_64)
  view.setFloat64(OFFSET_BODY + 1, timeMs)
  return view.buffer
}

export function encodeBarrier(
  head: FrameHead,
  round: number,
  full: boolean,
  unaligned = false,
): ArrayBuffer {
  const view = newFrame(BARRIER_FRAME, head, 9)
  view.setUint8(OFFSET_FLAGS, (full ? FULL : 0) | (unaligned ? UNALIGNED : 0))
  putUint64(view, OFFSET_BODY, round)
  return view.buffer
}

export function encodeIdle(head: FrameHead, active: boolean): ArrayBuffer {
  const view = newFrame(IDLE_FRAME, head, 1)
  view.setUint8(OFFSET_BODY, active ? TRUE : FALSE)
  return view.buffer
}

export const encodeEnd = (head: FrameHead): ArrayBuffer => newFrame(END_FRAME, head, 0).buffer

function newFrame(kind: number, head: FrameHead, bodyBytes: number): DataView<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(OFFSET_BODY + bodyBytes))
  putFixed(view, kind, 0, HEAD_ITEMS + (bodyBytes > 0 ? 1 : 0))
  putHead(view, head)
  return view
}

function putFixed(view: DataView, kind: number, flags: number, items: number): void {
  view.setUint8(0, ARRAY_8)
  view.setUint8(1, items)
  view.setUint8(2, kind)
  view.setUint8(OFFSET_FLAGS, flags)
  view.setUint8(OFFSET_EDGE, UINT_32)
  view.setUint8(OFFSET_FROM, UINT_32)
  view.setUint8(OFFSET_TO, UINT_32)
  view.setUint8(OFFSET_ATTEMPT, UINT_32)
  view.setUint8(OFFSET_SESSION, UINT_32)
  view.setUint8(OFFSET_SEQUENCE - 1, UINT_64)
  view.setUint8(OFFSET_SUM - 1, UINT_32)
  view.setUint32(OFFSET_SUM, 0)
}

function putHead(view: DataView, head: FrameHead): void {
  view.setUint32(OFFSET_EDGE + 1, head.edge)
  view.setUint32(OFFSET_FROM + 1, head.from)
  view.setUint32(OFFSET_TO + 1, head.to)
  view.setUint32(OFFSET_ATTEMPT + 1, head.attempt)
  view.setUint32(OFFSET_SESSION + 1, head.session)
  putUint64(view, OFFSET_SEQUENCE - 1, head.sequence)
}

function putUint64(view: DataView, offset: number, value: number): void {
  view.setUint8(offset, UINT_64)
  view.setUint32(offset + 1, Math.floor(value / 2 ** 32))
  view.setUint32(offset + 5, value % 2 ** 32)
}

/**
 * Begins a data frame of `columns` items behind the head; every byte up to OFFSET_COLUMNS is written,
 * so the buffer may come uninitialised. Who it is for, `stampData` says later.
 */
export function beginData(
  view: DataView,
  columns: number,
  count: number,
  isFragment: boolean,
): void {
  putFixed(view, DATA_FRAME, isFragment ? FRAGMENT : 0, DATA_ITEMS + columns)
  view.setUint8(OFFSET_BODY, UINT_32)
  view.setUint8(OFFSET_COUNT, UINT_32)
  view.setUint32(OFFSET_COUNT + 1, count)
  view.setUint8(OFFSET_COUNT + 5, PADDING >> 16)
  view.setUint16(OFFSET_COUNT + 6, PADDING & 0xffff)
  view.setUint32(OFFSET_BODY + 1, 0)
}

/** Addresses a data frame at its hand-over to the transport. To be called before it is sealed. */
export function stampData(frame: ArrayBuffer, head: FrameHead, backlog: number): void {
  const view = new DataView(frame)
  putHead(view, head)
  view.setUint32(OFFSET_BODY + 1, backlog)
}

/** Adds the CRC-32 with which a frame travels between hosts. Its last change. */
export function sealFrame(frame: ArrayBuffer): void {
  const view = new DataView(frame)
  view.setUint8(OFFSET_FLAGS, view.getUint8(OFFSET_FLAGS) | SEALED)
  view.setUint32(OFFSET_SUM, sumOf(frame))
}

const sumOf = (frame: ArrayBuffer): number =>
  crc32(new Uint8Array(frame, OFFSET_BODY), crc32(new Uint8Array(frame, 0, OFFSET_SUM)))

/**
 * Reads a frame but for the columns of a data frame. `sealed` says whether frames of this link have to
 * carry a CRC-32. Throws E_BAD_FRAME on anything that is no frame.
 */
export function decodeFrame(frame: ArrayBuffer, sealed = false): Frame {
  const view = checkFixed(frame)
  const flags = view.getUint8(OFFSET_FLAGS)
  checkSeal(frame, view, flags, sealed)
  const head = {
    edge: view.getUint32(OFFSET_EDGE + 1),
    from: view.getUint32(OFFSET_FROM + 1),
    to: view.getUint32(OFFSET_TO + 1),
    attempt: view.getUint32(OFFSET_ATTEMPT + 1),
    session: view.getUint32(OFFSET_SESSION + 1),
    sequence: getUint64(view, OFFSET_SEQUENCE - 1, 'sequence'),
  }
  const kind = view.getUint8(2)
  must((flags & (FULL | UNALIGNED)) === 0 || kind === BARRIER_FRAME, 'flags of its kind')
  if (kind === DATA_FRAME) {
    const isFragment = (flags & FRAGMENT) !== 0
    checkDataHead(view)
    return { kind, ...head, backlog: view.getUint32(OFFSET_BODY + 1), isFragment, frame }
  }
  must((flags & FRAGMENT) === 0, 'only data in fragments')
  switch (kind) {
    case CREDIT_FRAME:
      return { kind, ...head, upToSequence: bodyUint64(view, 'upToSequence') }
    case BARRIER_FRAME:
      return { kind, ...head, ...barrierOf(view, flags) }
    case WATERMARK_FRAME:
      return { kind, ...head, timeMs: bodyFloat64(view) }
    case IDLE_FRAME:
      return { kind, ...head, active: bodyBoolean(view) }
    case CANCEL_FRAME:
    case END_FRAME:
      checkBody(view, 0)
      return { kind, ...head }
    default:
      throw badFrame(`kind ${kind}`)
  }
}

const barrierOf = (view: DataView, flags: number) => ({
  round: bodyUint64(view, 'round'),
  full: (flags & FULL) !== 0,
  unaligned: (flags & UNALIGNED) !== 0,
})

/** Whether bytes may be a frame: what begins otherwise is none. */
export const isFrame = (bytes: ArrayBuffer): boolean =>
  bytes.byteLength >= OFFSET_BODY && new DataView(bytes).getUint8(0) === ARRAY_8

/** The session of what may be a frame, unchecked: to find its link by. */
export const sessionOf = (frame: ArrayBuffer): number =>
  new DataView(frame).getUint32(OFFSET_SESSION + 1)

/** What a data frame says of its columns; for `decoder.ts`. Throws E_BAD_FRAME. */
export function openData(frame: ArrayBuffer): {
  columns: number
  count: number
  fragment: boolean
} {
  const view = checkFixed(frame)
  must(view.getUint8(2) === DATA_FRAME, 'a data frame')
  checkDataHead(view)
  return {
    columns: view.getUint8(1) - DATA_ITEMS,
    count: view.getUint32(OFFSET_COUNT + 1),
    fragment: (view.getUint8(OFFSET_FLAGS) & FRAGMENT) !== 0,
  }
}

function checkFixed(frame: ArrayBuffer): DataView {
  must(frame.byteLength >= OFFSET_BODY, 'a whole head')
  const view = new DataView(frame)
  must(
    view.getUint8(0) === ARRAY_8 &&
      view.getUint8(OFFSET_FLAGS) <= (SEALED | FRAGMENT | FULL | UNALIGNED) &&
      view.getUint8(OFFSET_EDGE) === UINT_32 &&
      view.getUint8(OFFSET_FROM) === UINT_32 &&
      view.getUint8(OFFSET_TO) === UINT_32 &&
      view.getUint8(OFFSET_ATTEMPT) === UINT_32 &&
      view.getUint8(OFFSET_SESSION) === UINT_32 &&
      view.getUint8(OFFSET_SUM - 1) === UINT_32,
    'the fixed bytes of a head',
  )
  return view
}

function checkDataHead(view: DataView): void {
  must(view.byteLength >= OFFSET_COLUMNS, 'a whole data head')
  must(
    view.getUint8(1) >= DATA_ITEMS &&
      view.getUint8(OFFSET_BODY) === UINT_32 &&
      view.getUint8(OFFSET_COUNT) === UINT_32 &&
      view.getUint8(OFFSET_COUNT + 5) === PADDING >> 16 &&
      view.getUint16(OFFSET_COUNT + 6) === (PADDING & 0xffff),
    'the fixed bytes of a data head',
  )
}

function checkSeal(frame: ArrayBuffer, view: DataView, flags: number, sealed: boolean): void {
  const isSealed = (flags & SEALED) !== 0
  must(isSealed || !sealed, 'a sealed frame')
  const sum = view.getUint32(OFFSET_SUM)
  if (sum !== (isSealed ? sumOf(frame) : 0)) throw badFrame('a wrong CRC-32: the frame is damaged')
}

function checkBody(view: DataView, bodyBytes: number): void {
  must(view.byteLength === OFFSET_BODY + bodyBytes, 'the length of its kind')
  must(view.getUint8(1) === HEAD_ITEMS + (bodyBytes > 0 ? 1 : 0), 'the items of its kind')
}

function bodyUint64(view: DataView, field: string): number {
  checkBody(view, 9)
  return getUint64(view, OFFSET_BODY, field)
}

function bodyFloat64(view: DataView): number {
  checkBody(view, 9)
  must(view.getUint8(OFFSET_BODY) === FLOAT_64, 'a time in ms')
  const timeMs = view.getFloat64(OFFSET_BODY + 1)
  must(!Number.isNaN(timeMs), 'a time in ms')
  return timeMs
}

function bodyBoolean(view: DataView): boolean {
  checkBody(view, 1)
  const body = view.getUint8(OFFSET_BODY)
  must(body === TRUE || body === FALSE, 'active or quiet')
  return body === TRUE
}

function getUint64(view: DataView, offset: number, field: string): number {
  must(view.getUint8(offset) === UINT_64, field)
  const value = view.getUint32(offset + 1) * 2 ** 32 + view.getUint32(offset + 5)
  must(Number.isSafeInteger(value), `${field} up to 2^53`)
  return value
}

function must(condition: boolean, what: string): void {
  if (!condition) throw badFrame(`bytes that are not ${what}`)
}

export const badFrame = (reason: string, cause?: unknown): MillraceError =>
  new MillraceError('E_BAD_FRAME', `expected a frame of a channel, saw ${reason}`, {
    cause,
    details: { reason },
  })
