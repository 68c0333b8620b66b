/**
 * `fromObservable`: any Observable as a source.
 *
 * - Guarantee: none. An Observable can neither replay nor pause, so what it sends while nobody takes
 *   it is kept in a buffer whose `capacity` must be named, as must what happens when that is full.
 * - Splits: one, subscribed once, by the first read, in the thread of its subtask. Position: none.
 * - After a failure the job fails too, unless `onRestart: 'resubscribe'`.
 * - Errors: `E_OBSERVABLE_OVERFLOW` at once; `E_OBSERVABLE_FAILED` behind what came before it.
 *
 * A synchronous Observable sends everything in one go: use `collection`, or a capacity to match.
 */

import type { Observable } from 'rxjs'
import { MillraceError } from '../base/errors.js'
import type { Json } from '../base/json.js'
import type { ReadStatus, Source, SourceContext, SourceReader } from './source.js'

/** Options of `fromObservable`: an Observable cannot be kept waiting. */
export interface ObservableOptions {
  /** Values kept while the pipeline is held up. */
  readonly capacity: number
  /** When that many are kept and one more comes: fail, or drop the oldest or the new one. */
  readonly overflow: 'fail' | 'dropOldest' | 'dropNewest'
  /** After a failure: fail the job (default), or subscribe anew; what was sent meanwhile is lost. */
  readonly onRestart?: 'fail' | 'resubscribe'
  /** Does it complete? False makes results that are due at the end a build-time error. Default true. */
  readonly bounded?: boolean
}

/**
 * What an Observable emits, subscribed to once.
 *
 * @example
 * flow.from(fromObservable(clicks$, { capacity: 10_000, overflow: 'dropOldest' }))
 */
export function fromObservable<T>(
  observable: Observable<T> | (() => Observable<T>),
  options: ObservableOptions,
): Source<T> {
  assertCapacity(options)
  const make = typeof observable === 'function' ? observable : () => observable
  return {
    kind: 'fromObservable',
    label: 'fromObservable',
    bounded: options.bounded ?? true,
    replays: false,
    resubscribes: options.onRestart === 'resubscribe',
    pauses: false,
    parallelism: 1,
    concurrentSplits: true,
    settings: { ...options },
    functions: typeof observable === 'function' ? [observable] : [],
    splits: async () => [{ id: 'observable', data: {} }],
    open: (_split, _position, context) => new ObservableReader(make, options, context),
  }
}

class ObservableReader<T> implements SourceReader<T> {
  readonly #make: () => Observable<T>
  readonly #options: ObservableOptions
  readonly #context: SourceContext
  /** A ring: `#count` values from `#first` on. Slots are made as they are first used. */
  readonly #ring: (T | undefined)[] = []
  #first = 0
  #count = 0
  #subscription: { unsubscribe(): void } | null = null
  #subscribed = false
  #done = false
  #failure: MillraceError | null = null

  constructor(make: () => Observable<T>, options: ObservableOptions, context: SourceContext) {
    this.#make = make
    this.#options = options
    this.#context = context
  }

  read(out: T[], max: number): ReadStatus {
    if (!this.#subscribed) this.#subscribe()
    const taken = Math.min(max, this.#count)
    for (let i = 0; i < taken; i++) out.push(this.#shift())
    if (this.#count > 0) return 'more'
    if (this.#failure !== null) throw this.#failure
    if (this.#done) return 'end'
    return taken > 0 ? 'more' : 'waiting'
  }

  position(): Json {
    return null
  }

  close(): void {
    this.#subscribed = true
    this.#done = true
    this.#count = 0
    this.#ring.length = 0
    this.#subscription?.unsubscribe()
    this.#subscription = null
  }

  #subscribe(): void {
    this.#subscribed = true
    const subscription = this.#make().subscribe({
      next: (value) => this.#take(value),
      error: (cause) => this.#end(failed(this.#context.operator, cause)),
      complete: () => this.#end(null),
    })
    if (this.#done) subscription.unsubscribe()
    else this.#subscription = subscription
  }

  #take(value: T): void {
    if (this.#done) return
    const { capacity, overflow } = this.#options
    if (this.#count === capacity) {
      if (overflow === 'dropNewest') return
      if (overflow === 'fail') {
        this.#overflow()
        return
      }
      this.#shift()
    }
    this.#ring[(this.#first + this.#count) % capacity] = value
    this.#count++
    this.#context.wake()
  }

  #shift(): T {
    const value = this.#ring[this.#first] as T
    this.#ring[this.#first] = undefined
    this.#first = (this.#first + 1) % this.#options.capacity
    this.#count--
    return value
  }

  #overflow(): void {
    const { operator } = this.#context
    const { capacity } = this.#options
    this.close()
    this.#failure = new MillraceError(
      'E_OBSERVABLE_OVERFLOW',
      `${operator}: the Observable sent a value while all ${capacity} places of its buffer were ` +
        'taken; raise capacity, make the pipeline faster, or choose overflow: dropOldest | dropNewest',
      { details: { operator, capacity } },
    )
    this.#context.fail(this.#failure)
  }

  #end(failure: MillraceError | null): void {
    if (this.#done) return
    this.#done = true
    this.#failure = failure
    this.#context.wake()
  }
}

function assertCapacity(options: ObservableOptions | undefined): void {
  const { capacity, overflow } = options ?? {}
  const isNamed = overflow === 'fail' || overflow === 'dropOldest' || overflow === 'dropNewest'
  if (isNamed && Number.isSafeInteger(capacity) && capacity! >= 1) return
  throw new MillraceError(
    'E_BAD_OPTION',
    'fromObservable: expected { capacity: 1 or more, overflow: fail | dropOldest | dropNewest }, ' +
      `saw { capacity: ${capacity}, overflow: ${overflow} }; an Observable cannot be paused`,
  )
}

function failed(operator: string, cause: unknown): MillraceError {
  return new MillraceError('E_OBSERVABLE_FAILED', `${operator}: the Observable failed: ${cause}`, {
    cause,
    details: { operator },
  })
}
