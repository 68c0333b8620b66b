import { callSite } from '../../base/call-site.js'
import { type Duration, durationMs } from '../../base/duration.js'
import { MillraceError } from '../../base/errors.js'
import { refuseUnknownOptions } from '../../base/unknown-option.js'
import type { Assigner } from '../../window/assigner.js'
import type { Evictor } from '../../window/evictor.js'
import type { Trigger } from '../../window/trigger.js'
import type { SideTag } from '../side-tag.js'
import type {
  AnyStream,
  NeedsKey,
  NeedsTime,
  NoKey,
  Op,
  Stream,
  Time,
  Windowed,
} from '../stream.js'
import type { WindowSettings } from './window-settings.js'
import { WindowedStream } from './windowed-stream.js'

/** Options of `window` and `windowAll`. */
export interface WindowOptions<T> {
  /**
   * When a window speaks. Default: once, when time has come to its end; within `allowedLateness` again
   * for every record that comes late.
   */
  // biome-ignore lint/suspicious/noExplicitAny: what a trigger remembers is its own affair
  readonly trigger?: Trigger<T, any>
  /** Takes records out before or after a result; windows then keep all their records. */
  readonly evictor?: Evictor<T>
  /** How long behind its end a window is kept for late records; event time only. Default 0. */
  readonly allowedLateness?: Duration
  /** Side output for records that come later than that. Default: dropped, and counted as `droppedLate`. */
  readonly late?: SideTag<T>
}

/**
 * Parts the records of each key into windows; what follows speaks per key and window: `count`, `sum`,
 * `min`, `max`, `avg`, `reduce`, `aggregate` give `{ key, start, end, value }`, `windowProcess` what its
 * function makes of the records. Needs `keyBy`, and `timestamps` where windows are by event time.
 *
 * As in Flink: a record is late when the watermark has come to the end of all its windows, plus
 * `allowedLateness`; results have the time of their window's last instant, `end` − 1 ms; when the stream
 * ends, all windows that have not spoken speak. Behind windows by processing time or by count, results have
 * no time.
 *
 * State: one accumulator per key and slice for windows of fixed times (a record is kept once, however
 * many windows share it), per key and window where there is a trigger, a session, or an aggregate that
 * cannot merge; all records with `windowProcess`, an evictor, or sessions of an aggregate that cannot
 * merge. It is dropped when `allowedLateness` is over. What cannot merge (`reduce`) is also folded once per
 * window: where windows slide by a small part of their size, give `aggregate` a `merge` instead. Aggregates
 * that can merge are folded before the exchange, where nothing is said about lateness, late records,
 * triggers or evictors, and the gap of sessions is the same for all records.
 *
 *     keyBy((bid: Bid) => bid.auction), window(tumbling('1m', { time: 'processing' })), count()
 *     keyBy((bid: Bid) => bid.auction), window(countWindow(10)), max((a, b) => a.price - b.price)
 */
export function window<T, E extends Time, Key>(
  assigner: Assigner<NoInfer<T>, 'event'>,
  options?: WindowOptions<NoInfer<T>>,
): Op<Stream<T, E, Key> & TimeNeeded<E> & KeyNeeded<Key>, Stream<T, 'event', Windowed<Key>>>
export function window<T, E extends Time, Key>(
  assigner: Assigner<NoInfer<T>, 'processing' | 'none'>,
  options?: WindowOptions<NoInfer<T>>,
): Op<Stream<T, E, Key> & KeyNeeded<Key>, Stream<T, 'untimed', Windowed<Key>>>
export function window<T, Key>(
  assigner: Assigner<T>,
  options: WindowOptions<T> = {},
): Op<Stream<T, Time, Key>, AnyStream> {
  return windowed('window', assigner, options, false)
}

type TimeNeeded<E> = [E] extends ['event'] ? unknown : NeedsTime
type KeyNeeded<Key> = [Key] extends [NoKey] ? NeedsKey : unknown

/**
 * As `window`, for all records of a stream without a key: results are `{ start, end, value }`. It runs at
 * parallelism 1; aggregates that can merge are folded before, in parallel.
 *
 *     windowAll(tumbling('1m', { time: 'processing' })), sum((bid: Bid) => bid.price)
 */
export function windowAll<T, E extends Time>(
  assigner: Assigner<NoInfer<T>, 'event'>,
  options?: WindowOptions<NoInfer<T>>,
): Op<Stream<T, E, NoKey> & TimeNeeded<E>, Stream<T, 'event', Windowed<NoKey>>>
export function windowAll<T, E extends Time>(
  assigner: Assigner<NoInfer<T>, 'processing' | 'none'>,
  options?: WindowOptions<NoInfer<T>>,
): Op<Stream<T, E, NoKey>, Stream<T, 'untimed', Windowed<NoKey>>>
export function windowAll<T>(
  assigner: Assigner<T>,
  options: WindowOptions<T> = {},
): Op<Stream<T, Time, NoKey>, AnyStream> {
  return windowed('windowAll', assigner, options, true)
}

function windowed<T>(
  name: string,
  assigner: Assigner<T>,
  options: WindowOptions<T>,
  all: boolean,
): Op<AnyStream, AnyStream> {
  const settings = settingsOf(name, assigner, options, all)
  return (stream) => new WindowedStream(stream, settings) as unknown as AnyStream
}

function settingsOf<T>(
  name: string,
  assigner: Assigner<T>,
  options: WindowOptions<T>,
  all: boolean,
): WindowSettings {
  if (typeof assigner !== 'object' || assigner === null || !('plan' in assigner)) {
    throw bad(name, "needs an assigner, like tumbling('1m'), session('30m') or countWindow(100)")
  }
  refuseUnknownOptions(name, options, ['trigger', 'evictor', 'allowedLateness', 'late'])
  const { trigger, evictor, allowedLateness = 0, late } = options
  const latenessMs = durationMs(allowedLateness, `${name}: allowedLateness`, 0)
  const { kind, time, plan } = assigner
  if (plan.by === 'count' && (trigger !== undefined || evictor !== undefined)) {
    const advice = 'for another, use globalWindow() with a trigger and an evictor'
    throw bad(name, `${kind}(…) has its own trigger: ${advice}`)
  }
  if (plan.by === 'gap' && trigger !== undefined && trigger.onMerge === undefined) {
    throw bad(
      name,
      `session(…) needs a trigger with onMerge: its windows become one; '${trigger.kind}' has none`,
    )
  }
  if (time !== 'event' && (latenessMs > 0 || late !== undefined)) {
    throw bad(name, `nothing comes late to ${kind}(…), which does not go by event time`)
  }
  return {
    assigner: assigner as Assigner<never>,
    trigger: (trigger as Trigger<never>) ?? null,
    evictor: evictor ?? null,
    latenessMs,
    late: late?.name ?? null,
    all,
  }
}

function bad(name: string, problem: string): MillraceError {
  const at = callSite()()
  return new MillraceError('E_BAD_ARGUMENT', `${name} (${at}): ${problem}`, {
    details: { operator: name, at },
  })
}
