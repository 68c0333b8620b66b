/**
 * `socketLines`: lines of text from a TCP server, to which it connects as a client.
 *
 * - Guarantee: none: not replayable; what is sent while it is not connected is lost. It pauses: while
 *   nobody reads, TCP holds the server back.
 * - Splits: one. Position: none.
 * - Without `reconnect` it ends when the server closes, so it is bounded, and a broken connection is
 *   the failure `E_CONNECTION_LOST` (`E_CONNECTION_REFUSED` when there never was one). With it, it is
 *   endless and tries again after `firstMs`, doubling up to `maxMs`.
 * - The line that a lost connection cut off is handed out as it is.
 */
import { connect } from 'node:net'
import type { Cancel } from '../base/clock.js'
import { MillraceError } from '../base/errors.js'
import type { Json } from '../base/json.js'
import { LineDecoder } from '../formats/lines.js'
import { type TextOptions, TextRuns } from '../formats/runs.js'
import type { ByteFeed } from './byte-feed.js'
import type { Source, SourceContext } from './source.js'
import { StreamFeed } from './stream-feed.js'
import { TextReader } from './text-reader.js'

/** Where a TCP server listens. */
export interface SocketAddress {
  /** Default `localhost`. */
  readonly host?: string
  readonly port: number
}

/** Options of `socketLines`. */
export interface SocketLinesOptions extends SocketAddress, TextOptions {
  /** Try again when the connection ends or fails. Default false. */
  readonly reconnect?: boolean | { readonly firstMs?: number; readonly maxMs?: number }
}

/**
 * Lines of text that a TCP server sends.
 *
 * @example
 * flow.from(socketLines({ host: 'localhost', port: 9000, reconnect: true }))
 */
export function socketLines(options: SocketLinesOptions): Source<string> {
  const where = socketName(options)
  const reconnects = (options.reconnect ?? false) !== false
  return {
    kind: 'socketLines',
    label: `socketLines(${where})`,
    bounded: !reconnects,
    replays: false,
    resubscribes: reconnects,
    pauses: true,
    parallelism: 1,
    concurrentSplits: true,
    settings: { ...options } as Source<string>['settings'],
    functions: [],
    splits: async () => [{ id: where, data: {} }],
    open: (_split, _position, context) => {
      const range = { start: 0, skipFirst: false, end: null }
      const feed = new SocketFeed(options, context)
      return new SocketLinesReader(feed, new TextRuns(where, range, options))
    },
  }
}

export const socketName = ({ host = 'localhost', port }: SocketAddress): string => `${host}:${port}`

/** A connection has no position to come back to. */
class SocketLinesReader extends TextReader<string> {
  constructor(feed: ByteFeed, runs: TextRuns) {
    super(feed, runs, new LineDecoder(), null)
  }

  override position(): Json {
    return null
  }
}

/** One connection after another; a cut between them. */
class SocketFeed implements ByteFeed {
  readonly inode = null
  readonly offset = 0
  readonly #options: SocketLinesOptions
  readonly #context: SourceContext
  readonly #retry: { readonly firstMs: number; readonly maxMs: number } | null
  #delayMs: number
  #feed: StreamFeed | null = null
  #cancelRetry: Cancel = () => {}
  #waits = false
  #closed = false

  constructor(options: SocketLinesOptions, context: SourceContext) {
    const { reconnect = false } = options
    this.#options = options
    this.#context = context
    const times = reconnect === true ? {} : reconnect
    this.#retry = times === false ? null : { firstMs: 100, maxMs: 10_000, ...times }
    this.#delayMs = this.#retry?.firstMs ?? 0
  }

  next(): Buffer | 'waiting' | 'end' | 'cut' {
    if (this.#closed) return 'end'
    if (this.#waits) return 'waiting'
    this.#feed ??= this.#connect()
    let chunk: Buffer | 'waiting' | 'end'
    try {
      chunk = this.#feed.next()
    } catch (failure) {
      if (this.#retry === null) throw failure
      chunk = 'end'
    }
    return chunk === 'end' && this.#retry !== null ? this.#reconnectLater() : chunk
  }

  close(): void {
    this.#closed = true
    this.#cancelRetry()
    this.#feed?.close()
  }

  #connect(): StreamFeed {
    const { host = 'localhost', port } = this.#options
    let connected = false
    const socket = connect({ host, port })
    socket.on('connect', () => {
      connected = true
      this.#delayMs = this.#retry?.firstMs ?? 0
    })
    const explain = (cause: unknown) => connectionError(this.#options, connected, cause)
    return new StreamFeed(socket, () => this.#context.wake(), explain)
  }

  #reconnectLater(): 'cut' {
    this.#feed?.close()
    this.#feed = null
    this.#waits = true
    this.#cancelRetry = this.#context.clock.after(this.#delayMs, () => {
      this.#waits = false
      this.#context.wake()
    })
    this.#delayMs = Math.min(this.#delayMs * 2, this.#retry!.maxMs)
    return 'cut'
  }
}

export function connectionError(
  address: SocketAddress,
  connected: boolean,
  cause: unknown,
): MillraceError {
  const where = socketName(address)
  const why = cause instanceof Error ? cause.message || String(cause) : String(cause)
  const options = { cause, retryable: true, details: { address: where } }
  return connected
    ? new MillraceError('E_CONNECTION_LOST', `lost the connection to ${where}: ${why}`, options)
    : new MillraceError(
        'E_CONNECTION_REFUSED',
        `cannot connect to ${where}: ${why}; is a server listening there?`,
        options,
      )
}
