/** Peers that do not keep to the rules: bytes on a TCP connection, or messages after a right handshake. */
import { randomBytes } from 'node:crypto'
import { connect, type Socket as TcpSocket } from 'node:net'
import { systemClock } from '../../lib/base/clock.js'
import {
  callerStart,
  type HandshakeSelf,
  PROTOCOL_VERSIONS,
  stepCaller,
} from '../../lib/transport/handshake.js'
import type { Role } from '../../lib/transport/node-links.js'
import type { Socket } from '../../lib/transport/socket.js'
import { connectWs } from '../../lib/transport/ws.js'
import { identity, secrets } from './node-pair.js'

export interface TcpPeer {
  readonly tcp: TcpSocket
  readonly isClosed: boolean
}

/** Connects, sends the bytes, and reads whatever comes. `from`: another address of this machine. */
export function speakTcp(
  port: number,
  bytes: Uint8Array | string,
  from = '127.0.0.1',
): TcpPeer & { readonly said: string } {
  const tcp = connect({ port, host: '127.0.0.1', localAddress: from })
  const peer = { tcp, isClosed: false, said: '' }
  tcp.on('data', (bytes) => {
    peer.said += bytes.toString('latin1')
  })
  tcp.on('error', () => {})
  tcp.on('close', () => {
    peer.isClosed = true
  })
  tcp.resume()
  tcp.write(bytes)
  return peer
}

export const upgradeRequest = (path: string, more = ''): string =>
  `GET ${path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
  `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n${more}\r\n`

/** A WebSocket without a handshake of ours; `closed` is its close code once it has ended. */
export interface WebSocketPeer {
  readonly socket: Socket
  readonly came: Uint8Array[]
  closed: number | null
  said: string
}

export function openWebSocket(url: string): Promise<WebSocketPeer> {
  return new Promise((resolve, reject) => {
    const socket = connectWs({
      url: new URL(url),
      clock: systemClock,
      messageBytesMax: 2 ** 30,
      ca: null,
      onOpen: () => resolve(peer),
    })
    const peer: WebSocketPeer = { socket, came: [], closed: null, said: '' }
    socket.user = {
      message: (bytes) => peer.came.push(new Uint8Array(bytes)),
      closed(code, said, cause) {
        peer.closed = code
        peer.said = said
        reject(cause ?? new Error(`closed with ${code}`))
      },
    }
  })
}

export const rawSelf = (more: Partial<HandshakeSelf> = {}): HandshakeSelf => ({
  identity: identity('mallory'),
  secrets,
  versions: PROTOCOL_VERSIONS,
  nonce: randomBytes(32),
  ...more,
})

/** Passes the handshake; what follows is up to the caller. Gives the session, too. */
export async function enter(
  url: string,
  role: Role,
): Promise<{ readonly peer: WebSocketPeer; readonly session: number }> {
  const peer = await openWebSocket(url)
  const self = rawSelf()
  let { state, reply } = callerStart(self, role)
  while (reply !== null) {
    peer.socket.send(reply)
    const message = await next(peer)
    ;({ state, reply } = stepCaller(state, message, self))
  }
  if (state.kind !== 'Done') throw new Error(`the handshake ended as ${state.kind}`)
  return { peer, session: state.session }
}

async function next(peer: WebSocketPeer): Promise<Uint8Array> {
  while (peer.came.length === 0) {
    if (peer.closed !== null) throw new Error(`closed with ${peer.closed} ${peer.said}`)
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
  return peer.came.shift()!
}
