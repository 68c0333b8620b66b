import { commonOptions } from '../arguments.js'
import type { OperatorDefinition } from '../operator.js'
import type { Batch } from '../signal.js'
import type { AnyStream, Op, Stream, Time } from '../stream.js'
import { combineAll, combinedTraits, combineWith } from './attach-all.js'
import { type Combiner, type Combining, combine } from './combiner.js'
import { type BufferOptions, bufferMaxOf, type HeldRecords, heldByInput } from './held.js'
import type { CoKeyed, Combined, CommonTime, KeyOf, RecordOf, Streams, TimeOf } from './inputs.js'
import { Results } from './results.js'

/**
 * All records of the first stream, then all of the second, and so on. As RxJS `concat`, except that all
 * streams run from the beginning, so nothing of a later one is lost: what comes of it early is held.
 * With `bufferMax` (1,000,000) records held in a subtask one more is E_BUFFER_FULL. To read long files one after the other,
 * name them all in one source.
 *
 * Without keys it runs at parallelism 1; with keys on all streams it keeps this order per key. A later
 * stream speaks only when all before it have ended, so that is where an endless stream may stand.
 * Keeps keys and times; while records are held, the watermark waits with them. State: the records held.
 *
 * @example
 * const all = collect<string>()
 * await runTest(
 *   pipeline('all', (flow) => concat(flow.from(['a', 'b']), flow.from(['c'])).to(all)),
 * )
 * all.records // ['a', 'b', 'c']
 */
export function concat<const S extends Streams>(
  streams: S,
  options?: BufferOptions,
): Combined<S[number], RecordOf<S[number]>>
export function concat<const S extends Streams>(
  ...streams: S
): Combined<S[number], RecordOf<S[number]>>
export function concat(...given: readonly unknown[]): unknown {
  return combineAll('concat', given, definition)
}

/**
 * `concat` within a pipe: the stream before it is the first.
 *
 *     concatWith(words)
 *     concatWith([words, alerts], { bufferMax: 10_000 })
 */
export function concatWith<T, E extends Time, Key, const S extends readonly AnyStream[]>(
  streams: S,
  options?: BufferOptions,
): ConcatWith<T, E, Key, S>
export function concatWith<T, E extends Time, Key, const S extends readonly AnyStream[]>(
  ...streams: S
): ConcatWith<T, E, Key, S>
export function concatWith(...given: readonly unknown[]): Op<AnyStream, AnyStream> {
  return combineWith('concatWith', given, definition)
}

type ConcatWith<T, E extends Time, Key, S extends readonly AnyStream[]> = Op<
  Stream<T, E, Key> & CoKeyed<Key | KeyOf<S[number]>>,
  Stream<T | RecordOf<S[number]>, CommonTime<E | TimeOf<S[number]>>, Key>
>

function definition(kind: string, inputs: number, options: BufferOptions): OperatorDefinition {
  const bufferMax = bufferMaxOf(kind, options)
  return {
    kind,
    traits: combinedTraits(inputs),
    options: commonOptions(kind, options, ['bufferMax']),
    settings: { bufferMax },
    functions: [],
    open: (context) =>
      combine(context, inputs, (combining) => new InOrder(combining, inputs, bufferMax)),
  }
}

class InOrder implements Combiner {
  readonly #combining: Combining
  /** By input; the first never waits. */
  readonly #held: readonly HeldRecords[]
  /** The input whose turn it is: the first that has not ended and been let out. */
  #turn = 0
  #lastTimeMs = Number.NEGATIVE_INFINITY

  constructor(combining: Combining, inputs: number, bufferMax: number) {
    this.#combining = combining
    this.#held = heldByInput(combining.context, inputs, bufferMax)
  }

  onRecord(input: number, record: unknown, key: unknown, group: number, time: number): void {
    if (input === this.#turn) this.#combining.results.push(record, key, group, time)
    else this.#held[input]!.push(record, key, group, time)
  }

  /** The turn passes on over all that have ended; what they and the next one hold comes out. */
  onEnded(input: number): (() => Batch | null) | null {
    if (input !== this.#turn) return null
    const { ended, context } = this.#combining
    const results = new Results(context.keyed)
    return () => {
      while (results.room > 0) {
        if (this.#turn < ended.length && this.#held[this.#turn]!.keys > 0) {
          this.#held[this.#turn]!.moveTo(results)
        } else if (ended[this.#turn]) this.#turn += 1
        else break
      }
      return results.take()
    }
  }

  isDone(): boolean {
    return false
  }

  passedTime(timeMs: number): number {
    if (this.#held.every((held) => held.keys === 0)) this.#lastTimeMs = timeMs
    return this.#lastTimeMs
  }
}
