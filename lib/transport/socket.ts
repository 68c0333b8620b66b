/**
 * A WebSocket as its users see it, whichever library carries it: binary messages, no compression.
 *
 * It has one user at a time: first the handshake, then a connection (connection.ts).
 */
import type { Cancel, Clock } from '../base/clock.js'

export interface SocketUser {
  /** The bytes belong to the user from now on. */
  message(bytes: ArrayBuffer): void
  /** It has closed, with a WebSocket close code and what was said. Nothing follows. */
  closed(code: number, said: string, cause?: Error): void
}

/** Close code of a connection that ended without a word. */
export const BROKEN = 1006
/** RFC 6455: text where binary was expected. */
const UNSUPPORTED_DATA = 1003
/** A peer that does not answer a close within this time is left. */
const LINGER_MS = 2000

const nobody: SocketUser = { message: () => {}, closed: () => {} }

export abstract class Socket {
  user: SocketUser = nobody
  /** Monotonic time at which bytes last came. */
  lastReceivedMs: number
  /** Host and port of the other side, for people. */
  readonly remote: string
  readonly #clock: Clock
  #isOpen = true
  #closing = false
  #stopLingering: Cancel = () => {}

  constructor(remote: string, clock: Clock) {
    this.remote = remote
    this.#clock = clock
    this.lastReceivedMs = clock.now()
  }

  /** Bytes handed over that have not left. */
  get bufferedBytes(): number {
    return this.#isOpen ? this.buffered() : 0
  }

  /** Takes the buffer over. On a closed socket it does nothing. */
  send(bytes: ArrayBuffer | Uint8Array): void {
    if (this.#isOpen && !this.#closing) this.write(bytes)
  }

  /** Closes after what waits was sent, or some time after, if the other side takes nothing. */
  close(code: number, said: string): void {
    if (!this.#isOpen || this.#closing) return
    this.#closing = true
    this.#stopLingering = this.#clock.after(LINGER_MS, () => this.terminate())
    this.finish(code, said)
  }

  /** Closes at once. */
  terminate(): void {
    if (!this.#isOpen) return
    this.destroy()
    this.ended(BROKEN, '')
  }

  protected abstract buffered(): number
  protected abstract write(bytes: ArrayBuffer | Uint8Array): void
  protected abstract finish(code: number, said: string): void
  protected abstract destroy(): void

  /** From the library. */
  received(): void {
    this.lastReceivedMs = this.#clock.now()
  }

  arrived(bytes: ArrayBuffer, isBinary: boolean): void {
    if (!this.#isOpen) return
    this.received()
    if (isBinary) this.user.message(bytes)
    else this.close(UNSUPPORTED_DATA, 'text')
  }

  ended(code: number, said: string, cause?: Error): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#stopLingering()
    this.user.closed(code, said, cause)
  }
}
