/**
 * Sockets served by uWebSockets.js. Only `loadUws` knows whether there is a binary for this Node.
 *
 * In the main thread only: a worker with an open uWebSockets socket that throws, exits or is
 * terminated aborts the whole process (measured). `close()` before the process ends.
 *
 * Send nothing from within `drain`: what the system does not take at once may never leave (measured).
 *
 * Of the library: it ends a connection that has asked for nothing after 12 s (measured), by itself; who
 * was refused before the upgrade shows only as a count of connections (`filter`).
 */
import type {
  HttpRequest,
  HttpResponse,
  TemplatedApp,
  us_listen_socket,
  WebSocket,
} from 'uWebSockets.js'
import { isMainThread } from 'node:worker_threads'
import { assert } from '../base/assert.js'
import { Socket } from './socket.js'
import {
  cannotListen,
  readTls,
  type SocketServer,
  type SocketServerOptions,
  type Stranger,
  strangerIn,
} from './socket-server.js'

export type Uws = typeof import('uWebSockets.js')

/** Null where the package has no binary for this Node version or platform. */
export async function loadUws(): Promise<Uws | null> {
  try {
    return await import('uWebSockets.js')
  } catch {
    return null
  }
}

/** uWebSockets' constant DISABLED, which its types do not have. */
const COMPRESSION_OFF = 0

/** What a socket carries along. */
interface UserData {
  readonly remote: string
  socket: UwsSocket | null
}

/** Rejects with E_LISTEN, E_TLS. */
export function createUwsServer(uws: Uws, options: SocketServerOptions): Promise<SocketServer> {
  assert(isMainThread, 'sockets live in the main thread')
  const { host, port } = options
  const app = createApp(uws, options)
  const requests = countConnections(app, options)
  serve(app, options, requests)
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

function createApp(uws: Uws, { tls }: SocketServerOptions): TemplatedApp {
  if (tls === null) return uws.App()
  readTls(tls)
  return uws.SSLApp({ key_file_name: tls.keyFile, cert_file_name: tls.certFile })
}

/** What is known of requests that have not become sockets. */
interface Requests {
  /** A WebSocket is being made of one: that it ends as a request is no refusal. */
  upgrading: boolean
  /** The last one was turned away for this. */
  refused: Stranger['kind']
}

function countConnections(app: TemplatedApp, options: SocketServerOptions): Requests {
  const requests: Requests = { upgrading: false, refused: 'no-websocket' }
  let connections = 0
  const counted = (response: HttpResponse, change: number): void => {
    connections += change
    if (change > 0) {
      const isOne = connections > options.connectionsMax
      if (!isOne && options.admits(remoteOf(response))) return
      requests.refused = isOne ? 'too-many' : 'too-many-of-host'
      response.close()
    } else if (!requests.upgrading) {
      options.onStranger({ kind: requests.refused, remote: '' })
      requests.refused = 'no-websocket'
    }
  }
  app.filter(counted)
  return requests
}

function serve(app: TemplatedApp, options: SocketServerOptions, requests: Requests): void {
  app.any('/*', (response) => {
    response.writeStatus('426 Upgrade Required').end('a WebSocket is served here\n', true)
  })
  app.ws<UserData>('/*', {
    compression: COMPRESSION_OFF,
    maxPayloadLength: options.messageBytesMax,
    maxBackpressure: options.bufferedBytesMax,
    closeOnBackpressureLimit: true,
    idleTimeout: 0,
    sendPingsAutomatically: false,
    upgrade(response, request, context) {
      const stranger = strangerIn(request.getUrl(), request.getHeader('origin'))
      if (stranger !== null) {
        requests.refused = stranger
        response.writeStatus('403 Forbidden').end('', true)
        return
      }
      requests.upgrading = true
      upgrade(response, request, context)
      requests.upgrading = false
    },
    open(raw) {
      const data = raw.getUserData()
      data.socket = new UwsSocket(raw, data.remote, options.clock)
      options.onSocket(data.socket)
    },
    message(raw, message, isBinary) {
      // uWebSockets takes the message's memory back when this call returns.
      raw.getUserData().socket?.arrived(message.slice(0), isBinary)
    },
    ping: (raw) => raw.getUserData().socket?.received(),
    pong: (raw) => raw.getUserData().socket?.received(),
    close(raw, code, message) {
      raw.getUserData().socket?.ended(code, new TextDecoder().decode(message))
    },
  })
}

const remoteOf = (response: HttpResponse): string =>
  new TextDecoder().decode(response.getRemoteAddressAsText())

type UpgradeContext = Parameters<HttpResponse['upgrade']>[4]

function upgrade(response: HttpResponse, request: HttpRequest, context: UpgradeContext): void {
  const remote = remoteOf(response)
  response.upgrade<UserData>(
    { remote, socket: null },
    request.getHeader('sec-websocket-key'),
    request.getHeader('sec-websocket-protocol'),
    request.getHeader('sec-websocket-extensions'),
    context,
  )
}

class UwsSocket extends Socket {
  readonly #raw: WebSocket<UserData>

  constructor(raw: WebSocket<UserData>, remote: string, clock: SocketServerOptions['clock']) {
    super(remote, clock)
    this.#raw = raw
  }

  protected buffered(): number {
    return this.#raw.getBufferedAmount()
  }

  protected write(bytes: ArrayBuffer | Uint8Array): void {
    this.#raw.send(bytes, true)
  }

  protected finish(code: number, said: string): void {
    this.#raw.end(code, said)
  }

  protected destroy(): void {
    this.#raw.close()
  }
}
