/**
 * Evictors: which records of a window go before or after its function sees them. With one, a window keeps
 * all its records, for what goes is decided at every result.
 */
import { callSite } from '../base/call-site.js'
import { type Duration, durationMs } from '../base/duration.js'
import { MillraceError } from '../base/errors.js'
import type { JsonObject } from '../base/json.js'
import type { WindowSpan } from './span.js'

/** A record in a window; `timeMs` is its timestamp, or the wall time at which it came. */
export interface TimedRecord<T = unknown> {
  readonly record: T
  readonly timeMs: number
}

/** What remains of a window's records, which are given in the order of their arrival. */
export type Keep<T> = (
  records: readonly TimedRecord<T>[],
  window: WindowSpan,
) => readonly TimedRecord<T>[]

/**
 * Takes records out of a window for good, before the result is made, or after. As Flink's Evictor.
 *
 *     const priced: Evictor<Bid> = {
 *       kind: 'priced',
 *       before: (bids) => bids.filter(({ record }) => record.price > 0),
 *     }
 */
export interface Evictor<in T = unknown> {
  /** Shown by `explain`; part of the fingerprint. */
  readonly kind: string
  readonly settings?: JsonObject
  readonly before?: <R extends T>(...given: Parameters<Keep<R>>) => ReturnType<Keep<R>>
  readonly after?: <R extends T>(...given: Parameters<Keep<R>>) => ReturnType<Keep<R>>
}

/** Options of the built-in evictors. */
export interface EvictorOptions {
  /** Evict after the result, not before. Default false. */
  readonly after?: boolean
}

/** Keeps the last `count` records. */
export function countEvictor(count: number, options: EvictorOptions = {}): Evictor {
  if (!Number.isSafeInteger(count) || count < 0) {
    const at = callSite()()
    throw new MillraceError(
      'E_BAD_ARGUMENT',
      `countEvictor (${at}): count must be a whole number; seen: ${String(count)}`,
      { details: { at } },
    )
  }
  return evictor('count', { count }, options, (records) =>
    records.length > count ? records.slice(records.length - count) : records,
  )
}

/** Keeps the records whose time is less than `size` before the newest time in the window. */
export function timeEvictor(size: Duration, options: EvictorOptions = {}): Evictor {
  const sizeMs = durationMs(size, 'timeEvictor: size')
  return evictor('time', { sizeMs }, options, (records) => {
    const newest = records.reduce((max, { timeMs }) => Math.max(max, timeMs), -Infinity)
    return records.filter(({ timeMs }) => timeMs > newest - sizeMs)
  })
}

function evictor(
  kind: string,
  settings: JsonObject,
  { after = false }: EvictorOptions,
  keep: <R>(...given: Parameters<Keep<R>>) => ReturnType<Keep<R>>,
): Evictor {
  return after
    ? { kind, settings: { ...settings, after }, after: keep }
    : { kind, settings, before: keep }
}
