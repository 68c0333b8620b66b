/**
 * `fromAsyncIterable`: async generators, Node streams, database cursors as a source.
 *
 * - Values are pulled one at a time: `next` is called again once the last promise has settled and
 *   fewer than `ahead` values wait. So it pauses.
 * - Guarantee: replays only with `replays: true`, by which the user says that each call of the given
 *   function begins the same sequence; values before the position are then pulled and dropped.
 * - Splits: one. Position: the number of values handed out.
 * - Errors: `E_ITERABLE_FAILED` with its cause, behind what came before it.
 */

import { MillraceError } from '../base/errors.js'
import type { Json } from '../base/json.js'
import type { ReadStatus, Source, SourceContext, SourceReader } from './source.js'

/** Options of `fromAsyncIterable`. */
export interface AsyncIterableOptions {
  /** Values pulled before they are asked for. Default 16. */
  readonly ahead?: number
  /** Does each call of the function give the same values in the same order? Default false. */
  readonly replays?: boolean
  /** Does it end? False makes results that are due at the end a build-time error. Default true. */
  readonly bounded?: boolean
}

const AHEAD = 16

/**
 * The values of an async iterable, read by one subtask, no faster than they are needed.
 *
 * @example
 * flow.from(fromAsyncIterable(() => db.query('select * from orders').stream()))
 */
export function fromAsyncIterable<T>(
  iterable: AsyncIterable<T> | (() => AsyncIterable<T>),
  options: AsyncIterableOptions = {},
): Source<T> {
  const { ahead = AHEAD, replays = false, bounded = true } = options
  assertIterable(iterable, ahead, replays)
  const make = typeof iterable === 'function' ? iterable : () => iterable
  return {
    kind: 'fromAsyncIterable',
    label: 'fromAsyncIterable',
    bounded,
    replays,
    pauses: true,
    parallelism: 1,
    concurrentSplits: true,
    settings: { ahead, replays, bounded },
    functions: typeof iterable === 'function' ? [iterable] : [],
    splits: async () => [{ id: 'iterable', data: {} }],
    open: (_split, position, context) =>
      new IterableReader(make, ahead, (position ?? 0) as number, context),
  }
}

class IterableReader<T> implements SourceReader<T> {
  readonly #make: () => AsyncIterable<T>
  readonly #ahead: number
  readonly #context: SourceContext
  #iterator: AsyncIterator<T> | null = null
  #ready: T[] = []
  #pulling = false
  #toDrop: number
  #handedOut: number
  #done = false
  #closed = false
  #failure: MillraceError | null = null

  constructor(
    make: () => AsyncIterable<T>,
    ahead: number,
    position: number,
    context: SourceContext,
  ) {
    this.#make = make
    this.#ahead = ahead
    this.#context = context
    this.#toDrop = this.#handedOut = position
  }

  read(out: T[], max: number): ReadStatus {
    if (this.#closed) return 'end'
    const taken = this.#ready.length <= max ? this.#ready : this.#ready.slice(0, max)
    this.#ready = taken === this.#ready ? [] : this.#ready.slice(max)
    for (const value of taken) out.push(value)
    this.#handedOut += taken.length
    if (!this.#pulling && !this.#done) void this.#pull()
    if (this.#ready.length > 0) return 'more'
    if (this.#failure !== null) throw this.#failure
    if (this.#done) return 'end'
    return taken.length > 0 ? 'more' : 'waiting'
  }

  position(): Json {
    return this.#handedOut
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#ready = []
    // May wait for a pull in flight, and may fail: nobody is left to hear of it.
    Promise.resolve(this.#iterator?.return?.()).catch(() => {})
  }

  async #pull(): Promise<void> {
    this.#pulling = true
    try {
      this.#iterator ??= this.#make()[Symbol.asyncIterator]()
      while (!this.#closed && this.#ready.length < this.#ahead) {
        const { done, value } = await this.#iterator.next()
        if (done === true) {
          this.#done = true
          break
        }
        if (this.#toDrop > 0) this.#toDrop--
        else this.#push(value)
      }
    } catch (cause) {
      this.#done = true
      this.#failure = failed(this.#context.operator, cause)
    } finally {
      this.#pulling = false
      if (!this.#closed) this.#context.wake()
    }
  }

  #push(value: T): void {
    this.#ready.push(value)
    if (this.#ready.length === 1) this.#context.wake()
  }
}

function assertIterable(iterable: unknown, ahead: number, replays: boolean): void {
  if (!Number.isSafeInteger(ahead) || ahead < 1) {
    throw new MillraceError('E_BAD_OPTION', `fromAsyncIterable: expected ahead ≥ 1, saw ${ahead}`)
  }
  if (replays && typeof iterable !== 'function') {
    throw new MillraceError(
      'E_BAD_OPTION',
      'fromAsyncIterable: replays: true needs a function that makes the iterable anew each time',
    )
  }
}

function failed(operator: string, cause: unknown): MillraceError {
  return new MillraceError('E_ITERABLE_FAILED', `${operator}: the iterable failed: ${cause}`, {
    cause,
    details: { operator },
  })
}
