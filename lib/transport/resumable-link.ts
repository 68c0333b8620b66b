/**
 * A link of messages that outlives its connections: what was under way on one that was lost is sent again
 * on the next. As stream management of XMPP has it (XEP-0198). For calls, whose order and number matter;
 * never for channels, which end with their connection.
 *
 * ## Protocol
 * Each side numbers its messages from 1 and keeps those that the other has not acknowledged.
 * - `[0, number, upTo, message]`: a message; all up to number `upTo` have been received.
 * - `[1, upTo]`: nothing but that; sent where there has been nothing else to send for a while, and as a sign of
 *   life.
 * - `[2]`: the link has ended for good.
 * - `[3, link, upTo]`: the first message of whoever dials. `upTo` null opens a link, and names it by a number
 *   that this process has not used before; else that link goes on.
 * - `[4, upTo]` answers that it is open; what the other side has not received follows.
 * - `[5]` answers that there is no such link any more.
 *
 * ## Contract
 * - What is sent arrives once and in order, whatever becomes of connections, or the link ends.
 * - A connection that is lost does not end the link: `onDown` is told, and its owner *must* attach another, or
 *   end it. Until then what is sent waits, at most `UNACKNOWLEDGED_MAX` messages and one of the largest beside
 *   `UNACKNOWLEDGED_BYTES_MAX` of others; more ends the link.
 * - A message that cannot travel throws at once, whether or not there is a connection.
 */
import type { Cancel, Clock } from '../base/clock.js'
import { MillraceError } from '../base/errors.js'
import type { MessageLink } from './calls.js'
import type { CloseReason } from './close-reasons.js'
import { encodeMessage } from './pieces.js'

/** Wire constants: do not change. */
export const NUMBERED = 0
const ACKNOWLEDGED = 1
const ENDED = 2
const OPEN = 3
const OPENED = 4
const UNKNOWN = 5

export const UNACKNOWLEDGED_MAX = 50_000
export const UNACKNOWLEDGED_BYTES_MAX = 64 * 1024 * 1024
/** What was received is acknowledged within this time. */
const ACKNOWLEDGE_MS = 250

export interface ResumableOptions {
  readonly peer: MessageLink['peer']
  readonly clock: Clock
  /** Of one message: as much as its connections take. */
  readonly messageBytesMax: number
  /** The connection has ended; null: this side has closed it. */
  onDown(reason: Error | null): void
}

interface Sent {
  readonly message: unknown
  /** As it travels. */
  readonly bytes: number
}

export class ResumableLink implements MessageLink {
  readonly #options: ResumableOptions
  #connection: MessageLink | null = null
  /** Number of the message that was sent last. */
  #sent = 0
  /** The last of those sent, oldest first. */
  #unacknowledged: Sent[] = []
  #unacknowledgedBytes = 0
  /** Number of the message that was received last. */
  #received = 0
  #listener: (message: unknown) => void = () => {}
  readonly #closeListeners: ((reason: Error | null) => void)[] = []
  #ended: { readonly reason: Error | null } | null = null
  #stopAcknowledging: Cancel | null = null

  constructor(options: ResumableOptions) {
    this.#options = options
  }

  get peer(): MessageLink['peer'] {
    return this.#options.peer
  }

  /** There is a connection, as far as is known. */
  get isUp(): boolean {
    return this.#connection !== null
  }

  get received(): number {
    return this.#received
  }

  send(message: unknown): number {
    if (this.#ended !== null) return 0
    const numbered = [NUMBERED, this.#sent + 1, this.#received, message]
    const { messageBytesMax } = this.#options
    const bytes =
      this.#connection?.send(numbered) ?? encodeMessage(numbered, messageBytesMax).length
    this.#sent++
    this.#unacknowledged.push({ message, bytes })
    this.#unacknowledgedBytes += bytes
    this.#acknowledged()
    if (
      this.#unacknowledged.length > UNACKNOWLEDGED_MAX ||
      this.#unacknowledgedBytes > UNACKNOWLEDGED_BYTES_MAX + messageBytesMax
    ) {
      this.#overflow()
    }
    return bytes
  }

  /** Says over the connection, if any, that this side is there: nothing waits for it, or is sent again. */
  beat(): void {
    if (this.#connection === null) return
    this.#acknowledged()
    this.#connection.send([ACKNOWLEDGED, this.#received])
  }

  onMessage(listener: (message: unknown) => void): void {
    this.#listener = listener
  }

  onClose(listener: (reason: Error | null) => void): void {
    if (this.#ended === null) this.#closeListeners.push(listener)
    else listener(this.#ended.reason)
  }

  /** For good; the other side is told where it can be. */
  close(reason?: CloseReason): void {
    if (this.#ended !== null) return
    const connection = this.#connection
    connection?.send([ENDED])
    this.end(null)
    connection?.close(reason)
  }

  /** For good, on this side; the connection, if any, is the owner's to end. Idempotent. */
  end(reason: Error | null): void {
    if (this.#ended !== null) return
    this.#ended = { reason }
    this.#connection = null
    this.#unacknowledged = []
    this.#unacknowledgedBytes = 0
    this.#acknowledged()
    for (const listener of this.#closeListeners.splice(0)) listener(reason)
  }

  /** False where the other side has acknowledged more: what says that it has so many is a late word of before. */
  canGoOnFrom(upTo: number): boolean {
    return upTo >= this.#sent - this.#unacknowledged.length
  }

  /** Goes on over this connection, instead of the one before; the other side has received all up to that number. */
  attach(connection: MessageLink, upTo: number): void {
    if (this.#ended !== null) return connection.close('done')
    const before = this.#connection
    this.#connection = connection
    before?.close('superseded')
    connection.onClose((reason) => {
      if (this.#connection !== connection) return
      this.#connection = null
      this.#acknowledged()
      this.#options.onDown(reason)
    })
    if (!this.#forget(upTo)) return this.#damaged()
    this.#sendAgain(connection)
  }

  /** It has come over that connection. */
  take(connection: MessageLink, message: unknown): void {
    if (connection !== this.#connection) return
    const [kind, first, second, third] = Array.isArray(message) ? message : []
    if (kind === NUMBERED) this.#take(first, second, third)
    else if (kind === ENDED) this.#over()
    else if (kind !== ACKNOWLEDGED || !this.#forget(first)) this.#damaged()
  }

  #take(number: unknown, upTo: unknown, message: unknown): void {
    if (number !== this.#received + 1 || !this.#forget(upTo)) return this.#damaged()
    this.#received++
    this.#stopAcknowledging ??= this.#options.clock.after(ACKNOWLEDGE_MS, () => {
      this.#stopAcknowledging = null
      this.#connection?.send([ACKNOWLEDGED, this.#received])
    })
    this.#listener(message)
  }

  #sendAgain(connection: MessageLink): void {
    let number = this.#sent - this.#unacknowledged.length
    try {
      for (const { message } of this.#unacknowledged) {
        connection.send([NUMBERED, ++number, this.#received, message])
      }
    } catch (error) {
      this.end(error as Error)
      connection.close('done')
    }
    this.#acknowledged()
  }

  /** False where the other side cannot have received so many. */
  #forget(upTo: unknown): boolean {
    const first = this.#sent - this.#unacknowledged.length
    if (!isCount(upTo) || upTo < first || upTo > this.#sent) return false
    for (const { bytes } of this.#unacknowledged.splice(0, upTo - first)) {
      this.#unacknowledgedBytes -= bytes
    }
    return true
  }

  #acknowledged(): void {
    this.#stopAcknowledging?.()
    this.#stopAcknowledging = null
  }

  #overflow(): void {
    const connection = this.#connection
    this.end(tooMany(this.peer.id, this.#unacknowledged.length, this.#unacknowledgedBytes))
    connection?.close('limit')
  }

  #over(): void {
    const connection = this.#connection
    this.end(endedByPeer(this.peer.id))
    connection?.close('done')
  }

  #damaged(): void {
    const connection = this.#connection
    this.end(damaged(this.peer.id))
    connection?.close('damaged')
  }
}

/**
 * Opens a link over a connection that was dialled, or goes on with it. Resolves with false where the other
 * side does not know it any more; rejects where the connection ends before there is an answer.
 */
export function openOver(
  connection: MessageLink,
  link: ResumableLink,
  number: number,
  how: 'open' | 'resume',
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let isOpen = false
    connection.onMessage((message) => {
      if (isOpen) return link.take(connection, message)
      const [kind, upTo] = Array.isArray(message) ? message : []
      if (kind === UNKNOWN) resolve(false)
      if (kind !== OPENED || !isCount(upTo)) {
        return connection.close(kind === UNKNOWN ? 'done' : 'damaged')
      }
      isOpen = true
      link.attach(connection, upTo)
      resolve(true)
    })
    connection.onClose((reason) => reject(reason ?? closedHere(connection.peer.id)))
    connection.send([OPEN, number, how === 'open' ? null : link.received])
  })
}

/** What a connection begins with. */
export interface Opening {
  /** Of the link, as the dialling process has named it. */
  readonly number: number
  readonly how: 'open' | 'resume'
  /** The other side has received all up to that number. */
  readonly upTo: number
}

/**
 * Hears what a connection that was accepted begins with; `find`: null where that link is not known, or does not
 * go on from there: a dial that was given up may arrive after the one that has followed it.
 */
export function acceptOver(
  connection: MessageLink,
  find: (opening: Opening) => ResumableLink | null,
): void {
  let link: ResumableLink | null = null
  connection.onMessage((message) => {
    if (link !== null) return link.take(connection, message)
    const [kind, number, upTo] = Array.isArray(message) ? message : []
    if (kind !== OPEN || !isCount(number) || !(upTo === null || isCount(upTo))) {
      return connection.close('damaged')
    }
    link = find({ number, how: upTo === null ? 'open' : 'resume', upTo: upTo ?? 0 })
    if (link === null) {
      connection.send([UNKNOWN])
      return connection.close('done')
    }
    connection.send([OPENED, link.received])
    link.attach(connection, upTo ?? 0)
  })
}

const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0

const lost = (code: string, message: string): MillraceError =>
  new MillraceError(code, message, { retryable: true })

const endedByPeer = (peer: string): MillraceError =>
  lost('E_LINK_CLOSED', `${peer} has ended the connection`)

const closedHere = (peer: string): MillraceError =>
  lost('E_LINK_CLOSED', `the connection with ${peer} was closed on this side`)

const damaged = (peer: string): MillraceError =>
  lost('E_LINK_DAMAGED', `what came from ${peer} does not follow on what came before`)

const tooMany = (peer: string, messages: number, bytes: number): MillraceError =>
  lost(
    'E_LINK_LIMIT',
    `${peer} has not acknowledged ${messages} messages of ${bytes} bytes, which is more than is kept for it`,
  )
