import { commonOptions, requireCount } from './arguments.js'
import { HeldRecords, HoldLimit } from './combine/held.js'
import { operate } from './operate.js'
import type { OperatorOptions } from './operator.js'
import { openSequence, sequenceTraits } from './sequence/sequence.js'
import type { Op, Stream, Time } from './stream.js'

/**
 * The last `count` records, when the stream ends; behind `keyBy`, of each key. As RxJS `takeLast`.
 * Keeps key and time. State: `count` records per key.
 *
 *     takeLast(10)
 */
export function takeLast<T, E extends Time, Key>(
  count: number,
  options: OperatorOptions = {},
): Op<Stream<T, E, Key>, Stream<T, E, Key>> {
  requireCount('takeLast', 'count', count, 0)
  return operate({
    kind: 'takeLast',
    traits: { ...sequenceTraits, speaksAtEnd: true },
    options: commonOptions('takeLast', options),
    settings: { count },
    functions: [],
    open: (context) =>
      openSequence(context, ({ results }) => {
        const held = new HeldRecords(
          context,
          'held',
          new HoldLimit(context, Number.MAX_SAFE_INTEGER),
        )
        return {
          onRecord(record, key, group, timeMs) {
            if (count === 0) return
            held.push(record, key, group, timeMs)
            if (held.length(key, group) > count) held.dropFirst(key, group)
          },
          isDone: () => count === 0 && !context.keyed,
          onEnd: () => () => {
            held.moveTo(results)
            return held.keys === 0
          },
        }
      }),
  })
}

/**
 * Holds the last `count` records back: a record passes when `count` more have come; behind `keyBy`, of
 * its key. As RxJS `skipLast`. Keeps key and time. State: `count` records per key.
 *
 *     skipLast(1)
 */
export function skipLast<T, E extends Time, Key>(
  count: number,
  options: OperatorOptions = {},
): Op<Stream<T, E, Key>, Stream<T, E, Key>> {
  requireCount('skipLast', 'count', count, 0)
  return operate({
    kind: 'skipLast',
    traits: sequenceTraits,
    options: commonOptions('skipLast', options),
    settings: { count },
    functions: [],
    open: (context) =>
      openSequence(context, ({ results }) => {
        const held = new HeldRecords(
          context,
          'held',
          new HoldLimit(context, Number.MAX_SAFE_INTEGER),
        )
        return {
          onRecord(record, key, group, timeMs) {
            held.push(record, key, group, timeMs)
            if (held.length(key, group) <= count) return
            results.push(held.first(key, group), key, group, held.firstTime(key, group))
            held.dropFirst(key, group)
          },
        }
      }),
  })
}
