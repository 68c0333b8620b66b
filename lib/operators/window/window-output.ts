/**
 * Results of windows on their way out: made one at a time while there is room in the batch. A window
 * function may give many records for one window; they are pulled as there is room.
 */
import { emptyList, emptyNumbers } from '../../base/list.js'
import type { OperatorContext } from '../operator.js'
import { SKIP } from '../record-error.js'
import { BATCH_RECORDS_MAX, type Batch, batch } from '../signal.js'

/** Content of a window that has no result: an aggregate of no records. */
export const NOTHING: unique symbol = Symbol('nothing')

/** Gives the records of one window. `content` is an aggregate's result, or the list of records. */
export type WindowFunction = (
  group: number,
  key: unknown,
  start: number,
  end: number,
  content: unknown,
) => Iterable<unknown>

export interface OutputOptions {
  /** From accumulator to result; null: they are the same. */
  readonly result: ((accumulator: unknown) => unknown) | null
  /** Null: a window gives one record, its result with key and span. */
  readonly apply: WindowFunction | null
  /** True where records have the time of their window. */
  readonly timed: boolean
}

export class WindowOutput {
  readonly #context: OperatorContext
  readonly #options: OutputOptions
  #records: unknown[] = emptyList()
  #times: number[] = emptyNumbers()
  /** The rest of what a window function gives, and its time. */
  #rest: Iterator<unknown> | null = null
  #restKey: unknown = undefined
  #restTimeMs = 0

  constructor(context: OperatorContext, options: OutputOptions) {
    this.#context = context
    this.#options = options
  }

  /** True while no other window may be given. */
  get full(): boolean {
    return this.#records.length >= BATCH_RECORDS_MAX || this.#rest !== null
  }

  /** Goes on with what is left of the last window. */
  resume(): void {
    if (this.#rest !== null) this.#pull()
  }

  /** One window of a key. `content` makes the accumulator; what it throws is the window's error. */
  give(group: number, key: unknown, start: number, end: number, content: () => unknown): void {
    const result = this.#guard(key, () => this.#resultOf(content()))
    if (result !== SKIP) this.#giveResult(group, key, start, end, result)
  }

  /** As `give`, of a window whose accumulator is there: most windows of most keys. */
  giveMade(group: number, key: unknown, start: number, end: number, accumulator: unknown): void {
    if (accumulator === NOTHING) return
    const { result } = this.#options
    let made = accumulator
    if (result !== null) {
      try {
        made = result(accumulator)
      } catch (error) {
        made = this.#context.errors.recover(error, undefined, key, () => result(accumulator))
        if (made === SKIP) return
      }
    }
    this.#giveResult(group, key, start, end, made)
  }

  #giveResult(group: number, key: unknown, start: number, end: number, result: unknown): void {
    const { apply } = this.#options
    const timeMs = end - 1
    if (apply === null) {
      const record = this.#context.keyed
        ? { key, start, end, value: result }
        : { start, end, value: result }
      this.#records.push(record)
      this.#times.push(timeMs)
      return
    }
    let given: unknown
    // No closure unless it fails: keys may be many, and their windows small.
    try {
      given = apply(group, key, start, end, result)
    } catch (error) {
      const again = () => apply(group, key, start, end, result)
      given = this.#context.errors.recover(error, undefined, key, again)
    }
    if (given === SKIP || this.#takeAll(given, timeMs)) return
    this.#rest = (given as Iterable<unknown>)[Symbol.iterator]()
    this.#restKey = key
    this.#restTimeMs = timeMs
    this.#pull()
  }

  /** What has been given since, at most a batch; null when nothing. */
  take(): Batch | null {
    const records = this.#records
    if (records.length === 0) return null
    const times = this.#options.timed ? new Float64Array(this.#times) : null
    this.#records = emptyList()
    this.#times = emptyNumbers()
    this.#context.count(0, records.length)
    return batch(records, null, null, times)
  }

  /** A list that there is room for needs no iterator. */
  #takeAll(given: unknown, timeMs: number): boolean {
    if (!isArray(given) || this.#records.length + given.length > BATCH_RECORDS_MAX) return false
    for (let i = 0; i < given.length; i++) {
      this.#records.push(given[i])
      this.#times.push(timeMs)
    }
    return true
  }

  #pull(): void {
    const rest = this.#rest!
    while (this.#records.length < BATCH_RECORDS_MAX) {
      let next: IteratorResult<unknown>
      try {
        next = rest.next()
      } catch (error) {
        // Some of it may have been sent.
        this.#context.errors.fail(error, undefined, this.#restKey)
      }
      if (next.done) {
        this.#rest = null
        return
      }
      this.#records.push(next.value)
      this.#times.push(this.#restTimeMs)
    }
  }

  #resultOf(accumulator: unknown): unknown {
    const { result } = this.#options
    if (accumulator === NOTHING) return SKIP
    return result === null ? accumulator : result(accumulator)
  }

  #guard<R>(key: unknown, call: () => R): R | typeof SKIP {
    try {
      return call()
    } catch (error) {
      return this.#context.errors.recover(error, undefined, key, call)
    }
  }
}

const isArray: (value: unknown) => value is readonly unknown[] = Array.isArray
