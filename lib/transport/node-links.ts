/**
 * The contract of the links between processes: what `listen` (listen.ts), `dialControl` and
 * `dialData` (dial.ts) give.
 *
 * ## Two connections per pair
 * A *control* connection carries messages (any value that `wire/cbor.ts` can carry) and nothing large;
 * a *data* connection carries frames. So a heartbeat never waits behind data. Nodes dial the
 * coordinator for control; of two nodes the receiving one dials the other for data and pulls, because
 * sending costs the listening side less, and for control, which carries signs of life. A data connection
 * to the coordinator carries what is large, and signs of life, too: over a lossy network TCP lets one
 * connection stand still for seconds, but hardly ever both.
 *
 * ## Sessions
 * Each connection is a new session: nothing continues on another one. The channels of a data
 * connection run over *lanes*, one per pair of slots; a lane is a `Link` with a session number of its
 * own, never used twice by the process that opened it. Attach it to a link router with
 * `{ session: lane.session, sealed: true }`, at once or behind a `MessagePort` (relay.ts). When
 * the connection ends, all of its lanes do, and the router fails their channels.
 *
 * ## Contract
 * - A link is given out after the handshake (handshake.ts): its peer has proved that it holds the secret.
 * - What is sent arrives once and in order, or the link ends: a gap, a repeat or a wrong CRC-32 ends it.
 * - Each listener of `onClose` is called once; one that comes after the end is told at once.
 * - Nothing buffers without bound. What waits in the socket is `bufferedBytes`: a *caller must* hold
 *   large transfers back while it is high; a link whose socket holds more than its limit ends
 *   with E_LINK_LIMIT.
 * - `lastReceivedMs` is when bytes last came, where the library shows them (uWebSockets.js shows whole
 *   messages, which are 64 KiB at most for that reason), of whatever kind, on the clock of its options
 *   (monotonic). Whoever judges a peer dead by it *must* have polled its sockets first: after a pause
 *   of the own process the timers run before the sockets are read.
 * - `terminate` closes at once and waits for nobody: the way to leave a silent peer. `close` lets
 *   what was sent leave first.
 */
import type { Clock } from '../base/clock.js'
import type { CloseReason } from './close-reasons.js'
import type { Link } from './transport.js'

/** What a process is to the others. A client is a command line or a program that submits jobs. */
export type Party = 'coordinator' | 'node' | 'client'
export type Role = 'control' | 'data'

/** Who a process says it is. Ids and cluster names match `isName` (base/name.ts). */
export interface Identity {
  readonly cluster: string
  readonly id: string
  readonly party: Party
  /** Random, of this start of the process (`newIncarnation`). The same id with another: a restart. */
  readonly incarnation: string
}

/** The other side, as it has proved in the handshake. */
export interface Peer {
  readonly id: string
  readonly party: Party
  readonly incarnation: string
  /** Protocol version that both speak. */
  readonly version: number
  /** `127.0.0.1:41234`; for people. */
  readonly address: string
}

interface NodeLink {
  readonly peer: Peer
  /** Number of this connection, the same at both ends. */
  readonly session: number
  /** Bytes handed over that have not left. */
  readonly bufferedBytes: number
  readonly lastReceivedMs: number
  /** The reason is null after `close` or `terminate` on this side, else what happened. */
  onClose(listener: (reason: Error | null) => void): void
  close(reason?: CloseReason): void
  terminate(reason?: CloseReason): void
}

export interface ControlLink extends NodeLink {
  /**
   * Sends a message. Throws E_CANNOT_TRAVEL for what CBOR cannot carry, E_MESSAGE_SIZE above
   * `messageBytesMax`. Bytes that it has, encoded; on a link that has ended it does nothing, which are 0.
   */
  send(message: unknown): number
  /** Messages that came before are told at once. The listener of a link is set once. */
  onMessage(listener: (message: unknown) => void): void
}

export interface DataLink extends NodeLink {
  /** Opens a lane from the slot `at` of this process to the slot `to` of the other one. */
  openLane(slots: { readonly at: string; readonly to: string }): Lane
  /** Lanes that the other side opens; those it has opened before are told at once. Set once. */
  onLane(listener: (lane: Lane) => void): void
}

/** A link between two slots over a data connection; `peer` names the slot at its other end. */
export interface Lane extends Link {
  /** The slot at this end. */
  readonly at: string
  readonly session: number
}

export interface LinkLimits {
  /** Largest frame of a data connection; a larger one ends it. */
  readonly frameBytesMax: number
  /** Largest control message, encoded. It travels in pieces, so that liveness shows in between. */
  readonly messageBytesMax: number
  /** Most bytes that may wait in a socket to be sent: of a data and of a control connection. */
  readonly dataBufferedBytesMax: number
  readonly controlBufferedBytesMax: number
  /** Control messages per second, on average over a second. */
  readonly messagesPerSecondMax: number
  readonly lanesMax: number
  /** A handshake ends within this time. */
  readonly handshakeMs: number
  /** Connections in handshake; one more ends the oldest. */
  readonly handshakesMax: number
  /** All connections, those in handshake too; one more is closed at once. */
  readonly connectionsMax: number
  /**
   * Connections that one remote host may open at once, and as many a second as it may in the long run
   * (host-limits.ts); one more is closed at once. What comes over loopback is one host.
   */
  readonly connectionsPerHostMax: number
  readonly connectionsPerHostPerSecondMax: number
}

interface Endpoint {
  readonly self: Identity
  /**
   * Secrets of the cluster (`secretsIn`): the first proves who we are, and any of them is accepted, so
   * that a secret can be replaced without a stop. Empty: none, for loopback only.
   */
  readonly secrets: readonly Uint8Array[]
  readonly limits?: Partial<LinkLimits>
  readonly clock?: Clock
}

export interface TlsFiles {
  readonly certFile: string
  readonly keyFile: string
}

export interface ListenOptions extends Endpoint {
  /** `host:port`, `[::1]:port`, `:port` (loopback); port 0 takes a free one. */
  readonly address: string
  readonly tls?: TlsFiles
  /** Listen beyond loopback without TLS. */
  readonly insecure?: boolean
  /** Default: uWebSockets.js where it has a binary, else ws, which `log` is told of. */
  readonly engine?: 'uws' | 'ws'
  readonly onControl?: (link: ControlLink) => void
  readonly onData?: (link: DataLink) => void
  /** Told of refused connections, one line per kind and window. */
  readonly log: (line: string) => void
}

export interface Listener {
  readonly engine: 'uws' | 'ws'
  /** Where it listens, with the port taken. */
  readonly host: string
  readonly port: number
  /** `ws://…` or `wss://…`, for `dial`. An unspecified host (`0.0.0.0`) is given as loopback. */
  readonly url: string
  /** Stops listening and ends every connection at once. */
  close(): void
}

export interface DialOptions extends Endpoint {
  /** `ws://host:port`, `wss://host:port`; IPv6 in brackets. */
  readonly url: string
  /** Refuse whoever answers under another id. Default: any. */
  readonly expect?: string
  /** PEM of the authorities that the listener's certificate is checked against. Default: Node's. */
  readonly ca?: string
}
