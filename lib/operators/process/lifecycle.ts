/**
 * What the user opens with a subtask and closes with it. Both may take their time: `open` is waited for
 * before the first record, `close` before the end is passed on. Once `open` has been called and has
 * succeeded, `close` is called exactly once, whatever ends the subtask; where that is a failure or a
 * cancellation nobody waits for it, and nobody hears of its own failure.
 */
import { MillraceError } from '../../base/errors.js'
import { asyncKind } from '../expansion.js'
import type { OpenContext } from './process-context.js'

export interface LifecycleFunctions {
  readonly open: ((context: OpenContext) => unknown) | null
  readonly close: ((opened: never) => unknown) | null
}

type Phase = 'opening' | 'open' | 'closing' | 'closed'

export class Lifecycle {
  readonly #functions: LifecycleFunctions
  readonly #context: OpenContext
  /** Asks for a turn. */
  readonly #wake: () => void
  #phase: Phase = 'opening'
  #opened: unknown = undefined
  #failure: MillraceError | null = null
  #aborted = false

  constructor(functions: LifecycleFunctions, context: OpenContext, wake: () => void) {
    this.#functions = functions
    this.#context = context
    this.#wake = wake
  }

  /** What `open` has given. */
  get opened(): unknown {
    return this.#opened
  }

  /** Calls `open`. What it throws comes up at the first turn, like what its promise is rejected with. */
  begin(): void {
    this.#call('open', this.#functions.open, this.#context, (opened) => {
      this.#opened = opened
      this.#phase = 'open'
      if (this.#aborted) this.#closeUnheard()
    })
  }

  get isOpening(): boolean {
    return this.#phase === 'opening'
  }

  /** False while `open` is under way. Throws where it has failed. */
  get mayRun(): boolean {
    if (this.#failure !== null) throw this.#failure
    return this.#phase !== 'opening'
  }

  /** Calls `close`, the first time; true once it is done. Throws where it has failed. */
  finish(): boolean {
    if (this.#phase === 'open') {
      this.#phase = 'closing'
      this.#call('close', this.#functions.close, this.#opened, () => {
        this.#phase = 'closed'
      })
    }
    if (this.#failure !== null) throw this.#failure
    return this.#phase === 'closed'
  }

  /** Lets go of everything, at once. */
  abort(): void {
    this.#aborted = true
    if (this.#phase === 'open') this.#closeUnheard()
  }

  #closeUnheard(): void {
    this.#phase = 'closed'
    try {
      const closing: unknown = this.#functions.close?.(this.#opened as never)
      if (asyncKind(closing) === 'a Promise') {
        ;(closing as PromiseLike<unknown>).then(undefined, () => {})
      }
    } catch {
      // What has ended the subtask is what is reported.
    }
  }

  #call<A>(
    name: 'open' | 'close',
    call: ((argument: A & never) => unknown) | null,
    argument: A,
    done: (result: unknown) => void,
  ): void {
    let result: unknown
    try {
      result = call?.(argument as A & never)
    } catch (error) {
      this.#failure = this.#failed(name, error)
      return
    }
    if (asyncKind(result) !== 'a Promise') return done(result)
    ;(result as PromiseLike<unknown>).then(
      (value) => {
        done(value)
        this.#wake()
      },
      (error: unknown) => {
        this.#failure = this.#failed(name, error)
        this.#wake()
      },
    )
  }

  #failed(name: string, error: unknown): MillraceError {
    const { operator } = this.#context
    return userFailure(operator, `${name} failed`, error, {})
  }
}

/** A failure of user code that no record error policy applies to. A Millrace error keeps its code. */
export function userFailure(
  operator: string,
  what: string,
  error: unknown,
  details: Readonly<Record<string, string | number>>,
): MillraceError {
  const own = error instanceof MillraceError
  const message = error instanceof Error ? error.message : String(error)
  return new MillraceError(
    own ? error.code : 'E_USER_CODE',
    `operator "${operator}": ${what}: ${message}`,
    { cause: error, retryable: own && error.retryable, details: { operator, ...details } },
  )
}
