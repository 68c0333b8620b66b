/**
 * Calls in both directions over a link of messages between two processes.
 *
 * ## Protocol
 * A message is an array: `[0, id, method, args]` calls, `[1, id, value]` answers, `[2, id, error]` answers
 * with an error as data, `[3, method, args]` tells, and is not answered.
 * - A call settles, always: with its result, with the error thrown over there, with `E_CALL_TIMEOUT` at
 *   its deadline, or with `E_PEER_LOST` once the link is closed. After that every call rejects so.
 * - Calls and what is told begin in the order in which they were made; answers may overtake each other.
 * - A call that timed out may still be carried out; its late answer is dropped.
 * - What is none of the above closes the link: whoever sends it speaks another language.
 */
import type { Cancel, Clock } from '../base/clock.js'
import { type ErrorData, errorFromData, errorToData, MillraceError } from '../base/errors.js'
import type { CloseReason } from './close-reasons.js'

/** A link of messages: what is sent arrives once, in order, or the link closes. */
export interface MessageLink {
  /** The process at the other end. */
  readonly peer: { readonly id: string }
  /** A value as `wire/cbor.ts` takes it. Bytes that it has, encoded; 0: dropped, the link is closed. */
  send(message: unknown): number
  onMessage(listener: (message: unknown) => void): void
  /** Fires once; null: this side has closed it. */
  onClose(listener: (reason: Error | null) => void): void
  close(reason?: CloseReason): void
}

type Arguments<F> = F extends (...args: infer A) => unknown ? A : never
type Result<F> = F extends (...args: never[]) => infer R ? Awaited<R> : never

export interface CallOptions {
  /** Null: waits without limit. */
  readonly deadlineMs?: number | null
  /** Called before `call` returns where the link has taken the message. */
  readonly onSent?: () => void
}

export interface Calls<Remote extends object> {
  readonly peer: string
  readonly isClosed: boolean
  call<M extends keyof Remote & string>(
    method: M,
    args: Arguments<Remote[M]>,
    options?: CallOptions,
  ): Promise<Result<Remote[M]>>
  /** As a call of which nobody wants to know the result. */
  tell<M extends keyof Remote & string>(method: M, args: Arguments<Remote[M]>): void
  onClose(listener: (reason: Error | null) => void): void
  close(reason?: CloseReason): void
}

export interface CallsOptions {
  readonly link: MessageLink
  /** Methods that the other side may call; only own ones and those of the class. */
  readonly handlers: object
  /** Default for calls. */
  readonly deadlineMs: number
  readonly clock: Clock
}

const CALL = 0
const RESULT = 1
const ERROR = 2
const TELL = 3

interface Pending {
  readonly method: string
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
  readonly stopTimer: Cancel
}

export const createCalls = <Remote extends object>(options: CallsOptions): Calls<Remote> =>
  new LinkCalls<Remote>(options)

class LinkCalls<Remote extends object> implements Calls<Remote> {
  readonly #options: CallsOptions
  readonly #pending = new Map<number, Pending>()
  readonly #closeListeners: ((reason: Error | null) => void)[] = []
  #ids = 0
  #closed: { readonly reason: Error | null } | null = null

  constructor(options: CallsOptions) {
    this.#options = options
    options.link.onMessage((message) => this.#onMessage(message))
    options.link.onClose((reason) => this.#onClose(reason))
  }

  get peer(): string {
    return this.#options.link.peer.id
  }

  get isClosed(): boolean {
    return this.#closed !== null
  }

  call<M extends keyof Remote & string>(
    method: M,
    args: Arguments<Remote[M]>,
    { deadlineMs = this.#options.deadlineMs, onSent = () => {} }: CallOptions = {},
  ): Promise<Result<Remote[M]>> {
    if (this.#closed !== null) return Promise.reject(this.#lost(method, this.#closed.reason))
    const id = ++this.#ids
    return new Promise((resolve, reject) => {
      const stopTimer =
        deadlineMs === null
          ? () => {}
          : this.#options.clock.after(deadlineMs, () => {
              this.#pending.delete(id)
              reject(timedOut(method, this.peer, deadlineMs))
            })
      this.#pending.set(id, { method, resolve: resolve as never, reject, stopTimer })
      try {
        this.#options.link.send([CALL, id, method, args])
      } catch (error) {
        this.#settle(id)?.reject(error as Error)
        return
      }
      onSent()
    })
  }

  tell<M extends keyof Remote & string>(method: M, args: Arguments<Remote[M]>): void {
    if (this.#closed === null) this.#options.link.send([TELL, method, args])
  }

  onClose(listener: (reason: Error | null) => void): void {
    if (this.#closed === null) this.#closeListeners.push(listener)
    else listener(this.#closed.reason)
  }

  close(reason?: CloseReason): void {
    this.#options.link.close(reason)
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    pending?.stopTimer()
    return pending
  }

  #onMessage(message: unknown): void {
    if (this.#closed !== null) return
    if (!Array.isArray(message)) return this.close('damaged')
    const [kind, first, second, third] = message
    if (kind === CALL && typeof first === 'number' && isCall(second, third)) {
      void this.#answer(first, second as string, third)
    } else if (kind === RESULT) this.#settle(first)?.resolve(second)
    else if (kind === ERROR && isError(second)) this.#settle(first)?.reject(errorFromData(second))
    else if (kind === TELL && isCall(first, second)) {
      // Whoever tells does not want to know; what fails here is this side's own affair.
      this.#invoke(first as string, second).catch(() => this.close('damaged'))
    } else this.close('damaged')
  }

  async #answer(id: number, method: string, args: readonly unknown[]): Promise<void> {
    let answer: readonly unknown[]
    try {
      answer = [RESULT, id, await this.#invoke(method, args)]
    } catch (error) {
      answer = [ERROR, id, errorToData(error)]
    }
    if (this.#closed !== null) return
    try {
      this.#options.link.send(answer)
    } catch (error) {
      this.#options.link.send([ERROR, id, errorToData(error)])
    }
  }

  async #invoke(method: string, args: readonly unknown[]): Promise<unknown> {
    const handlers = this.#options.handlers as Record<string, unknown>
    const handler = isOwnMethod(handlers, method) ? handlers[method] : undefined
    if (typeof handler !== 'function') {
      throw new MillraceError('E_CALL_UNKNOWN', `there is no method "${method}" to call`)
    }
    return await handler.apply(handlers, args as unknown[])
  }

  #onClose(reason: Error | null): void {
    if (this.#closed !== null) return
    this.#closed = { reason }
    for (const id of [...this.#pending.keys()]) {
      const { method, reject } = this.#settle(id)!
      reject(this.#lost(method, reason))
    }
    for (const listener of this.#closeListeners) listener(reason)
  }

  #lost(method: string, cause: Error | null): MillraceError {
    const why = cause === null ? 'the connection was closed on this side' : cause.message
    return new MillraceError('E_PEER_LOST', `cannot "${method}" at ${this.peer}: ${why}`, {
      cause,
      retryable: true,
      details: { method, peer: this.peer },
    })
  }
}

const isCall = (method: unknown, args: unknown): boolean =>
  typeof method === 'string' && Array.isArray(args)

const isError = (value: unknown): value is ErrorData => {
  const { name, message, details, cause } = (value ?? {}) as Partial<ErrorData>
  return (
    typeof name === 'string' &&
    typeof message === 'string' &&
    typeof details === 'object' &&
    details !== null &&
    (cause === null || isError(cause))
  )
}

/** Nothing that every object has can be called from afar. */
const isOwnMethod = (handlers: object, method: string): boolean =>
  method !== 'constructor' &&
  (Object.hasOwn(handlers, method) ||
    (Object.getPrototypeOf(handlers) !== Object.prototype &&
      Object.hasOwn(Object.getPrototypeOf(handlers), method)))

const timedOut = (method: string, peer: string, deadlineMs: number): MillraceError =>
  new MillraceError(
    'E_CALL_TIMEOUT',
    `${peer} did not answer "${method}" within ${deadlineMs} ms; it is busy, or the network is slow`,
    { retryable: true, details: { method, peer, deadlineMs } },
  )
