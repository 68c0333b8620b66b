import { commonOptions, requireCount } from './arguments.js'
import { HeldRecords, HoldLimit } from './combine/held.js'
import { NO_TIME } from './combine/results.js'
import { operate } from './operate.js'
import type { OperatorContext, OperatorOptions } from './operator.js'
import { delayingTraits, endingTraits, openSequence } from './sequence/sequence.js'
import type { Op, Stream, Time } from './stream.js'

/**
 * The last `count` records, when the stream ends; behind `keyBy`, of each key. As RxJS `takeLast`.
 * Keeps the key. Event time ends here, for the
 * watermark has gone on meanwhile: give it anew with `timestamps`. State: `count` records per key.
 *
 *     takeLast(10)
 */
export function takeLast<T, E extends Time, Key>(
  count: number,
  options: OperatorOptions = {},
): Op<Stream<T, E, Key>, Stream<T, 'untimed', Key>> {
  requireCount('takeLast', 'count', count, 0)
  return operate({
    kind: 'takeLast',
    traits: endingTraits,
    options: commonOptions('takeLast', options),
    settings: { count },
    functions: [],
    open: (context) =>
      openSequence(context, ({ results }) => {
        const held = lastOf(context)
        return {
          onRecord(record, key, group) {
            if (count === 0) return
            held.push(record, key, group, NO_TIME)
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
 * its key. As RxJS `skipLast`. Keeps the key. Event time ends here, for the
 * watermark has gone on meanwhile: give it anew with `timestamps`. State: `count` records per key.
 *
 *     skipLast(1)
 */
export function skipLast<T, E extends Time, Key>(
  count: number,
  options: OperatorOptions = {},
): Op<Stream<T, E, Key>, Stream<T, 'untimed', Key>> {
  requireCount('skipLast', 'count', count, 0)
  return operate({
    kind: 'skipLast',
    traits: delayingTraits,
    options: commonOptions('skipLast', options),
    settings: { count },
    functions: [],
    open: (context) =>
      openSequence(context, ({ results }) => {
        const held = lastOf(context)
        return {
          onRecord(record, key, group) {
            held.push(record, key, group, NO_TIME)
            if (held.length(key, group) <= count) return
            results.push(held.first(key, group), key, group, NO_TIME)
            held.dropFirst(key, group)
          },
        }
      }),
  })
}

/** The last records of each key: `count` bounds them, so that no limit is needed. */
const lastOf = (context: OperatorContext): HeldRecords =>
  new HeldRecords(context, 'held', new HoldLimit(context, Number.MAX_SAFE_INTEGER))
