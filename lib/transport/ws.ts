/**
 * Sockets by the `ws` library: the client, and a server for Node versions and platforms without a
 * uWebSockets.js binary (Node 24, musl).
 *
 * The client's mask is zero: RFC 6455 wants it random to protect proxies from scripts in browsers,
 * and masking costs ten times what sending costs (measured: 0.26 → 2.5 GB/s); `ws` skips a zero mask.
 */
import { createServer, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, createConnection, Socket as TcpSocket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type RawData, WebSocket, WebSocketServer } from 'ws'
import type { Clock } from '../base/clock.js'
import { formatAddress } from './address.js'
import { FrameReading } from './frame-reading.js'
import { Socket } from './socket.js'
import {
  cannotListen,
  LINK_PATH,
  readTls,
  type SocketServer,
  type SocketServerOptions,
  strangerIn,
} from './socket-server.js'

export interface WsClientOptions {
  readonly url: URL
  readonly clock: Clock
  readonly messageBytesMax: number
  readonly ca: string | null
  readonly onOpen: () => void
}

/** Connects; a failure to is an end of the socket, with the cause. */
export function connectWs(options: WsClientOptions): Socket {
  const { url, clock, messageBytesMax, ca, onOpen } = options
  const reading = new FrameReading(messageBytesMax, {
    received: () => socket.received(),
    message: (bytes) => socket.arrived(bytes, true),
  })
  const isPlain = url.protocol === 'ws:'
  const connect = (to: object) => reading.connect({ ...to, path: undefined } as never)
  const raw = new WebSocket(new URL(LINK_PATH, url), {
    perMessageDeflate: false,
    followRedirects: false,
    maxPayload: messageBytesMax,
    generateMask: (mask) => mask.fill(0),
    ...(isPlain && { createConnection: connect as typeof createConnection }),
    ...(ca === null ? {} : { ca }),
  })
  const socket = new WsSocket(raw, url.host, clock)
  raw.once('upgrade', ({ socket: tcp }) => {
    raw.once('open', () => {
      // Not sooner: what came with the answer to the request would be heard before `ws` listens.
      socket.hear(tcp)
      if (isPlain) reading.begin()
      onOpen()
    })
  })
  return socket
}

/** How often `node:http` looks for requests that take too long. */
const CHECK_MS = 1000

/** Rejects with E_LISTEN, E_TLS. */
export async function createWsServer(options: SocketServerOptions): Promise<SocketServer> {
  const { host, port, connectionsMax } = options
  const server = createHttpServer(options)
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: options.messageBytesMax,
  })
  server.maxConnections = connectionsMax
  serve(server, sockets, options)
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(cannotListen(host, port, cause)))
    server.listen(port, host, resolve)
  })
  return {
    engine: 'ws',
    port: (server.address() as AddressInfo).port,
    close() {
      for (const client of sockets.clients) client.terminate()
      server.close()
      server.closeAllConnections()
    },
  }
}

function createHttpServer({ tls, upgradeMs }: SocketServerOptions): Server {
  const limits = {
    headersTimeout: upgradeMs,
    requestTimeout: upgradeMs,
    connectionsCheckingInterval: CHECK_MS,
    keepAlive: false,
  }
  return tls === null
    ? createServer(limits)
    : createTlsServer({ ...limits, ...readTls(tls), handshakeTimeout: upgradeMs })
}

function serve(server: Server, sockets: WebSocketServer, options: SocketServerOptions): void {
  const { onStranger, onSocket, clock } = options
  server.on('connection', (tcp: TcpSocket) => {
    if (options.admits(tcp.remoteAddress ?? '')) return
    onStranger({ kind: 'too-many-of-host', remote: remoteOf(tcp) })
    tcp.destroy()
  })
  server.on('request', (request, response) => {
    onStranger({ kind: 'no-websocket', remote: remoteOf(request.socket) })
    response.writeHead(426, { Connection: 'close' }).end('a WebSocket is served here\n')
  })
  const turnAway = (_: unknown, socket: Duplex): void => {
    onStranger({ kind: 'no-websocket', remote: remoteOf(socket as TcpSocket) })
    socket.destroy()
  }
  server.on('clientError', turnAway)
  server.on('tlsClientError', turnAway)
  server.on('drop', (data) => {
    onStranger({ kind: 'too-many', remote: data?.remoteAddress ?? '' })
  })
  server.on('upgrade', (request, tcp: TcpSocket, head) => {
    const stranger = strangerIn(request.url ?? '', request.headers.origin ?? '')
    if (stranger !== null) {
      onStranger({ kind: stranger, remote: remoteOf(tcp) })
      tcp.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
      return
    }
    const upgraded = { is: false }
    sockets.handleUpgrade(request, tcp, head, (raw) => {
      upgraded.is = true
      const socket = new WsSocket(raw, remoteOf(tcp), clock)
      socket.hear(tcp)
      onSocket(socket)
    })
    // A request for a WebSocket that is none was answered with 400.
    if (!upgraded.is) onStranger({ kind: 'no-websocket', remote: remoteOf(tcp) })
  })
}

const remoteOf = ({ remoteAddress, remotePort }: TcpSocket): string =>
  remoteAddress === undefined ? '' : formatAddress({ host: remoteAddress, port: remotePort ?? 0 })

class WsSocket extends Socket {
  readonly #raw: WebSocket

  constructor(raw: WebSocket, remote: string, clock: Clock) {
    super(remote, clock)
    this.#raw = raw
    raw.binaryType = 'arraybuffer'
    let failure: Error | undefined
    raw.on('message', (data: RawData, isBinary: boolean) => {
      this.arrived(data as ArrayBuffer, isBinary)
    })
    raw.on('error', (error) => {
      failure = error
    })
    raw.on('close', (code, said) => this.ended(code, said.toString(), failure))
  }

  /** Bytes are signs of life before a whole message is there. */
  hear(tcp: TcpSocket): void {
    tcp.on('data', () => this.received())
    tcp.setNoDelay(true)
  }

  protected buffered(): number {
    return this.#raw.bufferedAmount
  }

  protected write(bytes: ArrayBuffer | Uint8Array): void {
    if (this.#raw.readyState === WebSocket.OPEN) this.#raw.send(bytes)
  }

  protected finish(code: number, said: string): void {
    this.#raw.close(code, said)
  }

  protected destroy(): void {
    this.#raw.terminate()
  }
}
