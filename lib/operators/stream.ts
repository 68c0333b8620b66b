/**
 * The types a pipeline is composed with. `Stream` is only a handle on a node of the graph; `flow`
 * implements it. An operator is a function from stream to stream, so `pipe` infers as in RxJS.
 */
import type { OperatorDefinition } from './operator.js'

/** 'event' once `timestamps(...)` was applied. */
export type Time = 'event' | 'untimed'

declare const noKey: unique symbol
/** The key type of a stream outside the scope of `keyBy`. */
export type NoKey = typeof noKey

declare const kind: unique symbol

/** Attaches an operator behind a stream; operators call it, users call `pipe`. */
export const attach: unique symbol = Symbol('attach')

/** From stream to stream. */
export type Op<in A, out B> = (stream: A) => B

/**
 * A stream of `T` records. `E`: has event time or not. `Key`: the key's type after `keyBy`.
 *
 * `to(sink)` ends a branch; a stream may be used by several branches.
 */
export interface Stream<out T, out E extends Time = 'untimed', out Key = NoKey> {
  readonly [kind]?: { readonly record: T; readonly time: E; readonly key: Key }
  [attach]<R>(definition: OperatorDefinition<never, R>, others?: readonly AnyStream[]): AnyStream
  pipe(): Stream<T, E, Key>
  pipe<A>(a: Op<this, A>): A
  pipe<A, B>(a: Op<this, A>, b: Op<A, B>): B
  pipe<A, B, C>(a: Op<this, A>, b: Op<A, B>, c: Op<B, C>): C
  pipe<A, B, C, D>(a: Op<this, A>, b: Op<A, B>, c: Op<B, C>, d: Op<C, D>): D
  pipe<A, B, C, D, F>(a: Op<this, A>, b: Op<A, B>, c: Op<B, C>, d: Op<C, D>, e: Op<D, F>): F
  /** Ends this branch in a sink. */
  to(sink: SinkOf<T>, options?: { readonly name?: string; readonly parallelism?: number }): void
}

// biome-ignore lint/suspicious/noExplicitAny: the one place where a stream's record type is erased
export type AnyStream = Stream<any, any, any>

/** The part of a sink that `to` needs for its type: see connectors/sink.ts. */
export interface SinkOf<in T> {
  readonly __takes?: (record: T) => void
}

/** What a keyed aggregate emits: `[key, value]`; without a key, the bare value. */
export type PerKey<Key, R> = [Key] extends [NoKey] ? R : readonly [key: Key, value: R]

/** In the compiler's message where keyed state is used on a stream without a key. */
export interface NeedsKey {
  readonly 'needs keyBy(...) earlier in the pipe': never
}
