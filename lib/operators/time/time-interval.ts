import { commonOptions } from '../arguments.js'
import { cellsOf } from '../cells.js'
import { operate } from '../operate.js'
import type { OperatorOptions } from '../operator.js'
import { openSequence, sequenceTraits } from '../sequence/sequence.js'
import type { Op, Stream, Time } from '../stream.js'

/** A record with the processing time, in ms, since the one before. */
export interface TimeInterval<T> {
  readonly value: T
  readonly interval: number
}

/** A record with the wall time, in ms since 1970, at which it came here. */
export interface Timestamped<T> {
  readonly value: T
  readonly timestamp: number
}

/**
 * Each record with the ms of processing time since the one before, the first since the beginning of
 * the stream; behind `keyBy` since the one before of its key, the first with 0. As RxJS
 * `timeInterval`. Keeps key and event time. State: one number per key.
 *
 *     timeInterval()
 */
export function timeInterval<T, E extends Time, Key>(
  options: OperatorOptions = {},
): Op<Stream<T, E, Key>, Stream<TimeInterval<T>, E, Key>> {
  return operate({
    kind: 'timeInterval',
    traits: sequenceTraits,
    options: commonOptions('timeInterval', options),
    settings: {},
    functions: [],
    open: (context) =>
      openSequence(context, ({ results, nowMs }) => {
        const last = cellsOf<number>(context, 'last')
        return {
          onBegin() {
            if (!context.keyed) last.set(0, undefined, nowMs())
            return null
          },
          onRecord(value, key, group, timeMs) {
            const atMs = nowMs()
            const interval = atMs - (last.get(group, key) ?? atMs)
            last.set(group, key, atMs)
            results.push({ value, interval }, key, group, timeMs)
          },
        }
      }),
  })
}

/**
 * Each record with the wall time at which it came here. As RxJS `timestamp`; to give records their
 * event time, see `timestamps`. Keeps key and event time, and no state.
 *
 *     timestamp()
 */
export function timestamp<T, E extends Time, Key>(
  options: OperatorOptions = {},
): Op<Stream<T, E, Key>, Stream<Timestamped<T>, E, Key>> {
  return operate({
    kind: 'timestamp',
    traits: { ...sequenceTraits, stateful: false, orderSensitive: false },
    options: commonOptions('timestamp', options),
    settings: {},
    functions: [],
    open: (context) =>
      openSequence(context, ({ results, nowMs }) => ({
        onRecord: (value, key, group, timeMs) =>
          results.push({ value, timestamp: nowMs() }, key, group, timeMs),
      })),
  })
}
