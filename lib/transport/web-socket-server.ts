/**
 * The link server of a process: uWebSockets.js where it has a binary, else `ws` (Node 24, musl).
 *
 * In the main thread only: a worker with an open uWebSockets socket that throws, exits or is
 * terminated aborts the whole process (measured). `close()` before the process ends.
 */

import type { TemplatedApp, us_listen_socket, WebSocket } from 'uWebSockets.js'
import { isMainThread } from 'node:worker_threads'
import { assert } from '../base/assert.js'
import {
  type LinkServer,
  type LinkServerOptions,
  type Socket,
  type SocketLimits,
  SocketLink,
  slotIn,
  socketLimits,
} from './socket-link.js'
import type { Link } from './transport.js'
import { cannotListen, createWsServer } from './ws.js'

/** `engine` forces the choice; without it, uWebSockets.js is preferred. Rejects with E_LISTEN. */
export async function createLinkServer(
  options: LinkServerOptions,
  engine?: LinkServer['engine'],
): Promise<LinkServer> {
  assert(isMainThread, 'sockets live in the main thread')
  const uws = engine === 'ws' ? null : await loadEngine(engine === 'uws')
  return uws === null ? createWsServer(options) : serve(uws, options)
}

type Engine = typeof import('uWebSockets.js')

/** The import throws where the package has no binary for this Node version or platform. */
async function loadEngine(required: boolean): Promise<Engine | null> {
  try {
    return await import('uWebSockets.js')
  } catch (error) {
    if (required) throw error
    return null
  }
}

/** uWebSockets' constant DISABLED, which its types do not have. */
const COMPRESSION_OFF = 0

/** What a socket carries along. */
interface Peer {
  readonly name: string
  link: SocketLink | null
}

function serve(uws: Engine, options: LinkServerOptions): Promise<LinkServer> {
  const { host = '127.0.0.1', port, limits = socketLimits, onLink } = options
  const app = uws.App()
  accept(app, limits, onLink)
  return new Promise((resolve, reject) => {
    app.listen(host, port, (listening: us_listen_socket | false) => {
      if (!listening) return reject(cannotListen(host, port))
      resolve({
        engine: 'uws',
        port: uws.us_socket_local_port(listening),
        close: () => {
          app.close()
        },
      })
    })
  })
}

function accept(app: TemplatedApp, limits: SocketLimits, onLink: (link: Link) => void): void {
  app.ws<Peer>('/*', {
    compression: COMPRESSION_OFF,
    maxPayloadLength: limits.frameBytesMax,
    maxBackpressure: limits.bufferedBytesMax,
    closeOnBackpressureLimit: true,
    idleTimeout: 0,
    upgrade(response, request, context) {
      const name = slotIn(request.getUrl())
      if (name === null) {
        response.writeStatus('404 Not Found').end()
        return
      }
      response.upgrade<Peer>(
        { name, link: null },
        request.getHeader('sec-websocket-key'),
        request.getHeader('sec-websocket-protocol'),
        request.getHeader('sec-websocket-extensions'),
        context,
      )
    },
    open(socket) {
      const peer = socket.getUserData()
      peer.link = new SocketLink(peer.name, new UwsSocket(socket), limits)
      onLink(peer.link)
    },
    message(socket, message, isBinary) {
      // uWebSockets takes the message's memory back when this call returns.
      socket.getUserData().link?.arrive(message.slice(0), isBinary)
    },
    close(socket, code) {
      socket.getUserData().link?.lost(code)
    },
  })
}

class UwsSocket implements Socket {
  readonly #socket: WebSocket<Peer>

  constructor(socket: WebSocket<Peer>) {
    this.#socket = socket
  }

  get bufferedBytes(): number {
    return this.#socket.getBufferedAmount()
  }

  send(frame: ArrayBuffer): void {
    this.#socket.send(frame, true)
  }

  end(): void {
    this.#socket.end(1000)
  }

  terminate(): void {
    this.#socket.close()
  }
}
