/**
 * One record in flight: a call of the user's function whose results come later.
 *
 * A flight calls the function, waits for its promise or asks its iterator for one element at a time,
 * and holds at most one result until it is taken. It retries by itself, with growing pauses, as long
 * as nothing was taken. Its callbacks only change its status and tell the owner (`settled`): results
 * are emitted by the owner, in its turn. A settled call that was timed out or given up is ignored.
 */
import type { Cancel, Clock } from '../base/clock.js'
import { MillraceError } from '../base/errors.js'
import { asyncKind } from './expansion.js'

/** What a promise may be resolved to: the record has no result. */
export const NO_RESULT: unique symbol = Symbol('no result')

export interface FlightPlan {
  readonly operator: string
  readonly call: (record: never, signal: AbortSignal, key: unknown) => unknown
  readonly clock: Clock
  /** For a promise, or for each element of an async iterable; null: no limit. */
  readonly timeoutMs: number | null
  /** Calls after the first one, and the pause before each: doubling from first to max. */
  readonly retries: number
  readonly pauseFirstMs: number
  readonly pauseMaxMs: number
  /** A flight is no longer `busy`. */
  readonly settled: () => void
}

/**
 * - `busy`: waits for a promise, an element, or the pause before a retry.
 * - `value`: holds a result, to be taken.
 * - `pullable`: has nothing in hand; `pull` asks for the next element.
 * - `failed`: holds an error that its own retries did not cure.
 * - `done`: nothing follows.
 */
export type FlightStatus = 'busy' | 'value' | 'pullable' | 'failed' | 'done'

export class Flight {
  readonly record: unknown
  readonly key: unknown
  /** Event time of the record; NaN on a stream without. */
  readonly timeMs: number
  /** `batch.input` of the batch it came by. */
  readonly input: number
  status: FlightStatus = 'busy'
  error: unknown = undefined
  /** Failed calls that were given to the record error policy. */
  decided = 0
  /** Results that were taken, in this life or a former one: once there is one, an error is a failure. */
  sent: number
  /** Of them, those that are still to come again and nobody waits for. */
  #again: number
  readonly #plan: FlightPlan
  #value: unknown = undefined
  #iterator: Iterator<unknown> | AsyncIterator<unknown> | null = null
  #isAsync = false
  #retried = 0
  /** Counts calls and steps; what belongs to an earlier one is stale. */
  #epoch = 0
  #abort: AbortController | null = null
  #cancelTimer: Cancel | null = null

  /** `sent`: results that a former life has emitted of this record; they are not given again. */
  constructor(
    plan: FlightPlan,
    record: unknown,
    { key, timeMs, input, sent }: Pick<Flight, 'key' | 'timeMs' | 'input' | 'sent'>,
  ) {
    this.#plan = plan
    this.record = record
    this.key = key
    this.timeMs = timeMs
    this.input = input
    this.sent = sent
    this.#again = sent
  }

  /** True where something can be emitted at once; false where it waits, or has nothing. */
  get isReady(): boolean {
    return this.status === 'value' || (this.status === 'pullable' && !this.#isAsync)
  }

  /** Calls the user's function. May leave the flight in any status, at once. */
  start(): void {
    this.status = 'busy'
    this.#iterator = null
    this.#abort = new AbortController()
    try {
      this.#open(this.#plan.call(this.record as never, this.#abort.signal, this.key))
    } catch (error) {
      this.#onError(error)
    }
  }

  /** Asks for the next element. Caller must have seen `pullable`. */
  pull(): void {
    this.status = 'busy'
    try {
      const next = this.#iterator!.next()
      if (this.#isAsync) {
        const onNext = (result: unknown) => this.#onElement(result as IteratorResult<unknown>)
        this.#await(next as PromiseLike<unknown>, onNext)
      } else this.#onElement(next as IteratorResult<unknown>)
    } catch (error) {
      this.#onError(error)
    }
  }

  /** Takes the result. Caller must have seen `value`. */
  take(): unknown {
    const value = this.#value
    this.#value = undefined
    this.sent++
    this.status = this.#iterator === null ? 'done' : 'pullable'
    return value
  }

  /** Drops the flight: aborts the call, closes the iterator, stops the timers. */
  close(): void {
    this.#epoch++
    this.#stopTimer()
    if (this.status === 'done') return
    this.status = 'done'
    this.#value = undefined
    this.#giveUp()
  }

  #open(returned: unknown): void {
    const kind = asyncKind(returned)
    if (kind === 'a Promise') {
      this.#await(returned as PromiseLike<unknown>, (value) => this.#onValue(value))
      return
    }
    this.#isAsync = kind === 'an AsyncIterable'
    if (this.#isAsync) this.#iterator = (returned as AsyncIterable<unknown>)[Symbol.asyncIterator]()
    else this.#iterator = iteratorOf(returned)
    this.status = 'pullable'
  }

  #await(promise: PromiseLike<unknown>, onValue: (value: unknown) => void): void {
    const epoch = ++this.#epoch
    const { timeoutMs, clock } = this.#plan
    if (timeoutMs !== null) {
      this.#cancelTimer = clock.after(timeoutMs, () => this.#onTimeout(timeoutMs))
    }
    promise.then(
      (value) => {
        if (epoch !== this.#epoch) return
        this.#stopTimer()
        onValue(value)
        this.#plan.settled()
      },
      (error: unknown) => {
        if (epoch !== this.#epoch) return
        this.#stopTimer()
        this.#onError(error)
        if (this.status !== 'busy') this.#plan.settled()
      },
    )
  }

  #onValue(value: unknown): void {
    if (value === NO_RESULT) {
      this.status = 'done'
      return
    }
    if (this.#again > 0) {
      this.#again--
      this.status = this.#iterator === null ? 'done' : 'pullable'
      return
    }
    this.#value = value
    this.status = 'value'
  }

  #onElement(result: IteratorResult<unknown>): void {
    if (result.done) {
      this.#iterator = null
      this.status = 'done'
    } else this.#onValue(result.value)
  }

  #onTimeout(timeoutMs: number): void {
    this.#epoch++
    const error = new MillraceError(
      'E_TIMEOUT',
      `operator "${this.#plan.operator}": no result within ${timeoutMs} ms (timeoutMs)`,
      { retryable: true, details: { operator: this.#plan.operator, timeoutMs } },
    )
    this.#giveUp(error)
    this.#onError(error)
    if (this.status !== 'busy') this.#plan.settled()
  }

  /** Retries by itself if it may, else fails. */
  #onError(error: unknown): void {
    const { retries, clock, pauseFirstMs, pauseMaxMs } = this.#plan
    this.#iterator = null
    if (this.sent > 0 || this.#retried >= retries) {
      this.error = error
      this.status = 'failed'
      return
    }
    this.status = 'busy'
    const pauseMs = Math.min(pauseMaxMs, pauseFirstMs * 2 ** this.#retried)
    this.#retried++
    this.#cancelTimer = clock.after(pauseMs, () => {
      this.start()
      if (this.status !== 'busy') this.#plan.settled()
    })
  }

  #giveUp(reason?: Error): void {
    this.#abort?.abort(reason)
    const iterator = this.#iterator
    this.#iterator = null
    try {
      // Nobody is left whom the error of a clean-up could concern.
      const closing: unknown = iterator?.return?.()
      if (asyncKind(closing) === 'a Promise') {
        ;(closing as PromiseLike<unknown>).then(undefined, () => {})
      }
    } catch {}
  }

  #stopTimer(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = null
  }
}

function iteratorOf(returned: unknown): Iterator<unknown> {
  const iterable = returned as Partial<Iterable<unknown>> | null | undefined
  if (typeof iterable?.[Symbol.iterator] === 'function') return iterable[Symbol.iterator]!()
  throw new TypeError(
    'the function of mergeMap must return a promise, an async iterable or an iterable, it returned ' +
      (asyncKind(returned) ?? (returned === null ? 'null' : typeof returned)),
  )
}
