/**
 * The control link between a job and a worker thread: calls in both directions over one MessagePort,
 * carried by Comlink, which nothing else may name.
 *
 * Comlink alone would leave calls pending for ever when the other side dies and would strip errors
 * of code, details and cause. So here:
 * - A call settles, always: with its result, with the error thrown over there, with `E_CALL_TIMEOUT`
 *   at its deadline, or with `E_WORKER_DIED` when `die` is called. After that every call rejects so.
 * - Errors cross as data, whole: name, stack, code, details, and the chain of causes.
 * - Calls are handled in the order they were made (an asynchronous handler only begins in order).
 * - A call that timed out may still be carried out; its late answer is dropped.
 */
import { type MessagePort, receiveMessageOnPort, type TransferListItem } from 'node:worker_threads'
import { expose, transfer, wrap } from 'comlink'
import type { Cancel, Clock } from '../../lib/base/clock.js'
import { type ErrorData, errorFromData, errorToData, MillraceError } from '../../lib/base/errors.js'

type Arguments<F> = F extends (...args: infer A) => unknown ? A : never
type Result<F> = F extends (...args: never[]) => infer R ? Awaited<R> : never

export interface CallOptions {
  /** What is moved instead of copied; must be among the arguments. */
  readonly transfer?: readonly TransferListItem[]
  /** Null: waits without limit (for answers that back-pressure delays). */
  readonly deadlineMs?: number | null
}

export interface ControlLink<Remote extends object> {
  call<M extends keyof Remote & string>(
    method: M,
    args: Arguments<Remote[M]>,
    options?: CallOptions,
  ): Promise<Result<Remote[M]>>
  /** Handles what has already arrived; for the time between a thread's exit and `die`. */
  drain(): void
  /** The other side is dead: rejects all calls, in flight and later, and answers nothing more. */
  die(cause: Error): void
}

export interface ControlLinkOptions {
  readonly port: MessagePort
  /** Name of the other side in messages: `slot 3`. */
  readonly peer: string
  /** Methods that the other side may call. */
  readonly handlers: object
  /** Default for calls; null: they wait as long as it takes. */
  readonly deadlineMs: number | null
  readonly clock: Clock
}

type Outcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: ErrorData }

type Answer = (method: string, args: readonly unknown[]) => Promise<Outcome>

export function createControlLink<Remote extends object>(
  options: ControlLinkOptions,
): ControlLink<Remote> {
  const { port, peer, clock } = options
  const inFlight = new Set<(error: Error) => void>()
  let death: Error | null = null

  const answer: Answer = async (method, args) => {
    if (death !== null) return { ok: false, error: errorToData(death) }
    try {
      return { ok: true, value: await invoke(options.handlers, method, args) }
    } catch (error) {
      return { ok: false, error: errorToData(error) }
    }
  }
  const { endpoint, deliver } = endpointOf(port)
  const remote = wrap(endpoint as never) as unknown as Answer
  expose(answer, endpoint as never)

  function settle(
    method: string,
    deadlineMs: number | null,
    reject: (error: Error) => void,
  ): Cancel {
    const fail = (error: Error) => {
      done()
      reject(error)
    }
    const stopTimer =
      deadlineMs === null
        ? () => {}
        : clock.after(deadlineMs, () => fail(timedOut(method, peer, deadlineMs)))
    const done = () => {
      stopTimer()
      inFlight.delete(onDeath)
    }
    const onDeath = (cause: Error) => fail(diedDuring(method, peer, cause))
    inFlight.add(onDeath)
    return done
  }

  return {
    call(method, args, { transfer: moved = [], deadlineMs = options.deadlineMs } = {}) {
      if (death !== null) return Promise.reject(diedDuring(method, peer, death))
      return new Promise((resolve, reject) => {
        const done = settle(method, deadlineMs, reject)
        remote(method, transfer([...(args as unknown[])], moved as never)).then(
          (outcome) => {
            done()
            if (outcome.ok) resolve(outcome.value as never)
            else reject(errorFromData(outcome.error))
          },
          (error) => {
            done()
            reject(notSent(method, peer, error))
          },
        )
      })
    },
    drain() {
      for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) {
        deliver(next.message)
      }
    },
    die(cause) {
      if (death !== null) return
      death = cause
      for (const onDeath of [...inFlight]) onDeath(cause)
      port.close()
    },
  }
}

async function invoke(
  handlers: object,
  method: string,
  args: readonly unknown[],
): Promise<unknown> {
  const handler = (handlers as Record<string, unknown>)[method]
  if (typeof handler !== 'function') {
    throw new MillraceError('E_CALL_UNKNOWN', `there is no method "${method}" to call`)
  }
  return await handler.apply(handlers, args)
}

/** A port as Comlink wants it. Its own listener list lets us deliver messages by hand, too. */
function endpointOf(port: MessagePort) {
  const listeners = new Set<(event: { data: unknown }) => void>()
  const deliver = (data: unknown) => {
    for (const listener of [...listeners]) listener({ data })
  }
  port.on('message', deliver)
  const endpoint = {
    postMessage: (message: unknown, moved: readonly TransferListItem[] = []) =>
      port.postMessage(message, moved),
    addEventListener: (_type: string, listener: (event: { data: unknown }) => void) => {
      listeners.add(listener)
    },
    removeEventListener: (_type: string, listener: (event: { data: unknown }) => void) => {
      listeners.delete(listener)
    },
  }
  return { endpoint, deliver }
}

function timedOut(method: string, peer: string, deadlineMs: number): MillraceError {
  return new MillraceError(
    'E_CALL_TIMEOUT',
    `${peer} did not answer "${method}" within ${deadlineMs} ms; its thread may be blocked by user ` +
      'code, or the call takes longer than its deadline allows',
    { retryable: true, details: { method, peer, deadlineMs } },
  )
}

function diedDuring(method: string, peer: string, cause: Error): MillraceError {
  return new MillraceError(
    'E_WORKER_DIED',
    `${peer} is dead, cannot "${method}": ${cause.message}`,
    {
      cause,
      retryable: true,
      details: { method, peer },
    },
  )
}

function notSent(method: string, peer: string, cause: unknown): MillraceError {
  return new MillraceError(
    'E_CALL_NOT_SENT',
    `the arguments or the result of "${method}" cannot cross between threads to or from ${peer}: ` +
      `${cause instanceof Error ? cause.message : String(cause)}; functions and the like stay in a thread`,
    { cause, details: { method, peer } },
  )
}
