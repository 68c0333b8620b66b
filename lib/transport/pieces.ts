/**
 * Messages in pieces: on control connections, and on lanes that carry messages instead of frames.
 *
 * ## Layout of a piece (do not change)
 * 1 byte: 0 where more of the message follows, 1 for its last piece · 4 bytes session · 4 bytes sequence,
 * from 1 · 4 bytes CRC-32 of all other bytes · part of the message. Numbers are big-endian.
 *
 * Pieces are small so that on a slow line each is soon there: the receiving side sees that its peer is
 * alive while a large message is still on its way, and what goes beside it has its turn.
 */
import { MillraceError } from '../base/errors.js'
import { decodeCbor, encodeCbor } from '../wire/cbor.js'
import { crc32 } from '../wire/crc32.js'
import { profileViolation } from '../wire/profile.js'

const MORE = 0
const LAST = 1
const OFFSET_SESSION = 1
const OFFSET_SEQUENCE = 5
const OFFSET_SUM = 9
const HEAD_BYTES = 13
/** A piece at most, head and all. Wire constant: receivers refuse more. Do not change. */
export const PIECE_BYTES_MAX = 64 * 1024

/**
 * What decoding a message may cost (wire/profile.ts), so that none holds up the thread for longer than
 * 50 ms. 12,000 records of 8 fields fit. Wire constant: receivers refuse more. Do not change.
 */
export const MESSAGE_COST_MAX = 262_144

/** A name of one letter takes two bytes. */
const BYTE_COST_MAX = 9

/** A message as it travels. Throws E_CANNOT_TRAVEL, E_MESSAGE_SIZE. */
export function encodeMessage(message: unknown, bytesMax: number): Uint8Array {
  const bytes = encodeCbor(message, 'message')
  if (bytes.length > bytesMax) throw tooLarge(bytes.length, bytesMax, 'bytes')
  if (
    bytes.length > MESSAGE_COST_MAX / BYTE_COST_MAX &&
    profileViolation(bytes, MESSAGE_COST_MAX) !== null
  ) {
    throw tooLarge(
      bytes.length,
      MESSAGE_COST_MAX,
      'items, tags and new names counted more than once',
    )
  }
  return bytes
}

/** Throws E_BAD_CBOR. */
export const decodeMessage = (bytes: Uint8Array): unknown => decodeCbor(bytes, MESSAGE_COST_MAX)

/** Whether bytes may be a piece: nothing else begins so. */
export const isPiece = (bytes: ArrayBuffer): boolean =>
  bytes.byteLength > HEAD_BYTES && new Uint8Array(bytes)[0]! <= LAST

export const pieceSession = (piece: ArrayBuffer): number =>
  new DataView(piece).getUint32(OFFSET_SESSION)

/** Whether its sum is right. */
export const isIntact = (piece: ArrayBuffer): boolean =>
  new DataView(piece).getUint32(OFFSET_SUM) === sumOf(new Uint8Array(piece))

/** Cuts messages of one session. */
export class PieceCutter {
  readonly #session: number
  readonly #partBytes: number
  #sequence = 0

  /** `pieceBytes`: size of a piece, PIECE_BYTES_MAX at most. */
  constructor(session: number, pieceBytes: number) {
    this.#session = session
    this.#partBytes = pieceBytes - HEAD_BYTES
  }

  *cut(message: Uint8Array): Generator<ArrayBuffer> {
    for (let from = 0; from < message.length; from += this.#partBytes) {
      const to = Math.min(from + this.#partBytes, message.length)
      yield this.#piece(message.subarray(from, to), to === message.length)
    }
  }

  #piece(part: Uint8Array, isLast: boolean): ArrayBuffer {
    const piece = new Uint8Array(HEAD_BYTES + part.length)
    const view = new DataView(piece.buffer)
    this.#sequence = (this.#sequence + 1) >>> 0
    view.setUint8(0, isLast ? LAST : MORE)
    view.setUint32(OFFSET_SESSION, this.#session)
    view.setUint32(OFFSET_SEQUENCE, this.#sequence)
    piece.set(part, HEAD_BYTES)
    view.setUint32(OFFSET_SUM, sumOf(piece))
    return piece.buffer
  }
}

/** Puts messages of one session together. */
export class PieceJoiner {
  readonly #session: number
  readonly #messageBytesMax: number
  #sequence = 0
  #parts: Uint8Array[] = []
  #bytes = 0

  constructor(session: number, messageBytesMax: number) {
    this.#session = session
    this.#messageBytesMax = messageBytesMax
  }

  /** The message that the piece completes, or null. Throws E_BAD_PIECE, E_MESSAGE_SIZE. */
  join(piece: ArrayBuffer): Uint8Array | null {
    const violation = this.#violationOf(piece)
    if (violation !== null) throw badPiece(violation)
    this.#sequence = (this.#sequence + 1) >>> 0
    this.#parts.push(new Uint8Array(piece, HEAD_BYTES))
    this.#bytes += piece.byteLength - HEAD_BYTES
    if (this.#bytes > this.#messageBytesMax) {
      throw tooLarge(this.#bytes, this.#messageBytesMax, 'bytes')
    }
    if (new Uint8Array(piece)[0] === MORE) return null
    const message = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts)
    this.clear()
    return message
  }

  clear(): void {
    this.#parts = []
    this.#bytes = 0
  }

  #violationOf(piece: ArrayBuffer): string | null {
    if (!isPiece(piece) || piece.byteLength > PIECE_BYTES_MAX) {
      return `${piece.byteLength} bytes that are no piece of a message`
    }
    const view = new DataView(piece)
    if (!isIntact(piece)) return 'a wrong CRC-32'
    const session = view.getUint32(OFFSET_SESSION)
    if (session !== this.#session) return `session ${session} instead of ${this.#session}`
    const sequence = view.getUint32(OFFSET_SEQUENCE)
    const expected = (this.#sequence + 1) >>> 0
    return sequence === expected ? null : `piece ${sequence} instead of ${expected}`
  }
}

const sumOf = (piece: Uint8Array): number =>
  crc32(piece.subarray(HEAD_BYTES), crc32(piece.subarray(0, OFFSET_SUM)))

const badPiece = (reason: string): MillraceError =>
  new MillraceError('E_BAD_PIECE', `expected the next piece of a message, saw ${reason}`, {
    details: { reason },
  })

const tooLarge = (bytes: number, limit: number, what: string): MillraceError =>
  new MillraceError(
    'E_MESSAGE_SIZE',
    `a message of ${bytes} bytes is too large; at most ${limit} ${what} are allowed: send it in parts`,
    { details: { bytes, limit } },
  )
