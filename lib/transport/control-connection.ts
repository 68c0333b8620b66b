/**
 * A control connection: messages in CBOR (strict profile), in pieces.
 *
 * ## Layout of a piece (do not change)
 * 1 byte: 1 for the last piece of a message, else 0 · 4 bytes sequence, from 1 · 4 bytes CRC-32 of all
 * other bytes · up to PIECE_BYTES_MAX bytes of the message. Numbers are big-endian.
 *
 * Pieces are small so that on a slow line each is soon there: the receiving side sees that its peer is
 * alive while a large message is still on its way.
 */
import { crc32 } from 'node:zlib'
import type { Clock } from '../base/clock.js'
import { MillraceError } from '../base/errors.js'
import { decodeCbor, encodeCbor } from '../wire/cbor.js'
import { Connection } from './connection.js'
import type { ControlLink, LinkLimits, Peer } from './node-links.js'
import type { Socket } from './socket.js'

/** At 1 Mbit/s a piece takes 0.13 s. Wire constant: receivers refuse more. Do not change. */
export const PIECE_BYTES_MAX = 16 * 1024
/** Messages kept until somebody listens. */
const EARLY_MAX = 1000
const HEAD_BYTES = 9
const OFFSET_SEQUENCE = 1
const OFFSET_SUM = 5
const MORE = 0
const LAST = 1

export class ControlConnection extends Connection implements ControlLink {
  readonly #clock: Clock
  #listener: ((message: unknown) => void) | null = null
  /** Messages that came before there was a listener. */
  #early: unknown[] = []
  #sent = 0
  #received = 0
  /** Pieces of the message under way. */
  #pieces: Uint8Array[] = []
  #pieceBytes = 0
  /** Messages that may still come in the second that began then. */
  #allowance: number
  #allowanceMs: number

  constructor(socket: Socket, peer: Peer, session: number, limits: LinkLimits, clock: Clock) {
    super(socket, peer, session, limits, limits.controlBufferedBytesMax)
    this.#clock = clock
    this.#allowance = limits.messagesPerSecondMax
    this.#allowanceMs = clock.now()
  }

  send(message: unknown): void {
    if (!this.isOpen) return
    const bytes = encodeCbor(message, 'message')
    if (bytes.length > this.limits.messageBytesMax) throw this.#tooLarge(bytes.length)
    for (let from = 0; from < bytes.length; from += PIECE_BYTES_MAX) {
      const to = Math.min(from + PIECE_BYTES_MAX, bytes.length)
      this.write(this.#piece(bytes.subarray(from, to), to === bytes.length))
    }
  }

  onMessage(listener: (message: unknown) => void): void {
    this.#listener = listener
    const early = this.#early
    this.#early = []
    for (const message of early) listener(message)
  }

  message(piece: ArrayBuffer): void {
    if (!this.isOpen) return
    const view = new DataView(piece)
    const violation = this.#violationOf(view)
    if (violation !== null) return this.damaged(violation)
    this.#received += 1
    this.#pieces.push(new Uint8Array(piece, HEAD_BYTES))
    this.#pieceBytes += piece.byteLength - HEAD_BYTES
    const { messageBytesMax } = this.limits
    if (this.#pieceBytes > messageBytesMax) {
      this.breakLimit('a message', this.#pieceBytes, messageBytesMax, 'bytes')
    } else if (view.getUint8(0) === LAST) this.#complete()
  }

  protected ended(): void {
    this.#pieces = []
    this.#early = []
  }

  #piece(bytes: Uint8Array, isLast: boolean): Uint8Array {
    const piece = new Uint8Array(HEAD_BYTES + bytes.length)
    const view = new DataView(piece.buffer)
    this.#sent = (this.#sent + 1) >>> 0
    view.setUint8(0, isLast ? LAST : MORE)
    view.setUint32(OFFSET_SEQUENCE, this.#sent)
    piece.set(bytes, HEAD_BYTES)
    view.setUint32(OFFSET_SUM, sumOf(piece))
    return piece
  }

  #violationOf(view: DataView<ArrayBuffer>): string | null {
    const bytes = view.byteLength - HEAD_BYTES
    if (bytes <= 0 || bytes > PIECE_BYTES_MAX) return `a piece of ${bytes} bytes`
    if (view.getUint8(0) > LAST) return 'a piece of no known kind'
    if (view.getUint32(OFFSET_SUM) !== sumOf(new Uint8Array(view.buffer))) {
      return 'a message with a wrong CRC-32'
    }
    const sequence = view.getUint32(OFFSET_SEQUENCE)
    const expected = (this.#received + 1) >>> 0
    return sequence === expected ? null : `piece ${sequence} where ${expected} was expected`
  }

  #complete(): void {
    const bytes = this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces)
    this.#pieces = []
    this.#pieceBytes = 0
    if (!this.#allows()) {
      const { messagesPerSecondMax } = this.limits
      this.breakLimit(
        'the rate of messages',
        messagesPerSecondMax + 1,
        messagesPerSecondMax,
        'a second',
      )
      return
    }
    let message: unknown
    try {
      message = decodeCbor(bytes)
    } catch (error) {
      return this.damaged('a message that cannot be read', error)
    }
    if (this.#listener !== null) this.#listener(message)
    else if (this.#early.push(message) > EARLY_MAX) {
      this.breakLimit('what came before somebody listened', EARLY_MAX + 1, EARLY_MAX, 'messages')
    }
  }

  /** A bucket of one second's messages, filled steadily. */
  #allows(): boolean {
    const { messagesPerSecondMax } = this.limits
    const now = this.#clock.now()
    const gained = ((now - this.#allowanceMs) / 1000) * messagesPerSecondMax
    this.#allowance = Math.min(messagesPerSecondMax, this.#allowance + gained)
    this.#allowanceMs = now
    if (this.#allowance < 1) return false
    this.#allowance -= 1
    return true
  }

  #tooLarge(bytes: number): MillraceError {
    const { messageBytesMax } = this.limits
    return new MillraceError(
      'E_MESSAGE_SIZE',
      `a message to ${this.peer.id} has ${bytes} bytes; at most ${messageBytesMax} are allowed: ` +
        'send it in parts',
      { details: { peer: this.peer.id, bytes, limit: messageBytesMax } },
    )
  }
}

const sumOf = (piece: Uint8Array): number =>
  crc32(piece.subarray(HEAD_BYTES), crc32(piece.subarray(0, OFFSET_SUM)))
