/**
 * `callback`: calls a function with each record, or with each batch.
 *
 * - Guarantee: `at-least-once`; what the function does with a replayed record is its own affair.
 * - A promise is awaited before the next call, so a slow function slows the pipeline down. Records
 *   stay in order within a subtask. Subtasks: as its input has.
 * - Errors: what the function throws or rejects with is the failure `E_CALLBACK`, naming the sink.
 */

import { MillraceError } from '../base/errors.js'
import { refuseUnknownOptions } from '../base/unknown-option.js'
import type { Sink, SinkContext, SinkWriter } from './sink.js'

/** Options of `callback`. */
export interface CallbackOptions {
  /** Call once per record (default), or once per batch of up to some thousand records. */
  readonly per?: 'record' | 'batch'
}

/**
 * Calls a function with each record, or with each batch; a promise that it returns is waited for.
 *
 * @example
 * alerts.to(callback(async (alert) => { await notify(alert) }))
 * rows.to(callback((batch) => insertMany(batch), { per: 'batch' }))
 */
export function callback<T>(
  call: (records: readonly T[]) => unknown,
  options: { readonly per: 'batch' },
): Sink<T>
export function callback<T>(
  call: (record: T) => unknown,
  options?: { readonly per?: 'record' },
): Sink<T>
export function callback<T>(
  call: ((record: T) => unknown) | ((records: readonly T[]) => unknown),
  options: CallbackOptions = {},
): Sink<T> {
  refuseUnknownOptions('callback', options, ['per'])
  const { per = 'record' } = options
  return {
    kind: 'callback',
    label: 'callback',
    guarantee: 'at-least-once',
    parallelism: null,
    settings: { per },
    functions: [call as (record: never) => unknown],
    open: (context) => new CallbackWriter(call as (value: unknown) => unknown, per, context),
  }
}

class CallbackWriter<T> implements SinkWriter<T> {
  readonly #call: (value: unknown) => unknown
  readonly #per: 'record' | 'batch'
  readonly #context: SinkContext
  #records: readonly T[] = []
  #next = 0
  /** A promise of the function has not settled. */
  #pending = false
  #aborted = false
  #failure: MillraceError | null = null
  #onIdle: (() => void) | null = null

  constructor(call: (value: unknown) => unknown, per: 'record' | 'batch', context: SinkContext) {
    this.#call = call
    this.#per = per
    this.#context = context
  }

  write(records: readonly T[]): boolean {
    this.#records = this.#pending ? [...this.#records.slice(this.#next), ...records] : records
    this.#next = 0
    if (!this.#pending) this.#goOn()
    if (this.#failure !== null) throw this.#failure
    return !this.#pending
  }

  flush(): void {}

  finish(): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = () => (this.#failure === null ? resolve() : reject(this.#failure))
      if (this.#pending) this.#onIdle = settle
      else settle()
    })
  }

  abort(): void {
    this.#aborted = true
    this.#records = []
  }

  /** Calls until a promise comes back or nothing is left. */
  #goOn(): void {
    while (this.#next < this.#records.length && !this.#aborted) {
      const value =
        this.#per === 'batch' ? this.#records.slice(this.#next) : this.#records[this.#next]
      this.#next = this.#per === 'batch' ? this.#records.length : this.#next + 1
      try {
        const result = this.#call(value)
        if (isThenable(result)) {
          this.#await(result)
          return
        }
      } catch (cause) {
        this.#fail(cause)
        return
      }
    }
    this.#records = []
    this.#next = 0
  }

  #await(result: PromiseLike<unknown>): void {
    this.#pending = true
    result.then(
      () => this.#resume(),
      (cause) => {
        this.#pending = false
        this.#fail(cause)
        if (!this.#aborted) this.#context.fail(this.#failure!)
        this.#onIdle?.()
      },
    )
  }

  #resume(): void {
    this.#pending = false
    this.#goOn()
    if (this.#pending) return
    if (this.#failure !== null && !this.#aborted) this.#context.fail(this.#failure)
    this.#onIdle?.()
    if (!this.#aborted && this.#failure === null) this.#context.wake()
  }

  #fail(cause: unknown): void {
    const { operator } = this.#context
    this.#records = []
    this.#failure = new MillraceError(
      'E_CALLBACK',
      `${operator}: the callback failed: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause, details: { operator } },
    )
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function'
}
