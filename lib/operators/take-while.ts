import { commonOptions, requireSyncFunction } from './arguments.js'
import { cellsOf } from './cells.js'
import { operate } from './operate.js'
import type { OperatorOptions } from './operator.js'
import { SKIP } from './record-error.js'
import { guarded } from './sequence/guarded.js'
import { openSequence, sequenceTraits } from './sequence/sequence.js'
import { keepWhere } from './stateful-filter.js'
import type { Op, Stream, Time } from './stream.js'

/** Options of `takeWhile`. */
export interface TakeWhileOptions extends OperatorOptions {
  /** True: the first record for which `predicate` is false passes, too. Default false. */
  readonly inclusive?: boolean
}

/**
 * Passes records until `predicate` is false for one. As RxJS `takeWhile`: without a key it then ends
 * its stream and asks upstream to stop; behind `keyBy` it finishes the key, which stops nothing.
 * State: one mark per finished key, kept for ever.
 *
 *     takeWhile((bid: Bid) => bid.price < 1_000, { inclusive: true })
 */
export function takeWhile<T, E extends Time, Key>(
  predicate: (record: T) => boolean,
  options: TakeWhileOptions = {},
): Op<Stream<T, E, Key>, Stream<T, E, Key>> {
  requireSyncFunction('takeWhile', 'predicate', predicate)
  const { inclusive = false } = options
  return operate({
    kind: 'takeWhile',
    traits: { ...sequenceTraits, endsStream: true },
    options: commonOptions('takeWhile', options, ['inclusive']),
    settings: { inclusive },
    functions: [predicate],
    open: (context) =>
      openSequence(context, ({ results }) => {
        const finished = cellsOf<true>(context, 'finished')
        const holds = guarded(context, predicate as (record: unknown) => boolean)
        return {
          onRecord(record, key, group, timeMs) {
            if (finished.has(group, key)) return
            const held = holds(record, key)
            if (held === SKIP) return
            if (!held) finished.set(group, key, true)
            if (held || inclusive) results.push(record, key, group, timeMs)
          },
          isDone: () => !context.keyed && finished.size > 0,
        }
      }),
  })
}

/**
 * Drops records until `predicate` is false for one, which passes, as do all that follow; behind `keyBy`
 * for each key. As RxJS `skipWhile`. State: one mark per key, kept for ever.
 *
 *     skipWhile((bid: Bid) => bid.price < 10)
 */
export function skipWhile<T, E extends Time, Key>(
  predicate: (record: T) => boolean,
  options: OperatorOptions = {},
): Op<Stream<T, E, Key>, Stream<T, E, Key>> {
  requireSyncFunction('skipWhile', 'predicate', predicate)
  return operate({
    kind: 'skipWhile',
    traits: sequenceTraits,
    options: commonOptions('skipWhile', options),
    settings: {},
    functions: [predicate],
    open(context) {
      const passing = cellsOf<true>(context, 'passing')
      const holds = guarded(context, predicate as (record: unknown) => boolean)
      return keepWhere(context, (record, key, group) => {
        if (passing.has(group, key)) return true
        const held = holds(record, key)
        if (held === SKIP || held) return false
        passing.set(group, key, true)
        return true
      })
    },
  })
}
