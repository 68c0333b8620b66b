import { commonOptions } from '../arguments.js'
import type { OperatorDefinition } from '../operator.js'
import type { AnyStream, Op, Stream, Time } from '../stream.js'
import { combineAll, combinedTraits, combineWith } from './attach-all.js'
import { type Combiner, type Combining, combine } from './combiner.js'
import { type BufferOptions, bufferMaxOf, type HeldRecords, heldByInput } from './held.js'
import type { CoKeyed, Combined, CommonTime, KeyOf, RecordsOf, Streams, TimeOf } from './inputs.js'

/**
 * Combines the first records of all streams, then the second, and so on, as tuples. As RxJS `zip`,
 * without a result selector; it ends when a stream has ended of which nothing is held.
 *
 * Without keys it depends on the order of whole streams and runs at parallelism 1; with keys on all
 * streams it zips per key. A tuple's time is the latest of its records'. State: the records that wait
 * for their partners, at most `bufferMax` (1,000,000) per subtask, then E_BUFFER_FULL: unlike RxJS,
 * which holds without limit.
 *
 * @example
 * const pairs = collect<[string, number]>()
 * await runTest(
 *   pipeline('pairs', (flow) => zip(flow.from(['a', 'b', 'c']), flow.from([1, 2])).to(pairs)),
 * )
 * pairs.records // [['a', 1], ['b', 2]]
 */
export function zip<const S extends Streams>(
  streams: S,
  options?: BufferOptions,
): Combined<S[number], RecordsOf<S>>
export function zip<const S extends Streams>(...streams: S): Combined<S[number], RecordsOf<S>>
export function zip(...given: readonly unknown[]): unknown {
  return combineAll('zip', given, definition)
}

/**
 * `zip` within a pipe: the stream before it is the first.
 *
 *     zipWith(words)
 *     zipWith([words, alerts], { bufferMax: 10_000 })
 */
export function zipWith<T, E extends Time, Key, const S extends readonly AnyStream[]>(
  streams: S,
  options?: BufferOptions,
): ZipWith<T, E, Key, S>
export function zipWith<T, E extends Time, Key, const S extends readonly AnyStream[]>(
  ...streams: S
): ZipWith<T, E, Key, S>
export function zipWith(...given: readonly unknown[]): Op<AnyStream, AnyStream> {
  return combineWith('zipWith', given, definition)
}

type ZipWith<T, E extends Time, Key, S extends readonly AnyStream[]> = Op<
  Stream<T, E, Key> & CoKeyed<Key | KeyOf<S[number]>>,
  Stream<[T, ...RecordsOf<S>], CommonTime<E | TimeOf<S[number]>>, Key>
>

function definition(kind: string, inputs: number, options: BufferOptions): OperatorDefinition {
  const bufferMax = bufferMaxOf(kind, options)
  return {
    kind,
    traits: combinedTraits(inputs, 'any'),
    options: commonOptions(kind, options, ['bufferMax']),
    settings: { bufferMax },
    functions: [],
    open: (context) =>
      combine(context, inputs, (combining) => new Zipper(combining, inputs, bufferMax)),
  }
}

class Zipper implements Combiner {
  readonly #combining: Combining
  readonly #held: readonly HeldRecords[]

  constructor(combining: Combining, inputs: number, bufferMax: number) {
    this.#combining = combining
    this.#held = heldByInput(combining.context, inputs, bufferMax)
  }

  onRecord(input: number, record: unknown, key: unknown, group: number, time: number): void {
    const held = this.#held
    let waits = false
    for (let other = 0; other < held.length; other++) {
      if (other === input || held[other]!.has(key, group)) continue
      // Nothing comes that it could go with.
      if (this.#combining.ended[other]) return
      waits = true
    }
    if (waits) held[input]!.push(record, key, group, time)
    else this.#give(input, record, key, group, time)
  }

  /** Every other input holds one. */
  #give(input: number, record: unknown, key: unknown, group: number, time: number): void {
    const held = this.#held
    const tuple = new Array<unknown>(held.length)
    let latest = time
    for (let other = 0; other < held.length; other++) {
      const queue = held[other]!
      if (other === input) tuple[other] = record
      else {
        tuple[other] = queue.first(key, group)
        latest = Math.max(latest, queue.firstTime(key, group))
        queue.dropFirst(key, group)
      }
    }
    this.#combining.results.push(tuple, key, group, latest)
  }

  /** An input has ended and nothing of it is held. */
  isDone(): boolean {
    return this.#combining.ended.some((ended, input) => ended && this.#held[input]!.keys === 0)
  }
}
