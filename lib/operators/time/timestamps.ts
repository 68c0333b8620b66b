import type { OperatorFunction } from 'rxjs'
import { type Duration, durationMs } from '../../base/duration.js'
import {
  boundedOutOfOrder,
  punctuated,
  type WatermarkGenerator,
} from '../../time/watermark-generator.js'
import { commonOptions, requireFunction, requireSyncFunction } from '../arguments.js'
import { operate } from '../operate.js'
import type { OperatorContext, OperatorOptions } from '../operator.js'
import { recordWiseTraits } from '../record-wise.js'
import type { Signal } from '../signal.js'
import type { Op, Stream, Time } from '../stream.js'
import { requireAtMostOne } from './at-most-one.js'
import { stampRecords } from './stamp-records.js'

/** How watermarks follow from times: at most one of the first four. */
export interface TimestampOptions<T> extends OperatorOptions {
  /** Records come at most this much after a later one: ms, or text like `'10s'`. Default 0: in order. */
  readonly outOfOrderMs?: Duration
  /** True: each input is in order of time. The same as `outOfOrderMs: 0`, and says so. */
  readonly monotonous?: boolean
  /** Some records say how far time has come: the watermark in ms, or null. */
  readonly punctuated?: (record: T, timeMs: number) => number | null
  /** A generator of your own; called once for each split. */
  readonly custom?: () => WatermarkGenerator<T>
  /**
   * An input of an endless source that had nothing for so long, though it was asked, holds the others
   * back no more. Default 5 s; 0: it holds them back for ever.
   */
  readonly idleMs?: Duration
  /** Keeps the sources of a group together: see {@link AlignmentOptions}. */
  readonly align?: AlignmentOptions
}

/**
 * Sources that keep together in event time, as far as they share their memory: of `run` and `millrace run` all do, on a
 * cluster those in one slot.
 */
export interface AlignmentOptions {
  /** Name of the group; sources of one pipeline that name the same one belong together. */
  readonly group: string
  /** A split that leads the slowest of the group by more pauses. */
  readonly maxDrift: Duration
}

const OWN = ['outOfOrderMs', 'monotonous', 'punctuated', 'custom', 'idleMs', 'align']
const IDLE_MS_DEFAULT = 5_000

/**
 * Gives each record its event time, in ms since 1970, and the stream its watermarks. A watermark of t
 * says that no record with a time ≤ t follows; it is sent when it has advanced, at most once per
 * batch, and while a source has more to read at once, it may wait for 16 batches or 5 ms. Best put directly behind the source, record-wise operators at most between: then each split
 * of the source has a watermark of its own, and the stream has the lowest. Anywhere else it sees one
 * input in the order of arrival.
 *
 * Where a bounded source reads splits one after another (files), time stands still until a subtask has
 * begun its last split, for those still to come may be older. A time that is no finite number is a
 * record error. Keeps one watermark per split; no records.
 *
 *     timestamps((bid: Bid) => bid.price, { outOfOrderMs: '10s' })
 *
 * @throws MillraceError `E_BAD_ARGUMENT` for more than one way to make watermarks.
 */
export function timestamps<T, E extends Time, Key>(
  timeOf: (record: T) => number,
  options: TimestampOptions<T> = {},
): Op<Stream<T, E, Key>, Stream<T, 'event', Key>> {
  requireSyncFunction('timestamps', 'timeOf', timeOf)
  const { align } = options
  const idleMs = durationMs(options.idleMs ?? IDLE_MS_DEFAULT, 'timestamps: idleMs', 0)
  const driftMs = align && durationMs(align.maxDrift, 'timestamps: align.maxDrift', 0)
  const createGenerator = generatorOf(options as TimestampOptions<unknown>)
  return operate({
    kind: 'timestamps',
    traits: { ...recordWiseTraits, timeAfter: 'set' },
    options: commonOptions('timestamps', options, OWN),
    settings: {
      ...settingsOf(options as TimestampOptions<unknown>),
      idleMs,
      ...(align && { align: align.group, driftMs: driftMs! }),
    },
    functions: [timeOf, ...(options.punctuated ? [options.punctuated] : [])],
    splitIdleMs: idleMs,
    open: (context: OperatorContext): OperatorFunction<Signal, Signal> =>
      stampRecords(context, {
        timeOf: timeOf as (record: unknown) => unknown,
        createGenerator,
        idleMs,
        align: align === undefined ? null : { group: align.group, driftMs: driftMs! },
      }),
  })
}

/**
 * Event time as the machine's time at which records arrive here: never out of order, not the same when
 * read again. For windows by arrival without event time, see the processing-time windows.
 *
 *     ingestionTime()
 */
export function ingestionTime<T, E extends Time, Key>(
  options: Pick<TimestampOptions<T>, keyof OperatorOptions | 'idleMs'> = {},
): Op<Stream<T, E, Key>, Stream<T, 'event', Key>> {
  const idleMs = durationMs(options.idleMs ?? IDLE_MS_DEFAULT, 'ingestionTime: idleMs', 0)
  return operate({
    kind: 'ingestionTime',
    traits: { ...recordWiseTraits, timeAfter: 'set' },
    options: commonOptions('ingestionTime', options, ['idleMs']),
    settings: { idleMs },
    functions: [],
    splitIdleMs: idleMs,
    open: (context) =>
      stampRecords(context, {
        timeOf: () => context.clock.wallTime(),
        createGenerator: () => boundedOutOfOrder(0),
        idleMs,
        align: null,
      }),
  })
}

function generatorOf(options: TimestampOptions<unknown>): () => WatermarkGenerator {
  requireAtMostOne('timestamps', options, ['outOfOrderMs', 'monotonous', 'punctuated', 'custom'])
  const { outOfOrderMs = 0, punctuated: watermarkOf, custom } = options
  if (watermarkOf !== undefined) {
    requireSyncFunction('timestamps', 'punctuated', watermarkOf)
    return () => punctuated(watermarkOf)
  }
  if (custom !== undefined) {
    requireFunction('timestamps', 'custom', custom)
    return custom
  }
  const lateMs = durationMs(outOfOrderMs, 'timestamps: outOfOrderMs', 0)
  return () => boundedOutOfOrder(lateMs)
}

function settingsOf({ outOfOrderMs = 0, ...rest }: TimestampOptions<unknown>) {
  if (rest.punctuated !== undefined) return { watermarks: 'punctuated' }
  if (rest.custom !== undefined) return { watermarks: 'custom' }
  const lateMs = durationMs(outOfOrderMs, 'timestamps: outOfOrderMs', 0)
  return { watermarks: 'bounded', outOfOrderMs: lateMs }
}
