/**
 * The types of operators with several inputs: what their result is, and that their inputs go together.
 */
import type { AnyStream, NoKey, Stream, Time } from '../stream.js'

/** Record type of a stream. */
export type RecordOf<S> = S extends Stream<infer T, Time, unknown> ? T : never
/** `'event'` or `'untimed'`. */
export type TimeOf<S> = S extends Stream<unknown, infer E, unknown> ? E : never
export type KeyOf<S> = S extends Stream<unknown, Time, infer Key> ? Key : never

/** The records of streams, as a tuple. */
export type RecordsOf<S extends readonly unknown[]> = { -readonly [I in keyof S]: RecordOf<S[I]> }

/** Event time where all have it. */
export type CommonTime<E> = [E] extends ['event'] ? 'event' : 'untimed'

/** In the compiler's message where only some of the inputs have a key. */
export interface NeedsSameKeys {
  readonly 'needs keyBy(...) on all of its inputs, or on none': never
}

/** True where `Key`, the union of all inputs' keys, has a key and none at once. */
type Mixed<Key> = [NoKey] extends [Key] ? ([Key] extends [NoKey] ? false : true) : false

/** What is missing where only some of the inputs, whose keys are `Key`, have one. */
export type CoKeyed<Key> = Mixed<Key> extends true ? NeedsSameKeys : unknown

/** A stream of `R` made of streams `S` (their union). */
export type Combined<S, R> =
  Mixed<KeyOf<S>> extends true ? NeedsSameKeys : Stream<R, CommonTime<TimeOf<S>>, KeyOf<S>>

/** The streams of a call, at least one. */
export type Streams = readonly [AnyStream, ...AnyStream[]]
