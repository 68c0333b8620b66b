import { commonOptions } from '../arguments.js'
import type { OperatorContext, OperatorDefinition, OperatorOptions } from '../operator.js'
import type { AnyStream, Op, Stream, Time } from '../stream.js'
import { combineAll, combinedTraits, combineWith } from './attach-all.js'
import { type Combiner, combine } from './combiner.js'
import type { CoKeyed, Combined, CommonTime, KeyOf, RecordsOf, Streams, TimeOf } from './inputs.js'
import { Latest } from './latest.js'
import type { Results } from './results.js'

/**
 * At every record of any stream, the latest records of all as a tuple, once each has given one. As
 * RxJS `combineLatest` of an array; it ends when all have ended.
 *
 * Without keys it depends on the order in which records of different streams arrive, and runs at
 * parallelism 1; with keys on all streams it combines per key. A tuple's time is the latest of its
 * records'. State: one record per stream and key, kept for ever.
 *
 * @example
 * const both = collect<[string, number]>()
 * await runTest(
 *   pipeline('both', (flow) => combineLatest([flow.from(['a']), flow.from([1])]).to(both)),
 * )
 * both.records // [['a', 1]]
 */
export function combineLatest<const S extends Streams>(
  streams: S,
  options?: OperatorOptions,
): Combined<S[number], RecordsOf<S>>
export function combineLatest<const S extends Streams>(
  ...streams: S
): Combined<S[number], RecordsOf<S>>
export function combineLatest(...given: readonly unknown[]): unknown {
  return combineAll('combineLatest', given, definition)
}

/**
 * `combineLatest` within a pipe: the stream before it is the first.
 *
 *     combineLatestWith(words)
 *     combineLatestWith([words, alerts], { name: 'state of things' })
 */
export function combineLatestWith<T, E extends Time, Key, const S extends readonly AnyStream[]>(
  streams: S,
  options?: OperatorOptions,
): CombineLatestWith<T, E, Key, S>
export function combineLatestWith<T, E extends Time, Key, const S extends readonly AnyStream[]>(
  ...streams: S
): CombineLatestWith<T, E, Key, S>
export function combineLatestWith(...given: readonly unknown[]): Op<AnyStream, AnyStream> {
  return combineWith('combineLatestWith', given, definition)
}

type CombineLatestWith<T, E extends Time, Key, S extends readonly AnyStream[]> = Op<
  Stream<T, E, Key> & CoKeyed<Key | KeyOf<S[number]>>,
  Stream<[T, ...RecordsOf<S>], CommonTime<E | TimeOf<S[number]>>, Key>
>

function definition(kind: string, inputs: number, options: OperatorOptions): OperatorDefinition {
  return {
    kind,
    traits: combinedTraits(inputs),
    options: commonOptions(kind, options),
    settings: {},
    functions: [],
    open: (context) =>
      combine(context, inputs, ({ results }) => latestOfAll(context, inputs, results)),
  }
}

function latestOfAll(context: OperatorContext, inputs: number, results: Results): Combiner {
  const latest = Array.from({ length: inputs }, (_, i) => new Latest(context, `input ${i}`))
  return {
    onRecord(input, record, key, group, time) {
      latest[input]!.set(record, key, group, time)
      const tuple = new Array<unknown>(inputs)
      let latestTime = time
      for (let i = 0; i < inputs; i++) {
        if (!latest[i]!.has(key, group)) return
        tuple[i] = latest[i]!.record(key, group)
        latestTime = Math.max(latestTime, latest[i]!.time(key, group))
      }
      results.push(tuple, key, group, latestTime)
    },
    isDone: () => false,
  }
}
