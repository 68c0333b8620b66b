/**
 * Links over WebSockets by the `ws` library: the client, and a server for Node versions and platforms
 * without a uWebSockets.js binary (`web-socket-server.ts` chooses).
 *
 * The client's mask is zero: RFC 6455 wants it random to protect proxies from scripts in browsers,
 * and masking costs ten times what sending costs (measured: 0.26 → 2.5 GB/s); `ws` skips a zero mask.
 */
import { type RawData, WebSocket, WebSocketServer } from 'ws'
import { MillraceError } from '../base/errors.js'
import {
  type LinkServer,
  type LinkServerOptions,
  linkPath,
  type Socket,
  type SocketLimits,
  SocketLink,
  slotIn,
  socketLimits,
} from './socket-link.js'
import type { Link } from './transport.js'

export interface ConnectOptions {
  /** `ws://host:port` of the peer's link server. */
  readonly url: string
  /** Name of the slot there, and of the own one. */
  readonly peer: string
  readonly name: string
  readonly limits?: SocketLimits
}

/** Opens a link. Rejects with E_CONNECT when nobody answers, or nobody who speaks WebSocket. */
export function connectLink(options: ConnectOptions): Promise<Link> {
  const { url, peer, name, limits = socketLimits } = options
  const socket = new WebSocket(new URL(linkPath(name), url), {
    perMessageDeflate: false,
    maxPayload: limits.frameBytesMax,
    generateMask: (mask) => mask.fill(0),
  })
  const link = linkOver(socket, peer, limits)
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(link))
    socket.once('error', (cause) => {
      reject(
        new MillraceError('E_CONNECT', `no link to ${peer} at ${url}: ${cause.message}`, {
          cause,
          retryable: true,
          details: { peer, url },
        }),
      )
    })
  })
}

export function createWsServer(options: LinkServerOptions): Promise<LinkServer> {
  const { host = '127.0.0.1', port, limits = socketLimits, onLink } = options
  const server = new WebSocketServer({
    host,
    port,
    perMessageDeflate: false,
    maxPayload: limits.frameBytesMax,
    verifyClient: ({ req }, answer) => answer(slotIn(req.url ?? '') !== null, 404),
  })
  server.on('connection', (socket, request) => {
    onLink(linkOver(socket, slotIn(request.url ?? '')!, limits))
  })
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => reject(cannotListen(host, port, cause)))
    server.once('listening', () => {
      const { port } = server.address() as { port: number }
      resolve({
        engine: 'ws',
        port,
        close() {
          for (const client of server.clients) client.terminate()
          server.close()
        },
      })
    })
  })
}

export const cannotListen = (host: string, port: number, cause?: unknown): MillraceError =>
  new MillraceError('E_LISTEN', `cannot listen on ${host}:${port}; is the port in use?`, {
    cause,
    details: { host, port },
  })

function linkOver(socket: WebSocket, peer: string, limits: SocketLimits): Link {
  socket.binaryType = 'arraybuffer'
  const link = new SocketLink(peer, new WsSocket(socket), limits)
  let failure: Error | undefined
  socket.on('message', (data: RawData, isBinary: boolean) => {
    link.arrive(data as ArrayBuffer, isBinary)
  })
  socket.on('error', (error) => {
    failure = error
  })
  socket.on('close', (code) => link.lost(code, failure))
  return link
}

class WsSocket implements Socket {
  readonly #socket: WebSocket

  constructor(socket: WebSocket) {
    this.#socket = socket
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount
  }

  send(frame: ArrayBuffer): void {
    this.#socket.send(frame)
  }

  end(): void {
    this.#socket.close(1000)
  }

  terminate(): void {
    this.#socket.terminate()
  }
}
