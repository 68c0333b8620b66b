import { commonOptions } from '../arguments.js'
import type { OperatorDefinition, OperatorOptions } from '../operator.js'
import type { AnyStream, Op, Stream, Time } from '../stream.js'
import { combinedTraits, combineWith } from './attach-all.js'
import { type Combiner, type Combining, combine } from './combiner.js'
import type { CoKeyed, KeyOf, RecordsOf } from './inputs.js'
import { Latest } from './latest.js'

/**
 * Each record with the latest records of the other streams, once all of them have given one; earlier
 * records are dropped. As RxJS `withLatestFrom`, without a result selector; it ends with its first
 * stream.
 *
 * Without keys it depends on the order in which records of different streams arrive, and runs at
 * parallelism 1; with keys on all streams it means the latest of the same key. Keeps the time of its
 * records. State: one record per other stream and key, kept for ever.
 *
 *     withLatestFrom(words)
 *     withLatestFrom([words, alerts], { name: 'with words' })
 */
export function withLatestFrom<T, E extends Time, Key, const S extends readonly AnyStream[]>(
  streams: S,
  options?: OperatorOptions,
): WithLatestFrom<T, E, Key, S>
export function withLatestFrom<T, E extends Time, Key, const S extends readonly AnyStream[]>(
  ...streams: S
): WithLatestFrom<T, E, Key, S>
export function withLatestFrom(...given: readonly unknown[]): Op<AnyStream, AnyStream> {
  return combineWith('withLatestFrom', given, definition)
}

type WithLatestFrom<T, E extends Time, Key, S extends readonly AnyStream[]> = Op<
  Stream<T, E, Key> & CoKeyed<Key | KeyOf<S[number]>>,
  Stream<[T, ...RecordsOf<S>], E, Key>
>

function definition(kind: string, inputs: number, options: OperatorOptions): OperatorDefinition {
  return {
    kind,
    traits: { ...combinedTraits(inputs, 'first'), timeOf: 'first' },
    options: commonOptions(kind, options),
    settings: {},
    functions: [],
    open: (context) => combine(context, inputs, (combining) => withLatest(combining, inputs)),
  }
}

function withLatest({ context, results, ended }: Combining, inputs: number): Combiner {
  const latest = Array.from({ length: inputs }, (_, i) =>
    i === 0 ? null : new Latest(context, `input ${i}`),
  )
  return {
    onRecord(input, record, key, group, time) {
      const own = latest[input]!
      if (own !== null) {
        own.set(record, key, group, time)
        return
      }
      const tuple = new Array<unknown>(inputs)
      tuple[0] = record
      for (let i = 1; i < inputs; i++) {
        const other = latest[i]!
        if (!other.has(key, group)) return
        tuple[i] = other.record(key, group)
      }
      results.push(tuple, key, group, time)
    },
    isDone: () => ended[0]!,
  }
}
