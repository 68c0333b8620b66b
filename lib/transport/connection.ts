/**
 * What control and data connections have in common: one socket after its handshake, whose end is told
 * once. What arrives is checked by the one or the other; a peer that breaks the rules is cut off.
 */
import { MillraceError } from '../base/errors.js'
import { type CloseReason, closeCodes, closeReasonOf } from './close-reasons.js'
import type { LinkLimits, Peer } from './node-links.js'
import type { Socket, SocketUser } from './socket.js'

export abstract class Connection implements SocketUser {
  readonly peer: Peer
  readonly session: number
  protected readonly limits: LinkLimits
  /** For whoever keeps account of connections; told before the owner is. */
  onEnd: () => void = () => {}
  readonly #socket: Socket
  readonly #bufferedBytesMax: number
  readonly #closeListeners: ((reason: Error | null) => void)[] = []
  /** How it ended; undefined while it has not. */
  #end: Error | null | undefined = undefined

  /** `bufferedBytesMax`: what may wait in the socket. */
  constructor(
    socket: Socket,
    peer: Peer,
    session: number,
    limits: LinkLimits,
    bufferedBytesMax: number,
  ) {
    this.#socket = socket
    this.peer = peer
    this.session = session
    this.limits = limits
    this.#bufferedBytesMax = bufferedBytesMax
    socket.user = this
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedBytes
  }

  get lastReceivedMs(): number {
    return this.#socket.lastReceivedMs
  }

  onClose(listener: (reason: Error | null) => void): void {
    if (this.#end === undefined) this.#closeListeners.push(listener)
    else listener(this.#end)
  }

  close(reason: CloseReason = 'done'): void {
    if (!this.isOpen) return
    this.#finish(null)
    this.#socket.close(closeCodes[reason], reason)
  }

  terminate(reason: CloseReason = 'done'): void {
    this.#finish(null)
    // The word may still reach the other side; what is waited for is nothing.
    this.#socket.close(closeCodes[reason], reason)
    this.#socket.terminate()
  }

  abstract message(bytes: ArrayBuffer): void

  /** The connection has ended, for this reason. Called once. */
  protected abstract ended(reason: Error | null): void

  closed(code: number, said: string, cause?: Error): void {
    this.#finish(this.#lost(code, said, cause))
  }

  protected get isOpen(): boolean {
    return this.#end === undefined
  }

  /** Hands bytes to the socket, unless too many wait there. */
  protected write(bytes: ArrayBuffer | Uint8Array): void {
    if (!this.isOpen) return
    const waiting = this.#socket.bufferedBytes + bytes.byteLength
    if (waiting <= this.#bufferedBytesMax) this.#socket.send(bytes)
    else this.breakLimit('what waits in the socket', waiting, this.#bufferedBytesMax, 'bytes')
  }

  /** The peer, or this side, did what must not be: the connection ends. */
  protected damaged(what: string, cause?: unknown): void {
    const { id } = this.peer
    this.cut(
      'damaged',
      new MillraceError('E_LINK_DAMAGED', `${what} came from ${id}: the connection is closed`, {
        cause,
        retryable: true,
        details: { peer: id },
      }),
    )
  }

  protected breakLimit(what: string, seen: number, limit: number, unit: string): void {
    const { id } = this.peer
    this.cut(
      'limit',
      new MillraceError(
        'E_LINK_LIMIT',
        `${what} on the connection with ${id} is ${seen} ${unit}; at most ${limit} are allowed`,
        { retryable: true, details: { peer: id, seen, limit } },
      ),
    )
  }

  protected cut(reason: CloseReason, error: Error): void {
    if (!this.isOpen) return
    this.#finish(error)
    this.#socket.close(closeCodes[reason], reason)
    this.#socket.terminate()
  }

  #finish(reason: Error | null): void {
    if (this.#end !== undefined) return
    this.#end = reason
    this.onEnd()
    this.ended(reason)
    for (const tell of this.#closeListeners.splice(0)) tell(reason)
  }

  #lost(code: number, said: string, cause?: Error): MillraceError {
    const { id } = this.peer
    const reason = closeReasonOf(code)
    const how =
      reason === null
        ? `broke (code ${code}${said === '' ? '' : ` ${quote(said)}`})`
        : `was closed by it: ${reason}`
    return new MillraceError('E_LINK_CLOSED', `the connection with ${id} ${how}`, {
      cause,
      retryable: true,
      details: { peer: id, code, ...(reason === null ? {} : { reason }) },
    })
  }
}

const quote = (text: string): string => JSON.stringify(text)
