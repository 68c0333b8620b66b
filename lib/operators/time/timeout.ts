import { type Duration, durationMs } from '../../base/duration.js'
import { MillraceError } from '../../base/errors.js'
import { commonOptions } from '../arguments.js'
import { cellsOf } from '../cells.js'
import { operate } from '../operate.js'
import type { OperatorOptions } from '../operator.js'
import {
  openSequence,
  type Sequence,
  type Sequencing,
  sequenceTraits,
} from '../sequence/sequence.js'
import type { Op, Stream, Time } from '../stream.js'

/** How long may pass without a record. */
export interface TimeoutOptions extends OperatorOptions {
  /** Until the first record, from the beginning of the stream. Default: as `each`. */
  readonly first?: Duration
  /** From one record to the next. Default: no limit. */
  readonly each?: Duration
}

/**
 * Fails the job, E_TIMEOUT, where no record comes for too long of processing time. As RxJS `timeout`;
 * behind `keyBy` `each` counts from one record of a key to its next, and `first` means nothing, for a
 * key begins with its first record. To give something else instead of failing, merge with a stream of
 * timers made by `process`. Keeps key and event time. State: one timer per key.
 *
 *     timeout({ first: '30s', each: '5s' })
 *
 * @throws MillraceError `E_TIMEOUT`, as the failure of the job.
 */
export function timeout<T, E extends Time, Key>(
  limits: Duration | TimeoutOptions,
  options: OperatorOptions = {},
): Op<Stream<T, E, Key>, Stream<T, E, Key>> {
  const given = typeof limits === 'object' ? limits : { ...options, each: limits }
  const eachMs = given.each === undefined ? null : durationMs(given.each, 'timeout: each', 0)
  const firstMs = given.first === undefined ? eachMs : durationMs(given.first, 'timeout: first', 0)
  return operate({
    kind: 'timeout',
    traits: sequenceTraits,
    options: commonOptions('timeout', { ...options, ...given }, ['first', 'each']),
    settings: { firstMs, eachMs },
    functions: [],
    open: (context) => openSequence(context, (sequencing) => watched(sequencing, firstMs, eachMs)),
  })
}

function watched(
  { context, results, timers, nowMs }: Sequencing,
  firstMs: number | null,
  eachMs: number | null,
): Sequence {
  const due = cellsOf<number>(context, 'due')

  function expect(key: unknown, group: number, ms: number | null): void {
    const before = due.get(group, key)
    if (before !== undefined) timers.delete(group, key, before)
    due.delete(group, key)
    if (ms === null) return
    due.set(group, key, nowMs() + ms)
    timers.register(group, key, nowMs() + ms)
  }

  return {
    onBegin() {
      if (!context.keyed) expect(undefined, 0, firstMs)
      return null
    },
    onRecord(record, key, group, timeMs) {
      expect(key, group, eachMs)
      results.push(record, key, group, timeMs)
    },
    onTimer({ key }) {
      const where = context.keyed ? ` of key ${String(key)}` : ''
      throw new MillraceError(
        'E_TIMEOUT',
        `operator "${context.operator}": no record${where} has come in time; raise the limit, or see why its input is silent`,
        { details: { operator: context.operator }, retryable: true },
      )
    },
  }
}
