/**
 * The connection of a client with its coordinator, which comes back: when it is lost it is dialled again,
 * with growing pauses, until it is found or the client's patience is over.
 *
 * ```
 * connected ⇄ lost → over
 * ```
 *
 * What is asked while it is lost waits. What was under way when it was lost is, as its nature allows,
 * asked again (`through`) or asked for (`once`), so that nothing is done twice.
 */
import { randomBytes } from 'node:crypto'
import type { Cancel, Clock } from '../../lib/base/clock.js'
import { MillraceError } from '../../lib/base/errors.js'
import type { Random } from '../../lib/base/random.js'
import { watchPeer } from '../../lib/cluster/peer-watch.js'
import { CLIENT_BEAT_MS, CLIENT_SILENCE_MS } from '../../lib/cluster/times.js'
import { backoff, backoffDelayMs } from '../../lib/supervision/backoff.js'
import { type Calls, createCalls } from '../../lib/transport/calls.js'
import type { Network } from '../../lib/transport/network.js'
import type { ControlLink } from '../../lib/transport/node-links.js'
import type { ClientListener, ClientMethods, OnceMethod } from '../coordinator/protocol.js'

/** What happens to the connection of a client. */
export type ConnectionEvent =
  /** It is tried again for so long. */
  | { readonly kind: 'Lost'; readonly reason: string; readonly patienceMs: number }
  | { readonly kind: 'Found' }
  | { readonly kind: 'GivenUp'; readonly reason: string }

export interface Connected {
  readonly calls: Calls<ClientMethods>
  /** Which start of which coordinator that is. */
  readonly coordinator: string
}

export interface LineParts {
  readonly network: Network
  readonly url: string
  readonly clock: Clock
  readonly random: Random
  /** 0: once it is lost, it is over. */
  readonly patienceMs: number
  readonly listener: ClientListener
  onEvent(event: ConnectionEvent): void
  /** It is there again; called before anything that waits for it goes on. */
  onFound(connected: Connected): void
  /** Called once, with what everybody who waits is told. */
  onOver(error: Error): void
}

/** What takes as long as the job takes waits for it. */
export const NO_DEADLINE = { deadlineMs: null } as const
const CALL_MS = 10_000
/** Who was connected for so long is dialled soon; else pauses grow, so that no storm begins. */
const STEADY_MS = 10_000
const REDIAL = backoff({ firstMs: 100, maxMs: 5_000, jitter: 0.3 })

interface Waiting {
  readonly resolve: (connected: Connected) => void
  readonly reject: (error: Error) => void
}

export class Line {
  readonly #parts: LineParts
  readonly #waiting: Waiting[] = []
  #connected: Connected | null = null
  #over: Error | null = null
  #foundMs = 0
  #lostMs = 0
  /** Attempts since it was steady. */
  #attempts = 0
  #stopRedial: Cancel = () => {}

  /** Rejects where nobody answers, or it is refused: that is not tried again. */
  static async dial(parts: LineParts): Promise<Line> {
    const line = new Line(parts)
    line.#connect(await parts.network.dialControl(parts.url))
    return line
  }

  private constructor(parts: LineParts) {
    this.#parts = parts
  }

  get clock(): Clock {
    return this.#parts.clock
  }

  /** Runs a task on the connection, and again on the next one where it is lost meanwhile. */
  async through<R>(task: (connected: Connected) => Promise<R>): Promise<R> {
    for (;;) {
      const connected = await this.#present()
      try {
        return await task(connected)
      } catch (error) {
        if (!connected.calls.isClosed || this.#over !== null) throw this.#over ?? error
      }
    }
  }

  /**
   * Asks for what must not be done twice. Rejects with `E_OUTCOME_UNKNOWN` where the coordinator has died
   * meanwhile: nobody knows what became of it.
   */
  async once<M extends OnceMethod>(
    method: M,
    args: Parameters<ClientMethods[M]>,
  ): Promise<Awaited<ReturnType<ClientMethods[M]>>> {
    const id = randomBytes(8).toString('hex')
    let asked: string | null = null
    const answer: unknown = await this.through(async ({ calls, coordinator }) => {
      asked ??= coordinator
      if (asked !== coordinator) throw outcomeUnknown(method)
      return calls.call('once', [id, method, args], NO_DEADLINE)
    })
    return answer as Awaited<ReturnType<ClientMethods[M]>>
  }

  close(): void {
    if (this.#over !== null) return
    const { calls } = this.#connected ?? {}
    this.#end(closedHere())
    calls?.close()
  }

  #present(): Promise<Connected> {
    if (this.#over !== null) return Promise.reject(this.#over)
    if (this.#connected !== null) return Promise.resolve(this.#connected)
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  #connect(link: ControlLink): Connected {
    const { clock, listener } = this.#parts
    const calls = createCalls<ClientMethods>({
      link,
      handlers: listener,
      deadlineMs: CALL_MS,
      clock,
    })
    let silence: Error | null = null
    const stopBeats = watchPeer({
      clock,
      everyMs: CLIENT_BEAT_MS,
      silenceMs: CLIENT_SILENCE_MS,
      lastReceivedMs: () => link.lastReceivedMs,
      beat: () => void calls.call('heartbeat', [], NO_DEADLINE).catch(() => {}),
      onSilent: () => {
        silence = silent()
        link.terminate('silent')
      },
    })
    const connected = { calls, coordinator: link.peer.incarnation }
    this.#connected = connected
    this.#foundMs = clock.now()
    calls.onClose((reason) => {
      stopBeats()
      this.#onLost(reason ?? silence)
    })
    return connected
  }

  #onLost(cause: Error | null): void {
    if (this.#over !== null) return
    const { clock, patienceMs, onEvent } = this.#parts
    this.#connected = null
    if (patienceMs === 0) return this.#end(lost(this.#parts, cause))
    this.#lostMs = clock.now()
    if (this.#lostMs - this.#foundMs > STEADY_MS) this.#attempts = 0
    onEvent({ kind: 'Lost', reason: cause?.message ?? 'it was closed', patienceMs })
    this.#redialLater()
  }

  #redialLater(): void {
    const { clock, random } = this.#parts
    const delayMs = backoffDelayMs(REDIAL, ++this.#attempts, random)
    this.#stopRedial = clock.after(Math.min(delayMs, this.#leftMs), () => this.#redial())
  }

  #redial(): void {
    const { network, url } = this.#parts
    network.dialControl(url).then(
      (link) => this.#onFound(link),
      (error: Error) => this.#onRefused(error),
    )
  }

  #onFound(link: ControlLink): void {
    if (this.#over !== null) return link.close()
    const connected = this.#connect(link)
    const { onEvent, onFound } = this.#parts
    onEvent({ kind: 'Found' })
    onFound(connected)
    for (const { resolve } of this.#waiting.splice(0)) resolve(connected)
  }

  #onRefused(error: Error): void {
    if (this.#over !== null) return
    const isFinal = error instanceof MillraceError && !error.retryable
    if (!isFinal && this.#leftMs > 0) return this.#redialLater()
    const given = lost(this.#parts, error)
    this.#parts.onEvent({ kind: 'GivenUp', reason: given.message })
    this.#end(given)
  }

  get #leftMs(): number {
    return Math.max(0, this.#lostMs + this.#parts.patienceMs - this.#parts.clock.now())
  }

  #end(error: Error): void {
    this.#over = error
    this.#connected = null
    this.#stopRedial()
    for (const { reject } of this.#waiting.splice(0)) reject(error)
    this.#parts.onOver(error)
  }
}

const silent = (): MillraceError =>
  new MillraceError('E_LINK_SILENT', `nothing was heard of it for ${CLIENT_SILENCE_MS / 1000} s`, {
    retryable: true,
  })

const closedHere = (): MillraceError =>
  new MillraceError('E_PEER_LOST', 'the connection to the coordinator was closed on this side')

function lost({ url, patienceMs }: LineParts, cause: Error | null): MillraceError {
  const tried = patienceMs === 0 ? '' : `, and was tried again for ${patienceMs / 1000} s`
  const why = cause?.message ?? 'it was closed'
  return new MillraceError(
    'E_PEER_LOST',
    `the connection to the coordinator at ${url} was lost${tried}: ${why}. Jobs go on; connect again to follow them`,
    { cause, retryable: true },
  )
}

const outcomeUnknown = (method: string): MillraceError =>
  new MillraceError(
    'E_OUTCOME_UNKNOWN',
    `the coordinator died while it was asked to "${method}", and is there again: whether that was done is not known. See how the job stands before it is asked for again`,
    { details: { method } },
  )
