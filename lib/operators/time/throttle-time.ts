import { type Duration, durationMs } from '../../base/duration.js'
import { commonOptions } from '../arguments.js'
import { cellsOf } from '../cells.js'
import { NO_TIME } from '../combine/results.js'
import { operate } from '../operate.js'
import type { OperatorOptions } from '../operator.js'
import {
  delayingTraits,
  openSequence,
  type Sequence,
  type Sequencing,
} from '../sequence/sequence.js'
import type { Op, Stream, Time } from '../stream.js'

/** Options of `throttleTime`. */
export interface ThrottleTimeOptions extends OperatorOptions {
  /** The first record passes at once. Default true. */
  readonly leading?: boolean
  /** The last record of each span passes at its end. Default false. */
  readonly trailing?: boolean
}

/**
 * Passes a record, then none for `duration` of processing time; behind `keyBy`, for each key. As RxJS
 * `throttleTime`, with `leading` and `trailing`; the end waits for a trailing record. Keeps
 * the key. Event time ends here, for the watermark has gone on meanwhile: give it anew with
 * `timestamps`. State: at most one record and one timer per key whose span runs.
 *
 *     throttleTime('1s', { trailing: true })
 */
export function throttleTime<T, E extends Time, Key>(
  duration: Duration,
  options: ThrottleTimeOptions = {},
): Op<Stream<T, E, Key>, Stream<T, 'untimed', Key>> {
  const ms = durationMs(duration, 'throttleTime: duration', 0)
  const { leading = true, trailing = false } = options
  return operate({
    kind: 'throttleTime',
    traits: delayingTraits,
    options: commonOptions('throttleTime', options, ['leading', 'trailing']),
    settings: { ms, leading, trailing },
    functions: [],
    open: (context) =>
      openSequence(context, (sequencing) => throttled(sequencing, { ms, leading, trailing })),
  })
}

/**
 * Passes the latest record once `duration` of processing time has gone by since the first that came;
 * behind `keyBy`, for each key. As RxJS `auditTime`; the end waits for the record that is
 * due. Keeps the key. Event time ends here, for the watermark has gone on meanwhile: give it anew with
 * `timestamps`. State: one record and one timer per key whose span runs.
 *
 *     auditTime('1s')
 */
export function auditTime<T, E extends Time, Key>(
  duration: Duration,
  options: OperatorOptions = {},
): Op<Stream<T, E, Key>, Stream<T, 'untimed', Key>> {
  const ms = durationMs(duration, 'auditTime: duration', 0)
  return operate({
    kind: 'auditTime',
    traits: delayingTraits,
    options: commonOptions('auditTime', options),
    settings: { ms },
    functions: [],
    open: (context) => openSequence(context, (sequencing) => audited(sequencing, ms)),
  })
}

interface Latest {
  readonly record: unknown
}

interface Span {
  readonly ms: number
  readonly leading: boolean
  readonly trailing: boolean
}

function throttled(
  { context, results, timers, nowMs }: Sequencing,
  { ms, leading, trailing }: Span,
): Sequence {
  /** While a key's span runs: what passes at its end, or null. */
  const spans = cellsOf<Latest | null>(context, 'span')
  let waiting = 0
  for (const [, latest] of spans.entries()) if (latest !== null) waiting += 1

  function begin(key: unknown, group: number, latest: Latest | null): void {
    spans.set(group, key, latest)
    timers.register(group, key, nowMs() + ms)
  }

  return {
    onRecord(record, key, group) {
      const latest = spans.get(group, key)
      if (latest === undefined) {
        if (leading) results.push(record, key, group, NO_TIME)
        const waits = trailing && !leading
        if (waits) waiting += 1
        return begin(key, group, waits ? { record } : null)
      }
      if (!trailing) return
      if (latest === null) waiting += 1
      spans.set(group, key, { record })
    },
    onTimer({ key, group }) {
      const latest = spans.get(group, key)
      spans.delete(group, key)
      if (latest === null || latest === undefined) return
      waiting -= 1
      results.push(latest.record, key, group, NO_TIME)
      // What has passed at the end of a span begins the next.
      begin(key, group, null)
    },
    pending: () => waiting > 0,
  }
}

function audited({ context, results, timers, nowMs }: Sequencing, ms: number): Sequence {
  const latest = cellsOf<Latest>(context, 'latest')
  return {
    onRecord(record, key, group) {
      if (!latest.has(group, key)) timers.register(group, key, nowMs() + ms)
      latest.set(group, key, { record })
    },
    onTimer({ key, group }) {
      const { record } = latest.get(group, key)!
      latest.delete(group, key)
      results.push(record, key, group, NO_TIME)
    },
    pending: () => latest.size > 0,
  }
}
