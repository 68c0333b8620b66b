/**
 * A data connection: frames of all channels between two processes, by lanes.
 *
 * A frame says itself where it belongs: its session (wire/frame.ts) is the number of its lane. So a frame
 * passes as it is, without a copy, and a frame of another time finds no lane. A lane may also carry
 * messages in pieces (pieces.ts), which name their session too.
 *
 * ## Lane messages (do not change)
 * Beside frames, one CBOR array: [1, session, at, to] opens a lane from the sender's slot `at` to the
 * receiver's slot `to`; [2, session] says that the sender has closed its end, after which it sends
 * nothing more there. The last item is the CRC-32 of the item before it as text. Numbers of the caller
 * are even, of the listener odd.
 */
import { randomInt } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { MillraceError } from '../base/errors.js'
import { keepMemory } from '../base/kept-memory.js'
import { decodeCbor, encodeCbor } from '../wire/cbor.js'
import { decodeFrame, isFrame, sessionOf } from '../wire/frame.js'
import { Connection } from './connection.js'
import { LinkEnd } from './link-end.js'
import type { DataLink, Lane, LinkLimits, Peer } from './node-links.js'
import { isIntact, isPiece, pieceSession } from './pieces.js'
import type { Socket } from './socket.js'

const OPEN = 1
const CLOSE = 2
const LANE_MESSAGE_BYTES_MAX = 1024
/** Names of slots: printable, and short. */
const SLOT_NAME = /^[\x21-\x7e]{1,200}$/

/** Numbers the lanes of this process. It begins anywhere, so that a restart does not repeat. */
let laneCount = randomInt(2 ** 31)

export class DataConnection extends Connection implements DataLink {
  /** By session. */
  readonly #lanes = new Map<number, DataLane>()
  readonly #isCaller: boolean
  #listener: ((lane: Lane) => void) | null = null
  #early: DataLane[] = []

  constructor(socket: Socket, peer: Peer, session: number, limits: LinkLimits, isCaller: boolean) {
    super(socket, peer, session, limits, limits.dataBufferedBytesMax)
    this.#isCaller = isCaller
    keepMemory()
  }

  openLane({ at, to }: { readonly at: string; readonly to: string }): Lane {
    const lane = this.#addLane(this.#nextSession(), at, to)
    this.write(encodeLaneMessage([OPEN, lane.session, at, to]))
    return lane
  }

  onLane(listener: (lane: Lane) => void): void {
    this.#listener = listener
    const early = this.#early
    this.#early = []
    for (const lane of early) listener(lane)
  }

  message(bytes: ArrayBuffer): void {
    if (!this.isOpen) return
    if (isFrame(bytes)) this.#frame(bytes)
    else if (isPiece(bytes)) this.#piece(bytes)
    else this.#laneMessage(bytes)
  }

  /** For lanes. */
  carry(frame: ArrayBuffer): void {
    const { frameBytesMax } = this.limits
    if (frame.byteLength <= frameBytesMax) this.write(frame)
    else this.breakLimit('a frame', frame.byteLength, frameBytesMax, 'bytes')
  }

  /** For lanes: this end has closed. */
  leave({ session }: DataLane): void {
    if (this.#lanes.delete(session)) this.write(encodeLaneMessage([CLOSE, session]))
  }

  protected ended(reason: Error | null): void {
    const lanes = [...this.#lanes.values()]
    this.#lanes.clear()
    for (const lane of lanes) lane.lose(reason ?? closedHere(this.peer.id))
  }

  #frame(frame: ArrayBuffer): void {
    if (!this.#deliver(sessionOf(frame), frame)) this.#checkStray(frame)
  }

  #piece(piece: ArrayBuffer): void {
    if (this.#deliver(pieceSession(piece), piece)) return
    if (!isIntact(piece)) this.damaged('a piece of a message with a wrong CRC-32')
  }

  /** False where there is no such lane. */
  #deliver(session: number, bytes: ArrayBuffer): boolean {
    const lane = this.#lanes.get(session)
    if (lane === undefined) return false
    const waiting = lane.arrive(bytes)
    const { dataBufferedBytesMax } = this.limits
    if (waiting > dataBufferedBytesMax) {
      this.breakLimit(
        `what nobody takes from lane ${lane.peer}`,
        waiting,
        dataBufferedBytesMax,
        'bytes',
      )
    }
    return true
  }

  /**
   * A frame of no lane was sent before its sender knew that the lane had been closed. Or its session
   * is damaged, and some lane has a gap now: this is the only place where that can be noticed.
   */
  #checkStray(frame: ArrayBuffer): void {
    try {
      decodeFrame(frame, true)
    } catch (error) {
      this.damaged('a frame that cannot be read', error)
    }
  }

  #laneMessage(bytes: ArrayBuffer): void {
    const message = decodeLaneMessage(bytes)
    if (message === null) return this.damaged('something that is neither frame nor lane message')
    const [kind, session, at, to] = message
    if (kind === CLOSE) {
      const lane = this.#lanes.get(session)
      this.#lanes.delete(session)
      this.#early = this.#early.filter((early) => early !== lane)
      lane?.lose(closedThere(this.peer.id, lane.peer))
      return
    }
    const { lanesMax } = this.limits
    if (this.#lanes.has(session) || (session % 2 === 0) === this.#isCaller) {
      this.damaged(`lane ${session}, which is open or not its own to open,`)
    } else if (this.#lanes.size >= lanesMax) {
      this.breakLimit('the number of lanes', this.#lanes.size + 1, lanesMax, 'lanes')
    } else this.#accept(this.#addLane(session, to!, at!))
  }

  #accept(lane: DataLane): void {
    if (this.#listener === null) this.#early.push(lane)
    else this.#listener(lane)
  }

  #addLane(session: number, at: string, peer: string): DataLane {
    const lane = new DataLane(this, session, at, peer)
    if (this.isOpen) this.#lanes.set(session, lane)
    else lane.lose(closedThere(this.peer.id, peer))
    return lane
  }

  #nextSession(): number {
    for (;;) {
      laneCount = (laneCount + 1) >>> 0
      const session = ((laneCount << 1) | (this.#isCaller ? 0 : 1)) >>> 0
      if (!this.#lanes.has(session)) return session
    }
  }
}

class DataLane extends LinkEnd implements Lane {
  readonly at: string
  readonly session: number
  readonly #connection: DataConnection
  #waitingBytes = 0

  constructor(connection: DataConnection, session: number, at: string, peer: string) {
    super(peer)
    this.#connection = connection
    this.session = session
    this.at = at
  }

  send(frame: ArrayBuffer): void {
    if (!this.closed) this.#connection.carry(frame)
  }

  /** Bytes that have arrived and were not polled; credits bound it where the peer keeps to them. */
  arrive(frame: ArrayBuffer): number {
    if (this.closed) return 0
    this.#waitingBytes += frame.byteLength
    this.arrived.push(frame)
    return this.#waitingBytes
  }

  override poll(): ArrayBuffer | null {
    const frame = super.poll()
    if (frame !== null) this.#waitingBytes -= frame.byteLength
    return frame
  }

  lose(reason: Error): void {
    this.end(reason)
  }

  protected hangUp(): void {
    this.#connection.leave(this)
  }
}

type LaneMessage = readonly [kind: number, session: number, at?: string, to?: string]

function encodeLaneMessage(message: LaneMessage): Uint8Array {
  return encodeCbor([...message, crc32(message.join(' '))], 'lane message')
}

/** Null for anything else. */
function decodeLaneMessage(bytes: ArrayBuffer): LaneMessage | null {
  if (bytes.byteLength > LANE_MESSAGE_BYTES_MAX) return null
  let decoded: unknown
  try {
    decoded = decodeCbor(new Uint8Array(bytes))
  } catch {
    return null
  }
  if (!Array.isArray(decoded)) return null
  const [kind, session, ...rest] = decoded.slice(0, -1) as unknown[]
  const isRight =
    (kind === OPEN ? rest.length === 2 : kind === CLOSE && rest.length === 0) &&
    isSession(session) &&
    rest.every((name) => typeof name === 'string' && SLOT_NAME.test(name)) &&
    decoded.at(-1) === crc32(decoded.slice(0, -1).join(' '))
  return isRight ? (decoded.slice(0, -1) as unknown as LaneMessage) : null
}

const isSession = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 32

const closedThere = (process: string, slot: string): MillraceError =>
  new MillraceError('E_LINK_CLOSED', `the link to ${slot} was closed by ${process}`, {
    retryable: true,
    details: { peer: process, slot },
  })

const closedHere = (process: string): MillraceError =>
  new MillraceError('E_LINK_CLOSED', `the connection with ${process} was closed here`, {
    retryable: true,
    details: { peer: process },
  })
