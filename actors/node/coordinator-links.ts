/**
 * The links of one membership to the coordinator, and the connections that they go over: one that is
 * lost is replaced, until the coordinator says that it knows the membership no more.
 */
import type { Clock } from '../../lib/base/clock.js'
import { MillraceError } from '../../lib/base/errors.js'
import type { Random } from '../../lib/base/random.js'
import { backoff, backoffDelayMs } from '../../lib/supervision/backoff.js'
import type { MessageLink } from '../../lib/transport/calls.js'
import { LANE_MESSAGE_BYTES_MAX, messagesOver } from '../../lib/transport/lane-messages.js'
import { linkLimits } from '../../lib/transport/link-limits.js'
import type { Network } from '../../lib/transport/network.js'
import type { ControlLink, DataLink } from '../../lib/transport/node-links.js'
import { openOver, ResumableLink } from '../../lib/transport/resumable-link.js'
import { BULK_LANE } from './protocol.js'

export interface CoordinatorLinksParts {
  readonly network: Network
  /** URL of the coordinator. */
  readonly join: string
  readonly clock: Clock
  readonly random: Random
  /** Of the membership: never used before by this process. */
  readonly number: number
  /** With it the links are closed, opened or not. */
  readonly stopping: AbortSignal
}

/** What goes on; set once, before anything can happen. */
export interface LinksListener {
  /** That connection was lost. */
  down(which: 'control' | 'bulk', reason: string): void
  /** There is another one. */
  up(which: 'control' | 'bulk'): void
}

/** A connection, as a link of messages. */
interface Dialled {
  readonly messages: MessageLink
  /** Of the coordinator's process. */
  readonly incarnation: string
  /** When bytes last came over it. */
  heardMs(): number
  terminate(): void
}

interface Line {
  readonly link: ResumableLink
  dial(): Promise<Dialled>
  connection: Dialled | null
  /** The coordinator has yet to answer on it. */
  opening: Dialled | null
  isDialling: boolean
  /** Its connection has fallen silent: another is to take its place. */
  isStale: boolean
  /** Connections that did not last, or were not made, since one that did. */
  failures: number
  upMs: number
}

/** The first is replaced at once, and then at this pace. */
const AGAIN = backoff({ firstMs: 50, maxMs: 1_000, jitter: 0.3 })
/** What has lasted so long begins anew. */
const STEADY_MS = 200
/** A coordinator that has taken a connection answers within this time what it is to be. */
const ANSWER_MS = 2_000

export class CoordinatorLinks {
  /** Of the process that took the membership: no other one knows it. */
  readonly incarnation: string
  readonly #parts: CoordinatorLinksParts
  readonly #control: Line
  readonly #bulk: Line
  #listener: LinksListener = { down: () => {}, up: () => {} }
  #isOver = false
  #apartMs: number | null = null
  #cutOffMs: number | null = null

  private constructor(parts: CoordinatorLinksParts, id: string, first: Dialled) {
    const { network, join } = parts
    this.#parts = parts
    const given: Dialled[] = [first]
    this.incarnation = first.incarnation
    this.#control = this.#line(
      id,
      linkLimits.messageBytesMax,
      async () => given.pop() ?? dialControl(network, join),
    )
    this.#bulk = this.#line(id, LANE_MESSAGE_BYTES_MAX, async () => {
      const connection = await network.dialData(join, id)
      const messages = messagesOver(connection, connection.openLane(BULK_LANE))
      return dialled(messages, connection)
    })
  }

  /** Rejects where the coordinator cannot be reached, or refuses the node. */
  static async open(parts: CoordinatorLinksParts): Promise<CoordinatorLinks> {
    const first = await dialControl(parts.network, parts.join)
    const links = new CoordinatorLinks(parts, first.messages.peer.id, first)
    const { stopping } = parts
    if (stopping.aborted) links.close()
    stopping.addEventListener('abort', () => links.close(), { once: true })
    try {
      for (const line of [links.#control, links.#bulk]) {
        if (!(await links.#connect(line, 'open'))) throw givenUp(line.link.peer.id)
      }
    } catch (error) {
      first.terminate()
      links.close()
      throw error
    }
    return links
  }

  get control(): ResumableLink {
    return this.#control.link
  }

  get bulk(): ResumableLink {
    return this.#bulk.link
  }

  /** Since when there has been this control connection; null: there is none. */
  get upMs(): number | null {
    return this.control.isUp ? this.#control.upMs : null
  }

  /** When bytes last came over the data connection; null: there is none. */
  get bulkHeardMs(): number | null {
    return this.bulk.isUp ? (this.#bulk.connection?.heardMs() ?? null) : null
  }

  /** Since when a connection has been missing; null: none is. */
  get apartMs(): number | null {
    return this.#apartMs
  }

  /** Since when there has been none; null: there is one. */
  get cutOffMs(): number | null {
    return this.#cutOffMs
  }

  listen(listener: LinksListener): void {
    this.#listener = listener
  }

  /**
   * Others instead of connections that have fallen silent. Nobody waits for them; but they may speak again
   * until there are others. False where that is under way.
   */
  replace(which: 'control' | 'bulk' | 'both'): boolean {
    const line = which === 'bulk' ? this.#bulk : this.#control
    if (which === 'both') this.#bulk.isStale = true
    if (line.isStale) return false
    line.isStale = true
    this.#restore(line)
    return true
  }

  close(): void {
    this.#isOver = true
    for (const { link, opening } of [this.#control, this.#bulk]) {
      link.close('goingAway')
      opening?.terminate()
    }
  }

  #line(id: string, messageBytesMax: number, dial: () => Promise<Dialled>): Line {
    const line: Line = {
      link: new ResumableLink({
        peer: { id },
        clock: this.#parts.clock,
        messageBytesMax,
        onDown: (reason) => this.#onDown(line, reason),
      }),
      dial,
      connection: null,
      opening: null,
      isDialling: false,
      isStale: false,
      failures: 0,
      upMs: 0,
    }
    return line
  }

  #onDown(line: Line, reason: Error | null): void {
    line.connection = null
    if (this.#isOver) return
    const nowMs = this.#parts.clock.now()
    this.#apartMs ??= nowMs
    if (!this.control.isUp && !this.bulk.isUp) this.#cutOffMs ??= nowMs
    if (nowMs - line.upMs >= STEADY_MS) line.failures = 0
    this.#listener.down(this.#nameOf(line), reason?.message ?? 'it was silent')
    this.#restoreLater(line)
  }

  #restoreLater(line: Line): void {
    const { clock, random } = this.#parts
    const delayMs = line.failures === 0 ? 0 : backoffDelayMs(AGAIN, line.failures, random)
    line.failures++
    clock.after(delayMs, () => this.#restore(line))
  }

  /** That for control first: what it says goes for the other one, too. */
  #restore(line: Line): void {
    const isDue = !line.isDialling && (line.isStale || !line.link.isUp)
    if (this.#isOver || !isDue || (line === this.#bulk && !this.control.isUp)) return
    this.#connect(line, 'resume').then(
      (isKnown) => {
        if (this.#isOver) return
        if (!isKnown) return this.#end()
        this.#listener.up(this.#nameOf(line))
        this.#restore(this.#bulk)
      },
      () => {
        if (!this.#isOver) this.#restoreLater(line)
      },
    )
  }

  async #connect(line: Line, how: 'open' | 'resume'): Promise<boolean> {
    const { clock, number } = this.#parts
    line.isDialling = true
    try {
      const connection = await line.dial()
      if (this.#isOver) {
        connection.terminate()
        throw tooLate(line.link.peer.id)
      }
      line.opening = connection
      // What the link says from here on, it says over the new one.
      line.connection?.terminate()
      const stopWaiting = clock.after(ANSWER_MS, () => connection.terminate())
      const opened = openOver(connection.messages, line.link, number, how)
      const isKnown = await opened.finally(stopWaiting)
      if (this.#isOver) connection.terminate()
      line.connection = connection
      line.upMs = clock.now()
      line.isStale = false
      if (line.link.isUp) this.#cutOffMs = null
      if (this.control.isUp && this.bulk.isUp) this.#apartMs = null
      return isKnown
    } finally {
      line.opening = null
      line.isDialling = false
    }
  }

  #end(): void {
    this.#isOver = true
    for (const { link, connection, opening } of [this.#bulk, this.#control]) {
      link.end(givenUp(link.peer.id))
      connection?.terminate()
      opening?.terminate()
    }
  }

  #nameOf(line: Line): 'control' | 'bulk' {
    return line === this.#control ? 'control' : 'bulk'
  }
}

async function dialControl(network: Network, join: string): Promise<Dialled> {
  const messages = await network.dialControl(join)
  return dialled(messages, messages)
}

const dialled = (messages: MessageLink, connection: ControlLink | DataLink): Dialled => ({
  messages,
  incarnation: connection.peer.incarnation,
  heardMs: () => connection.lastReceivedMs,
  terminate: () => connection.terminate('superseded'),
})

const givenUp = (coordinator: string): MillraceError =>
  new MillraceError(
    'E_PEER_LOST',
    `${coordinator} has given its work to others, or has been started anew`,
    { retryable: true },
  )

const tooLate = (coordinator: string): MillraceError =>
  new MillraceError('E_PEER_LOST', `the membership at ${coordinator} has ended`, {
    retryable: true,
  })
