/**
 * What links over WebSockets have in common, whichever library carries them.
 *
 * One binary message is one frame; there are no text messages and there is no compression. What waits
 * in the socket is bounded by the credits of the channels above; should that fail, a link whose socket
 * holds more than `bufferedBytesMax` breaks rather than buffer on.
 */
import { MillraceError } from '../base/errors.js'
import { LinkEnd } from './link-end.js'
import type { Link } from './transport.js'

export interface SocketLimits {
  /** Largest frame; a larger one closes the link. */
  readonly frameBytesMax: number
  /** Most bytes that may wait in the socket to be sent. */
  readonly bufferedBytesMax: number
}

export const socketLimits: SocketLimits = {
  frameBytesMax: 1024 * 1024,
  bufferedBytesMax: 64 * 1024 * 1024,
}

export interface LinkServerOptions {
  /** Default: loopback. */
  readonly host?: string
  /** 0 takes a free one. */
  readonly port: number
  readonly limits?: SocketLimits
  /** Takes over each link that a peer has opened. */
  readonly onLink: (link: Link) => void
}

export interface LinkServer {
  /** The library that serves. */
  readonly engine: 'uws' | 'ws'
  readonly port: number
  /** Stops listening and breaks every link at once. */
  close(): void
}

const PATH = '/link/'
/** Longest name of a slot, encoded. */
const NAME_LENGTH_MAX = 256

/** Path under which the slot `name` opens a link. */
export const linkPath = (name: string): string => PATH + encodeURIComponent(name)

/** Name of the slot in the path of a request; null when it asks for something else. */
export function slotIn(path: string): string | null {
  const encoded = path.slice(PATH.length)
  if (!path.startsWith(PATH) || encoded === '' || encoded.length > NAME_LENGTH_MAX) return null
  try {
    return decodeURIComponent(encoded)
  } catch {
    return null
  }
}

/** The socket beneath, as far as a link needs it. Not called again after it has closed. */
export interface Socket {
  /** Bytes handed over that have not left. */
  readonly bufferedBytes: number
  send(frame: ArrayBuffer): void
  /** Closes after what waits was sent. */
  end(): void
  /** Closes at once. */
  terminate(): void
}

export class SocketLink extends LinkEnd {
  readonly #socket: Socket
  readonly #limits: SocketLimits

  constructor(peer: string, socket: Socket, limits: SocketLimits) {
    super(peer)
    this.#socket = socket
    this.#limits = limits
  }

  send(frame: ArrayBuffer): void {
    if (this.closed) return
    const waiting = this.#socket.bufferedBytes + frame.byteLength
    if (frame.byteLength > this.#limits.frameBytesMax) {
      this.#break('a frame', frame.byteLength, this.#limits.frameBytesMax)
    } else if (waiting > this.#limits.bufferedBytesMax) {
      this.#break('what waits in the socket', waiting, this.#limits.bufferedBytesMax)
    } else this.#socket.send(frame)
  }

  /** From the socket: a message. The frame is the link's own from now on. */
  arrive(frame: ArrayBuffer, isBinary: boolean): void {
    if (this.closed) return
    if (isBinary) this.arrived.push(frame)
    else {
      this.end(
        new MillraceError('E_LINK_DAMAGED', `a text message came on the link to ${this.peer}`),
      )
      this.#socket.terminate()
    }
  }

  /** From the socket: it has closed, with a WebSocket close code. */
  lost(code: number, cause?: unknown): void {
    this.end(
      new MillraceError(
        'E_LINK_CLOSED',
        `the link to ${this.peer} was closed by the other side (code ${code})`,
        { cause, retryable: true, details: { peer: this.peer, code } },
      ),
    )
  }

  #break(what: string, bytes: number, limit: number): void {
    this.end(
      new MillraceError(
        'E_LINK_LIMIT',
        `${what} on the link to ${this.peer} has ${bytes} bytes; at most ${limit} are allowed`,
        { details: { peer: this.peer, bytes, limit } },
      ),
    )
    this.#socket.terminate()
  }

  protected hangUp(): void {
    this.#socket.end()
  }
}
