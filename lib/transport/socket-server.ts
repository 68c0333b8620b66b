/** What both servers of sockets, uws-server.ts and ws.ts, are asked for and give. */
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import type { Clock } from '../base/clock.js'
import { MillraceError } from '../base/errors.js'
import { formatAddress } from './address.js'
import type { TlsFiles } from './node-links.js'
import type { Socket } from './socket.js'

export interface SocketServerOptions {
  readonly host: string
  readonly port: number
  readonly tls: TlsFiles | null
  readonly clock: Clock
  readonly messageBytesMax: number
  /** The library closes a socket that holds more; its user should have done so before. */
  readonly bufferedBytesMax: number
  readonly connectionsMax: number
  /** Whether one more from this address is let in; asked once for each connection. */
  readonly admits: (address: string) => boolean
  /** Until then a connection has to have asked for a WebSocket, as far as the library can tell. */
  readonly upgradeMs: number
  readonly onSocket: (socket: Socket) => void
  /** A connection went without having asked for what is served here. */
  readonly onStranger: (what: Stranger) => void
}

export interface Stranger {
  readonly kind: 'no-websocket' | 'from-browser' | 'too-many' | 'too-many-of-host'
  readonly remote: string
}

export interface SocketServer {
  readonly engine: 'uws' | 'ws'
  readonly port: number
  /** Stops listening and breaks every connection at once. */
  close(): void
}

/** Where links are served. */
export const LINK_PATH = '/link'

/**
 * Whether a request may become a link. Browsers say where a page comes from: none of ours is one, so
 * a page that finds the port is turned away before it can say anything.
 */
export function strangerIn(path: string, origin: string): Stranger['kind'] | null {
  if (origin !== '') return 'from-browser'
  return path === LINK_PATH ? null : 'no-websocket'
}

export const cannotListen = (host: string, port: number, cause?: unknown): MillraceError =>
  new MillraceError(
    'E_LISTEN',
    `cannot listen on ${formatAddress({ host, port })}; is the port in use, the host another's?`,
    { cause, details: { host, port } },
  )

/** Key and certificate, which belong together. Throws E_TLS. */
export function readTls({ certFile, keyFile }: TlsFiles): {
  readonly key: Buffer
  readonly cert: Buffer
} {
  try {
    const pair = { key: readFileSync(keyFile), cert: readFileSync(certFile) }
    createSecureContext(pair)
    return pair
  } catch (cause) {
    throw new MillraceError(
      'E_TLS',
      `cannot serve TLS with certificate ${certFile} and key ${keyFile}: do the files exist and match?`,
      { cause, details: { certFile, keyFile } },
    )
  }
}
