/**
 * The reception of a listener: takes sockets through the handshake, and keeps account of the
 * connections that came of it.
 *
 * Sockets in handshake are few and short-lived: each has a deadline, and when there are too many, the
 * oldest goes. A correct caller takes milliseconds, so it gets through a crowd of idle ones.
 *
 * The same process (id and incarnation) has one connection per role: a newer one takes the place of the
 * older, whose end may not have been noticed here. A process of the same id with another incarnation
 * is another process; which of the two counts, the owner decides.
 */
import { randomBytes, randomInt } from 'node:crypto'
import type { Cancel, Clock } from '../base/clock.js'
import { type CloseReason, closeCodes } from './close-reasons.js'
import type { Connection } from './connection.js'
import { ControlConnection } from './control-connection.js'
import { DataConnection } from './data-connection.js'
import {
  type HandshakeSelf,
  type ListenerState,
  listenerStart,
  PROTOCOL_VERSIONS,
  stepListener,
} from './handshake.js'
import type { ControlLink, DataLink, Identity, LinkLimits } from './node-links.js'
import type { RefusalLog } from './refusal-log.js'
import type { Socket } from './socket.js'

export interface ReceptionOptions {
  readonly self: Identity
  readonly secrets: readonly Uint8Array[]
  readonly limits: LinkLimits
  readonly clock: Clock
  readonly log: RefusalLog
  readonly onControl: (link: ControlLink) => void
  readonly onData: (link: DataLink) => void
}

export interface Reception {
  receive(socket: Socket): void
  /** Says to everybody that the process goes away. */
  close(): void
}

/** Numbers the sessions of this process. It begins anywhere, so that a restart does not repeat. */
let sessionCount = randomInt(2 ** 32)

export function createReception(options: ReceptionOptions): Reception {
  return new Hall(options)
}

interface Guest {
  readonly socket: Socket
  readonly self: HandshakeSelf
  readonly session: number
  state: ListenerState
  stopWaiting: Cancel
}

class Hall implements Reception {
  readonly #options: ReceptionOptions
  /** In handshake, the oldest first. */
  readonly #guests = new Set<Guest>()
  /** By who and role. */
  readonly #connections = new Map<string, Connection>()

  constructor(options: ReceptionOptions) {
    this.#options = options
  }

  receive(socket: Socket): void {
    const { limits, self, secrets, clock } = this.#options
    for (const oldest of this.#guests) {
      if (this.#guests.size < limits.handshakesMax) break
      this.#refuse(oldest, 'busy', 'busy', 'busy', `more than ${limits.handshakesMax} in handshake`)
    }
    const nonce = randomBytes(32)
    sessionCount = (sessionCount + 1) >>> 0
    const guest: Guest = {
      socket,
      self: { identity: self, secrets, versions: PROTOCOL_VERSIONS, nonce },
      session: sessionCount,
      state: listenerStart,
      stopWaiting: clock.after(limits.handshakeMs, () => {
        this.#refuse(guest, 'slow', 'slow', 'slow', `no handshake within ${limits.handshakeMs} ms`)
      }),
    }
    this.#guests.add(guest)
    socket.user = {
      message: (bytes) => this.#message(guest, new Uint8Array(bytes)),
      closed: (code) => {
        if (this.#dismiss(guest)) this.#log(guest, 'gone', `left the handshake (code ${code})`)
      },
    }
  }

  close(): void {
    for (const guest of [...this.#guests]) {
      this.#dismiss(guest)
      guest.socket.terminate()
    }
    for (const connection of [...this.#connections.values()]) connection.terminate('goingAway')
    this.#options.log.close()
  }

  #message(guest: Guest, message: Uint8Array): void {
    if (!this.#guests.has(guest)) return
    const { state, reply } = stepListener(guest.state, message, guest.self, guest.session)
    guest.state = state
    if (reply !== null) guest.socket.send(reply)
    if (state.kind === 'Refused') {
      const { kind, reason, said, text } = state.refusal
      this.#refuse(guest, kind, reason, said, text)
    } else if (state.kind === 'Done') this.#accept(guest, state)
  }

  #accept(guest: Guest, done: Extract<ListenerState, { kind: 'Done' }>): void {
    const { limits, clock, onControl, onData } = this.#options
    const { socket } = guest
    this.#dismiss(guest)
    const { role, session } = done
    const peer = { ...done.peer, address: socket.remote }
    const connection =
      role === 'control'
        ? new ControlConnection(socket, peer, session, limits, clock)
        : new DataConnection(socket, peer, session, limits, false)
    this.#register(`${role} ${peer.id} ${peer.incarnation}`, connection)
    if (connection instanceof ControlConnection) onControl(connection)
    else onData(connection)
  }

  #register(key: string, connection: Connection): void {
    this.#connections.get(key)?.terminate('superseded')
    this.#connections.set(key, connection)
    connection.onEnd = () => {
      if (this.#connections.get(key) === connection) this.#connections.delete(key)
    }
  }

  #refuse(guest: Guest, kind: string, reason: CloseReason, said: string, text: string): void {
    if (!this.#dismiss(guest)) return
    this.#log(guest, kind, text)
    guest.socket.close(closeCodes[reason], said)
  }

  /** False when the guest has left already. */
  #dismiss(guest: Guest): boolean {
    guest.stopWaiting()
    return this.#guests.delete(guest)
  }

  #log({ socket }: Guest, kind: string, text: string): void {
    this.#options.log.refused(kind, socket.remote, text)
  }
}
