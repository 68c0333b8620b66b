/** What a process function is given beside its record. */
import type { OperatorMetricsHandle } from '../operator.js'
import type { SideTag } from '../side-tag.js'
import type { NeedsTime, NoKey, Time } from '../stream.js'
import type { HandlesOf, StateSpecs } from './state-spec.js'

declare const record: unique symbol

/** Says what a process function emits; made by `recordsOf`. */
export interface RecordsOf<out R> {
  readonly [record]?: R
}

/**
 * The type of what a process function emits, as a value: `emits: recordsOf<Alert>()`. It does nothing.
 *
 *     process({ emits: recordsOf<number>(), onRecord: (bid: Bid, ctx) => ctx.emit(bid.price) })
 */
export function recordsOf<R>(): RecordsOf<R> {
  return {}
}

/** Timers of the present key, of one kind of time. One per key, time and name. */
export interface TimerRegistry {
  /**
   * `onTimer` is called once the time has come: the watermark, or the wall clock. Registering the same
   * again changes nothing. `timeMs`: ms since 1970; what lies in the past fires as soon as may be.
   */
  register(timeMs: number, name?: string): void
  /** Does nothing where there is none. */
  delete(timeMs: number, name?: string): void
}

/** A timer that has come due. */
export interface FiredTimer<Key = unknown> {
  readonly kind: 'event' | 'processing'
  readonly timeMs: number
  /** As it was registered; `''` by default. */
  readonly name: string
  readonly key: KeyOf<Key>
}

/** The key's type; undefined where there is none. */
export type KeyOf<Key> = [Key] extends [NoKey] ? undefined : Key

/** What `open` is given. */
export interface OpenContext {
  /** Name of the operator. */
  readonly operator: string
  /** Index of this subtask, and how many there are. */
  readonly subtask: number
  readonly parallelism: number
  /** Counters and gauges by name, shown in the job's metrics. */
  readonly metrics: OperatorMetricsHandle
}

/**
 * What the functions of `process` are given. It is valid during the call only: it then belongs to the next
 * record. What it writes, registers and emits counts when the function has returned; where it throws,
 * nothing of it has happened.
 */
export interface ProcessContext<R, S extends StateSpecs, E extends Time, Key, Opened>
  extends OpenContext {
  /** Key of the record or timer. */
  readonly key: KeyOf<Key>
  /**
   * Event time of what is emitted now, in ms since 1970: that of the record, or of the event-time timer;
   * else the latest seen, or just above the watermark. Null where the stream has no event time.
   */
  readonly timeMs: [E] extends ['event'] ? number : null
  /** The watermark; -∞ before the first, +∞ once the input has ended. */
  readonly watermarkMs: number
  /** Processing time: the wall clock, in ms since 1970. */
  now(): number
  /** Sends a record on. */
  emit(value: R): void
  /** Sends a record to a side output. */
  side<X>(tag: SideTag<X>, value: NoInfer<X>): void
  readonly state: HandlesOf<S>
  readonly timers: {
    readonly event: [E] extends ['event'] ? TimerRegistry : NeedsTime
    readonly processing: TimerRegistry
  }
  /** What `open` has returned. */
  readonly opened: Opened
}
