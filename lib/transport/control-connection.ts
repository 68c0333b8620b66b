/** A control connection: messages in CBOR (strict profile), in pieces (pieces.ts), at a limited rate. */
import type { Clock } from '../base/clock.js'
import { Connection } from './connection.js'
import type { ControlLink, LinkLimits, Peer } from './node-links.js'
import { decodeMessage, encodeMessage, PieceCutter, PieceJoiner } from './pieces.js'
import type { Socket } from './socket.js'

/** At 1 Mbit/s a piece takes 0.13 s. */
const PIECE_BYTES = 16 * 1024
/** Messages kept until somebody listens. */
const EARLY_MAX = 1000

export class ControlConnection extends Connection implements ControlLink {
  readonly #clock: Clock
  readonly #cutter: PieceCutter
  readonly #joiner: PieceJoiner
  #listener: ((message: unknown) => void) | null = null
  /** Messages that came before there was a listener. */
  #early: unknown[] = []
  /** Messages that may come at once, and when that was counted. */
  #allowance: number
  #allowanceMs: number

  constructor(socket: Socket, peer: Peer, session: number, limits: LinkLimits, clock: Clock) {
    super(socket, peer, session, limits, limits.controlBufferedBytesMax)
    this.#clock = clock
    this.#cutter = new PieceCutter(session, PIECE_BYTES)
    this.#joiner = new PieceJoiner(session, limits.messageBytesMax)
    this.#allowance = limits.messagesPerSecondMax
    this.#allowanceMs = clock.now()
  }

  send(message: unknown): number {
    if (!this.isOpen) return 0
    const bytes = encodeMessage(message, this.limits.messageBytesMax)
    for (const piece of this.#cutter.cut(bytes)) this.write(piece)
    return bytes.length
  }

  onMessage(listener: (message: unknown) => void): void {
    this.#listener = listener
    const early = this.#early
    this.#early = []
    for (const message of early) listener(message)
  }

  message(piece: ArrayBuffer): void {
    if (!this.isOpen) return
    let message: unknown
    try {
      const bytes = this.#joiner.join(piece)
      if (bytes === null) return
      message = decodeMessage(bytes)
    } catch (error) {
      return this.damaged('a message that cannot be read', error)
    }
    if (this.#allows()) this.#tell(message)
  }

  protected ended(): void {
    this.#joiner.clear()
    this.#early = []
  }

  #tell(message: unknown): void {
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
    this.#allowance = Math.min(messagesPerSecondMax, this.#allowance + gained) - 1
    this.#allowanceMs = now
    if (this.#allowance >= 0) return true
    this.breakLimit(
      'the rate of messages',
      messagesPerSecondMax + 1,
      messagesPerSecondMax,
      'a second',
    )
    return false
  }
}
