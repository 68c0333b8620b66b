/**
 * One open expansion of the fused loop: the results of one record of a `mergeMap`, half handed on.
 *
 * Arrays are read by index, and the loop does that itself; what is here is the slow kind: iterables,
 * pulled one element at a time, and their errors. An iterator may throw in the middle. As long as
 * nothing of the expansion was sent, the policy decides: a skipped record takes back what it has
 * put into the output, a retried one runs the function again up to where it broke. Once a part was
 * sent neither is honest any more, and the error is a failure.
 */
import { MillraceError } from '../base/errors.js'
import { type RecordErrors, SKIP } from './record-error.js'

/** Nothing more comes from this expansion. */
export const DONE: unique symbol = Symbol('done')

export class Expansion {
  /** Set by the loop: the array being read and the index of its next element. */
  array: readonly unknown[] | null = null
  index = 0
  /** True once a batch with results of this expansion was emitted. */
  sent = false
  /** Set by the loop when the output is cut: the record that is expanded, and its key. */
  held: unknown = undefined
  heldKey: unknown = undefined
  readonly #operator: string
  readonly #errors: RecordErrors
  readonly #call: (value: never) => unknown
  #iterator: Iterator<unknown> | null = null
  #record: unknown = undefined
  #key: unknown = undefined
  /** Elements handed to the loop, and the length of the output before the first of them. */
  #pulled = 0
  #mark = 0
  #timeMs = Number.NaN

  constructor(operator: string, errors: RecordErrors, call: (value: never) => unknown) {
    this.#operator = operator
    this.#errors = errors
    this.#call = call
  }

  /** Elements that have been handed to the loop. */
  get pulled(): number {
    return this.array === null ? this.#pulled : this.index
  }

  /**
   * Opens what the user's function returned for `record`, where that is no array. `mark` is the
   * length of the output. False: the record is to be dropped.
   */
  iterate(returned: unknown, record: unknown, key: unknown, mark: number, timeMs: number): boolean {
    this.array = null
    this.sent = false
    this.#record = record
    this.#key = key
    this.#pulled = 0
    this.#mark = mark
    this.#timeMs = timeMs
    try {
      this.#iterator = this.#iteratorOf(returned)
      return true
    } catch (error) {
      if (error instanceof MillraceError && error.code === 'E_ASYNC_RESULT') throw error
      return this.#recover(error, () => this.#iteratorOf(this.#call(record as never)))
    }
  }

  /** The next element, or DONE. Takes the record's results back out of the output to skip it. */
  pull(out: unknown[], outKeys: unknown[] | null, timeMs: number): unknown {
    this.#timeMs = timeMs
    while (this.#iterator !== null) {
      try {
        const result = this.#iterator.next()
        if (result.done) break
        this.#pulled++
        return result.value
      } catch (error) {
        this.#iterator = null
        if (this.sent) this.#errors.fail(error, this.#record, this.#key)
        if (!this.#recover(error, () => this.#again())) {
          out.length = this.#mark
          if (outKeys !== null) outKeys.length = this.#mark
        }
      }
    }
    this.#letGo()
    return DONE
  }

  /** The output was cut behind so many records, and begins anew. */
  cut(length: number): void {
    if (length > this.#mark) this.sent = true
    this.#mark = 0
  }

  /** Gives up what is open; on cancellation. */
  close(): void {
    const iterator = this.#iterator
    this.#letGo()
    this.release()
    try {
      iterator?.return?.()
    } catch {
      // Nobody is left whom the error of a clean-up could concern.
    }
  }

  /** Lets go of what it was cut in. */
  release(): void {
    this.array = null
    this.held = undefined
    this.heldKey = undefined
  }

  #letGo(): void {
    this.#iterator = null
    this.#record = undefined
    this.#key = undefined
  }

  #recover(error: unknown, again: () => Iterator<unknown>): boolean {
    if (this.#errors.place !== undefined) {
      this.#errors.place.at = this.#mark
      this.#errors.place.timeMs = this.#timeMs
    }
    const recovered = this.#errors.recover(error, this.#record, this.#key, again)
    this.#iterator = recovered === SKIP ? null : recovered
    return recovered !== SKIP
  }

  /** Runs the function again, beyond what was handed on and past the element that broke. */
  #again(): Iterator<unknown> {
    const iterator = this.#iteratorOf(this.#call(this.#record as never))
    for (let i = 0; i < this.#pulled; i++) iterator.next()
    const first = iterator.next()
    return first.done ? [][Symbol.iterator]() : startingWith(first.value, iterator)
  }

  #iteratorOf(returned: unknown): Iterator<unknown> {
    const iterable = returned as Partial<Iterable<unknown>> | null | undefined
    if (typeof iterable?.[Symbol.iterator] === 'function') return iterable[Symbol.iterator]!()
    const kind = asyncKind(returned)
    if (kind !== null) throw asyncResult(this.#operator, kind, returned)
    throw new TypeError(
      `the function of mergeMap must return an iterable, a promise or an async iterable, it returned ` +
        `${returned === null ? 'null' : typeof returned}; return [] for no results`,
    )
  }
}

function startingWith<T>(first: T, rest: Iterator<T>): Iterator<T> {
  let started = false
  return {
    next() {
      if (started) return rest.next()
      started = true
      return { done: false, value: first }
    },
    return: () => rest.return?.() ?? { done: true, value: undefined },
  }
}

/** What comes later, by name, or null. */
export function asyncKind(
  value: unknown,
): 'a Promise' | 'an AsyncIterable' | 'an Observable' | null {
  if (typeof value !== 'object' || value === null) return null
  const object = value as { then?: unknown; subscribe?: unknown; [Symbol.asyncIterator]?: unknown }
  if (typeof object.then === 'function') return 'a Promise'
  if (typeof object[Symbol.asyncIterator] === 'function') return 'an AsyncIterable'
  return typeof object.subscribe === 'function' ? 'an Observable' : null
}

function asyncResult(operator: string, kind: string, returned: unknown): MillraceError {
  // Its rejection would otherwise end the process before this error is read.
  if (kind === 'a Promise') (returned as Promise<unknown>).then(undefined, () => {})
  const advice =
    kind === 'an Observable'
      ? 'an Observable cannot be kept waiting: use rx(mergeMap(…)) with a capacity'
      : 'write it as an async function — mergeMap(async (record) => …) — or pass ' +
        '{ concurrency: 16 }, so that it runs beside the loop'
  return new MillraceError(
    'E_ASYNC_RESULT',
    `operator "${operator}": the function of mergeMap returned ${kind}, but is not an async ` +
      `function, so its results were expected at once; ${advice}`,
    { details: { operator } },
  )
}
