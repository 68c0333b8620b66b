/**
 * Triggers: when a window speaks. The contract, and the built-in ones; Flink's meaning of each.
 *
 * A trigger is one object for all windows: what it remembers of a window is the window's `state`, which
 * is part of snapshots. It registers the times it wants to be called at; those of event time are
 * called when the watermark has reached them.
 */
import { callSite } from '../base/call-site.js'
import { type Duration, durationMs } from '../base/duration.js'
import { MillraceError } from '../base/errors.js'
import type { JsonObject } from '../base/json.js'
import { modulo } from './grid.js'

/** `fire`: give a result; `purge`: forget the records so far. */
export type TriggerDecision = 'continue' | 'fire' | 'purge' | 'fireAndPurge'

/** A window of one key, as its trigger sees it; valid during the call. */
export interface TriggerWindow<S = unknown> {
  /** In ms since 1970; −∞ and +∞ for a global window. */
  readonly start: number
  readonly end: number
  /** What the trigger remembers: a value that is replaced, never changed in place. */
  state: S | undefined
  /** −∞ before the first watermark. */
  readonly watermarkMs: number
  /** Wall time. */
  readonly nowMs: number
  /** Asks for `onEventTime` at the watermark `timeMs`; asking twice is asking once. */
  registerEventTime(timeMs: number): void
  /** Asks for `onProcessingTime` at the wall time `timeMs`. */
  registerProcessingTime(timeMs: number): void
  deleteEventTime(timeMs: number): void
  deleteProcessingTime(timeMs: number): void
}

/**
 * When a window speaks; as Flink's Trigger. A method that is missing does nothing. `S`: what it remembers
 * of each window.
 *
 *     const everyOther: Trigger<unknown, boolean> = {
 *       kind: 'every other',
 *       onRecord(_record, _timeMs, window) {
 *         window.state = !window.state
 *         return window.state ? 'continue' : 'fire'
 *       },
 *     }
 */
export interface Trigger<in T = unknown, S = unknown> {
  /** Shown by `explain`; part of the fingerprint. */
  readonly kind: string
  readonly settings?: JsonObject
  /** After `record` has come into the window. */
  onRecord(record: T, timeMs: number, window: TriggerWindow<S>): TriggerDecision
  onEventTime?(timeMs: number, window: TriggerWindow<S>): TriggerDecision
  onProcessingTime?(timeMs: number, window: TriggerWindow<S>): TriggerDecision
  /**
   * Windows with these states have become `window`, whose state is undefined; the times they had asked
   * for are forgotten. Without it the trigger cannot be used with `session`.
   */
  onMerge?(window: TriggerWindow<S>, states: readonly (S | undefined)[]): void
  /** The window is gone. */
  clear?(window: TriggerWindow<S>): void
}

/** Fires when the watermark has reached the window's end; then at every late record. The default. */
export function eventTimeTrigger(): Trigger<unknown, undefined> {
  const last = (window: TriggerWindow): number => window.end - 1
  return {
    kind: 'eventTime',
    onRecord(_record, _timeMs, window) {
      if (last(window) <= window.watermarkMs) return 'fire'
      window.registerEventTime(last(window))
      return 'continue'
    },
    onEventTime: (timeMs, window) => (timeMs === last(window) ? 'fire' : 'continue'),
    onMerge(window) {
      if (last(window) > window.watermarkMs) window.registerEventTime(last(window))
    },
  }
}

/** Fires when the clock has reached the window's end. The default of windows by processing time. */
export function processingTimeTrigger(): Trigger<unknown, undefined> {
  return {
    kind: 'processingTime',
    onRecord(_record, _timeMs, window) {
      window.registerProcessingTime(window.end)
      return 'continue'
    },
    onProcessingTime: () => 'fire',
    onMerge: (window) => window.registerProcessingTime(window.end),
  }
}

/**
 * Fires at every `count` records of a window. What has come since is not shown when the window ends, but
 * when the stream ends where the window never does. Behind `purging`, results do not overlap.
 */
export function countTrigger(count: number): Trigger<unknown, number> {
  requireCount('countTrigger', count)
  return {
    kind: 'count',
    settings: { count },
    onRecord(_record, _timeMs, window) {
      const seen = (window.state ?? 0) + 1
      window.state = seen >= count ? 0 : seen
      return seen >= count ? 'fire' : 'continue'
    },
    onMerge(window, states) {
      window.state = states.reduce<number>((sum, state) => sum + (state ?? 0), 0)
    },
  }
}

/** Fires at every multiple of `interval` that the watermark passes, and at the window's end. */
export function continuousEventTimeTrigger(interval: Duration): Trigger<unknown, number> {
  const intervalMs = durationMs(interval, 'continuousEventTimeTrigger: interval')
  /** `state`: when it fires next. */
  function next(timeMs: number, window: TriggerWindow<number>): void {
    window.state = Math.min(timeMs + intervalMs, window.end - 1)
    window.registerEventTime(window.state)
  }
  return {
    kind: 'continuousEventTime',
    settings: { intervalMs },
    onRecord(_record, timeMs, window) {
      if (window.end - 1 <= window.watermarkMs) return 'fire'
      window.registerEventTime(window.end - 1)
      if (window.state === undefined) next(timeMs - modulo(timeMs, intervalMs), window)
      return 'continue'
    },
    onEventTime(timeMs, window) {
      if (timeMs === window.end - 1) return 'fire'
      if (timeMs !== window.state) return 'continue'
      next(timeMs, window)
      return 'fire'
    },
    onMerge(window, states) {
      window.state = earliest(states)
      if (window.state !== undefined) window.registerEventTime(window.state)
    },
  }
}

/** Fires at every multiple of `interval` on the clock while the window lasts, once it has a record. */
export function continuousProcessingTimeTrigger(interval: Duration): Trigger<unknown, number> {
  const intervalMs = durationMs(interval, 'continuousProcessingTimeTrigger: interval')
  function next(timeMs: number, window: TriggerWindow<number>): void {
    window.state = timeMs + intervalMs
    window.registerProcessingTime(window.state)
  }
  return {
    kind: 'continuousProcessingTime',
    settings: { intervalMs },
    onRecord(_record, _timeMs, window) {
      const { nowMs } = window
      if (window.state === undefined) next(nowMs - modulo(nowMs, intervalMs), window)
      return 'continue'
    },
    onProcessingTime(timeMs, window) {
      if (timeMs !== window.state) return 'continue'
      next(timeMs, window)
      return 'fire'
    },
    onMerge(window, states) {
      window.state = earliest(states)
      if (window.state !== undefined) window.registerProcessingTime(window.state)
    },
  }
}

/** Fires when `delta(last record that fired, record)` exceeds `threshold`; the first record sets the mark. */
export function deltaTrigger<T>(
  threshold: number,
  delta: (mark: T, record: T) => number,
): Trigger<T, { readonly mark: T }> {
  return {
    kind: 'delta',
    settings: { threshold },
    onRecord(record, _timeMs, window) {
      const isOver = window.state !== undefined && delta(window.state.mark, record) > threshold
      if (isOver || window.state === undefined) window.state = { mark: record }
      return isOver ? 'fire' : 'continue'
    },
  }
}

/** As `trigger`, but what has been shown is forgotten: the next result begins anew. */
export function purging<T, S>(trigger: Trigger<T, S>): Trigger<T, S> {
  const purged = (decision: TriggerDecision): TriggerDecision =>
    decision === 'fire' ? 'fireAndPurge' : decision
  const { onEventTime, onProcessingTime } = trigger
  return {
    ...trigger,
    kind: `purging ${trigger.kind}`,
    onRecord: (record, timeMs, window) => purged(trigger.onRecord(record, timeMs, window)),
    ...(onEventTime && {
      onEventTime: (timeMs, window) => purged(onEventTime.call(trigger, timeMs, window)),
    }),
    ...(onProcessingTime && {
      onProcessingTime: (timeMs, window) => purged(onProcessingTime.call(trigger, timeMs, window)),
    }),
  }
}

/** Never fires: the default of `globalWindow`, which then speaks when the stream ends. */
export function neverTrigger(): Trigger<unknown, undefined> {
  return { kind: 'never', onRecord: () => 'continue', onMerge: () => {} }
}

function earliest(states: readonly (number | undefined)[]): number | undefined {
  const times = states.filter((state) => state !== undefined)
  return times.length === 0 ? undefined : Math.min(...times)
}

function requireCount(kind: string, value: unknown): void {
  if (Number.isSafeInteger(value) && Number(value) >= 1) return
  const at = callSite()()
  throw new MillraceError(
    'E_BAD_ARGUMENT',
    `${kind} (${at}): count must be a whole number of at least 1; seen: ${String(value)}`,
    { details: { at } },
  )
}
