/**
 * Assigners: which windows a record belongs to. They are made here, as data; `window(...)` puts them
 * behind a stream.
 */
import { callSite } from '../base/call-site.js'
import { type Duration, durationMs } from '../base/duration.js'
import { MillraceError } from '../base/errors.js'
import type { JsonObject } from '../base/json.js'
import { refuseUnknownOptions } from '../base/unknown-option.js'
import { fixedGrid, type Grid, modulo } from './grid.js'
import {
  cumulatingSlices,
  type Slicing,
  slidingSlices,
  slidingSpans,
  tumblingSlices,
} from './slicing.js'
import { createTimeZone } from './time-zone.js'
import { zoneGrid } from './zone-grid.js'

/** Windows by event time (needs `timestamps`), by the clock, or by neither. */
export type WindowTime = 'event' | 'processing' | 'none'

/** How windows are found; `fixedMs`: the gap of every record, where it is one for all. */
export type WindowPlan =
  | { readonly by: 'slices'; readonly slicing: Slicing }
  | {
      readonly by: 'gap'
      readonly gapMs: (record: unknown) => number
      readonly fixedMs: number | null
    }
  | { readonly by: 'count'; readonly size: number; readonly slide: number }
  | { readonly by: 'nothing' }

/** An assigner of windows for records of type `T`: pass it to `window` or `windowAll`. */
export interface Assigner<in T = unknown, out W extends WindowTime = WindowTime> {
  readonly kind: string
  readonly time: W
  readonly plan: WindowPlan
  readonly settings: JsonObject
  readonly functions: readonly ((...args: never[]) => unknown)[]
  readonly __takes?: (record: T) => void
}

/** Options of assigners by time. */
export interface TimedWindowOptions<W extends 'event' | 'processing' = 'event'> {
  /** `'processing'`: windows by the clock of the subtask; no timestamps needed. Default `'event'`. */
  readonly time?: W
}

/** Options of assigners whose windows begin at fixed times. */
export interface AlignedWindowOptions<W extends 'event' | 'processing' = 'event'>
  extends TimedWindowOptions<W> {
  /** Windows begin this much later than at multiples of their size (or slide), or earlier if negative. */
  readonly offset?: Duration
  /** Windows begin at multiples of their size in this zone's local time. Default: UTC. */
  readonly timeZone?: string
}

const ALIGNED = ['time', 'offset', 'timeZone']

/**
 * Windows of one size, one after the other: `tumbling('1m')` from full minute to full minute. Counted
 * from 1970-01-01, a Thursday: weeks that begin on Mondays are `tumbling('7d', { offset: '4d' })`. With
 * a `timeZone` they are counted in local time, so `tumbling('1d', { timeZone: 'Europe/Berlin' })` are
 * calendar days of 23, 24 or 25 hours.
 *
 *     anything.pipe(windowAll(tumbling('1h', { time: 'processing' })), count())
 */
export function tumbling<W extends 'event' | 'processing' = 'event'>(
  size: Duration,
  options: AlignedWindowOptions<W> = {},
): Assigner<unknown, W> {
  const sizeMs = durationMs(size, 'tumbling: size')
  const grid = gridOf('tumbling', sizeMs, options)
  return assigner('tumbling', timeOf(options), slices(tumblingSlices(grid)), {
    sizeMs,
    ...shown(options),
  })
}

/**
 * Windows of `size` of which one begins at every `slide`: `sliding('1h', '1m')`. A record is kept once,
 * in the slice that its windows share; where `slide` is greater than `size`, records between windows
 * are in none. With a `timeZone`, `size` must be a multiple of `slide`, and a window spans so many slides:
 * `sliding('7d', '1d', { timeZone })` seven calendar days.
 *
 *     anything.pipe(windowAll(sliding('1h', '1m', { time: 'processing' })), count())
 */
export function sliding<W extends 'event' | 'processing' = 'event'>(
  size: Duration,
  slide: Duration,
  options: AlignedWindowOptions<W> = {},
): Assigner<unknown, W> {
  const sizeMs = durationMs(size, 'sliding: size')
  const slideMs = durationMs(slide, 'sliding: slide')
  const grid = gridOf('sliding', slideMs, options)
  if (options.timeZone !== undefined) requireMultiple('sliding', 'slide', sizeMs, slideMs)
  const slicing =
    options.timeZone === undefined
      ? slidingSlices(grid, sizeMs, slideMs)
      : slidingSpans(grid, sizeMs / slideMs)
  return assigner('sliding', timeOf(options), slices(slicing), {
    sizeMs,
    slideMs,
    ...shown(options),
  })
}

/**
 * Windows that begin together at every multiple of `maxSize` and end one `step` after the other, the last
 * with all of it: `cumulating('1d', '1h')` gives the day so far at every hour. `maxSize` must be a multiple
 * of `step`. As Flink's CUMULATE.
 *
 *     anything.pipe(windowAll(cumulating('1d', '1h', { time: 'processing' })), count())
 */
export function cumulating<W extends 'event' | 'processing' = 'event'>(
  maxSize: Duration,
  step: Duration,
  options: AlignedWindowOptions<W> = {},
): Assigner<unknown, W> {
  const sizeMs = durationMs(maxSize, 'cumulating: maxSize')
  const stepMs = durationMs(step, 'cumulating: step')
  requireMultiple('cumulating', 'step', sizeMs, stepMs)
  const bases = gridOf('cumulating', sizeMs, options)
  const slicing = cumulatingSlices(bases, gridOf('cumulating', stepMs, options))
  return assigner('cumulating', timeOf(options), slices(slicing), {
    sizeMs,
    stepMs,
    ...shown(options),
  })
}

/**
 * Sessions: windows that last as long as records come within `gap` of each other; per key, and two records
 * exactly one gap apart are in the same. With a function the gap is each record's own. A session ends
 * one gap after its last record; records that come late may join two sessions into one.
 *
 *     anything.pipe(windowAll(session('30m', { time: 'processing' })), count())
 */
export function session<T = unknown, W extends 'event' | 'processing' = 'event'>(
  gap: Duration | ((record: T) => Duration),
  options: TimedWindowOptions<W> = {},
): Assigner<T, W> {
  refuseUnknownOptions('session', options, ['time'])
  if (typeof gap === 'function') {
    const gapMs = (record: unknown) => durationMs(gap(record as T), 'session: the gap of a record')
    return {
      ...assigner('session', timeOf(options), { by: 'gap', gapMs, fixedMs: null }, {}),
      functions: [gap],
    }
  }
  const ms = durationMs(gap, 'session: gap')
  return assigner(
    'session',
    timeOf(options),
    { by: 'gap', gapMs: () => ms, fixedMs: ms },
    { gapMs: ms },
  )
}

/**
 * Every `size` records, per key, one window; what is left when the stream ends is the last, smaller one.
 * `start` and `end` of its results are numbers of records: 0 to `size`, `size` to 2 × `size`.
 *
 *     anything.pipe(windowAll(countWindow(100)), count())
 */
export function countWindow(size: number): Assigner<unknown, 'none'> {
  requireCount('countWindow', 'size', size)
  return assigner('countWindow', 'none', { by: 'count', size, slide: size }, { size })
}

/**
 * The last `size` records, per key, at every `slide` records; and once more when the stream ends, where
 * records have come since. `start` and `end` of its results are numbers of records. State: the last
 * `size` records of each key.
 *
 *     anything.pipe(windowAll(slidingCount(100, 10)), count())
 */
export function slidingCount(size: number, slide: number): Assigner<unknown, 'none'> {
  requireCount('slidingCount', 'size', size)
  requireCount('slidingCount', 'slide', slide)
  return assigner('slidingCount', 'none', { by: 'count', size, slide }, { size, slide })
}

/**
 * One window for all records, per key, that never ends by itself: a trigger says when it speaks, and
 * without one it speaks when the stream ends. `start` is −∞, `end` +∞.
 *
 *     anything.pipe(windowAll(globalWindow(), { trigger: purging(countTrigger(10)) }), count())
 */
export function globalWindow(): Assigner<unknown, 'none'> {
  return assigner('globalWindow', 'none', { by: 'nothing' }, {})
}

function assigner<W extends WindowTime>(
  kind: string,
  time: W,
  plan: WindowPlan,
  settings: JsonObject,
): Assigner<unknown, W> {
  return { kind, time, plan, settings, functions: [] }
}

const slices = (slicing: Slicing): WindowPlan => ({ by: 'slices', slicing })

function gridOf(
  kind: string,
  stepMs: number,
  options: AlignedWindowOptions<'event' | 'processing'>,
): Grid {
  refuseUnknownOptions(kind, options, ALIGNED)
  const offsetMs = offsetOf(kind, options)
  if (options.timeZone === undefined) return fixedGrid(stepMs, offsetMs)
  return zoneGrid(stepMs, modulo(offsetMs, stepMs), createTimeZone(options.timeZone))
}

const offsetOf = (
  kind: string,
  { offset = 0 }: AlignedWindowOptions<'event' | 'processing'>,
): number => durationMs(offset, `${kind}: offset`, -Infinity)

function timeOf<W extends 'event' | 'processing'>({ time }: TimedWindowOptions<W>): W {
  const value: string = time ?? 'event'
  if (value === 'event' || value === 'processing') return value as W
  throw bad(`time must be 'event' or 'processing'; seen: ${String(time)}`)
}

function shown(options: AlignedWindowOptions<'event' | 'processing'>): JsonObject {
  const { offset, timeZone, time } = options
  return {
    ...(offset === undefined ? {} : { offset }),
    ...(timeZone === undefined ? {} : { timeZone }),
    ...(time === undefined ? {} : { time }),
  }
}

function requireMultiple(kind: string, part: string, wholeMs: number, partMs: number): void {
  if (wholeMs % partMs === 0) return
  throw bad(
    `${kind}: the size must be a multiple of the ${part}; seen: ${wholeMs} ms and ${partMs} ms`,
  )
}

function requireCount(kind: string, what: string, value: unknown): void {
  if (Number.isSafeInteger(value) && Number(value) >= 1) return
  throw bad(`${kind}: ${what} must be a whole number of at least 1; seen: ${String(value)}`)
}

function bad(problem: string): MillraceError {
  const at = callSite()()
  return new MillraceError('E_BAD_ARGUMENT', `${problem} (${at})`, { details: { at } })
}
