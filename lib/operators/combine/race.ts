import { commonOptions } from '../arguments.js'
import { cellsOf } from '../cells.js'
import type { OperatorDefinition, OperatorOptions } from '../operator.js'
import type { AnyStream, Op, Stream, Time } from '../stream.js'
import { combineAll, combinedTraits, combineWith } from './attach-all.js'
import { type Combiner, type Combining, combine } from './combiner.js'
import type { CoKeyed, Combined, CommonTime, KeyOf, RecordOf, Streams, TimeOf } from './inputs.js'

/**
 * The records of the stream that is first to give one; those of the others are dropped. As RxJS
 * `race`: a stream that ends before any has given a record wins too, and nothing comes out.
 *
 * Without keys it depends on which stream arrives first, and runs at parallelism 1; it ends with the
 * winner. With keys on all streams each key has its own winner. The losers are read on, as no operator
 * stops reading an input of its own accord. State: one number per key, kept for ever.
 *
 * @example race(flow.from(lines('here.txt')), flow.from(lines('there.txt'))).to(print())
 */
export function race<const S extends Streams>(
  streams: S,
  options?: OperatorOptions,
): Combined<S[number], RecordOf<S[number]>>
export function race<const S extends Streams>(
  ...streams: S
): Combined<S[number], RecordOf<S[number]>>
export function race(...given: readonly unknown[]): unknown {
  return combineAll('race', given, definition)
}

/**
 * `race` within a pipe: the stream before it takes part.
 *
 *     raceWith(words)
 */
export function raceWith<T, E extends Time, Key, const S extends readonly AnyStream[]>(
  streams: S,
  options?: OperatorOptions,
): RaceWith<T, E, Key, S>
export function raceWith<T, E extends Time, Key, const S extends readonly AnyStream[]>(
  ...streams: S
): RaceWith<T, E, Key, S>
export function raceWith(...given: readonly unknown[]): Op<AnyStream, AnyStream> {
  return combineWith('raceWith', given, definition)
}

type RaceWith<T, E extends Time, Key, S extends readonly AnyStream[]> = Op<
  Stream<T, E, Key> & CoKeyed<Key | KeyOf<S[number]>>,
  Stream<T | RecordOf<S[number]>, CommonTime<E | TimeOf<S[number]>>, Key>
>

function definition(kind: string, inputs: number, options: OperatorOptions): OperatorDefinition {
  return {
    kind,
    traits: combinedTraits(inputs),
    options: commonOptions(kind, options),
    settings: {},
    functions: [],
    open: (context) => combine(context, inputs, firstToSpeak),
  }
}

function firstToSpeak({ context, results, ended }: Combining): Combiner {
  const winners = cellsOf<number>(context, 'winner')
  return {
    onRecord(input, record, key, group, time) {
      let winner = winners.get(group, key)
      if (winner === undefined) {
        // The one that has ended has won already.
        if (ended.includes(true)) return
        winner = input
        winners.set(group, key, input)
      }
      if (winner === input) results.push(record, key, group, time)
    },
    /** With keys, others may still be on their way to their winners. */
    isDone() {
      if (!ended.includes(true)) return false
      if (context.keyed) return winners.size === 0
      const winner = winners.get(0, undefined)
      return winner === undefined || ended[winner]!
    },
  }
}
