/**
 * `socketLinesSink`: records as lines of text to a TCP server, to which it connects as a client.
 *
 * - Guarantee: `at-least-once`: a failed attempt's lines stay sent; what was on its way when the
 *   connection broke may be lost before the restart sends it again.
 * - One connection, parallelism 1. While the socket's buffer is full nothing is taken (`drain`).
 *   It finishes when everything was handed to TCP.
 * - Errors: `E_CONNECTION_REFUSED`, `E_CONNECTION_LOST`, both retryable; `E_FORMAT`.
 */
import { connect, type Socket } from 'node:net'
import { showRecord } from '../formats/show.js'
import type { Sink, SinkContext, SinkWriter } from './sink.js'
import { connectionError, type SocketAddress, socketName } from './socket-lines.js'
import { lineOf } from './text-writer.js'

/** Options of `socketLinesSink`. */
export interface SocketLinesSinkOptions<T> extends SocketAddress {
  /** The line of a record, without newline. Default: as `print` shows it. */
  readonly format?: (record: T) => string
}

/**
 * Sends one line per record to a TCP server.
 *
 * @example
 * alerts.to(socketLinesSink({ host: 'localhost', port: 9001 }))
 */
export function socketLinesSink<T = unknown>(options: SocketLinesSinkOptions<T>): Sink<T> {
  const { format = showRecord } = options
  const where = socketName(options)
  return {
    kind: 'socketLinesSink',
    label: `socketLinesSink(${where})`,
    guarantee: 'at-least-once',
    parallelism: 1,
    settings: { address: where },
    functions: options.format === undefined ? [] : [options.format],
    open: (context) => new SocketWriter(options, (record: T) => `${format(record)}\n`, context),
  }
}

class SocketWriter<T> implements SinkWriter<T> {
  readonly #socket: Socket
  readonly #toLine: (record: T) => string
  readonly #operator: string
  #finished = false
  #aborted = false
  #failure: Error | null = null

  constructor(address: SocketAddress, toLine: (record: T) => string, context: SinkContext) {
    this.#toLine = toLine
    this.#operator = context.operator
    let connected = false
    const { host = 'localhost', port } = address
    const socket = connect({ host, port })
    socket.on('connect', () => {
      connected = true
    })
    // A server may talk back; nobody listens.
    socket.resume()
    socket.on('drain', () => context.wake())
    const fail = (cause: unknown) => {
      if (this.#aborted || this.#failure !== null) return
      this.#failure = connectionError(address, connected, cause)
      context.fail(this.#failure)
    }
    socket.on('error', fail)
    socket.on('close', () => {
      if (!this.#finished) fail(new Error('the server closed it'))
    })
    this.#socket = socket
  }

  write(records: readonly T[]): boolean {
    if (this.#failure !== null) throw this.#failure
    let text = ''
    for (const record of records) text += lineOf(record, this.#toLine, this.#operator)
    return this.#socket.write(text)
  }

  flush(): void {}

  finish(): Promise<void> {
    this.#finished = true
    return new Promise((resolve, reject) => {
      if (this.#failure !== null) return reject(this.#failure)
      this.#socket.once('error', () => reject(this.#failure))
      this.#socket.end(() => resolve())
    })
  }

  abort(): void {
    this.#aborted = true
    this.#socket.destroy()
  }
}
