/**
 * The types a pipeline is composed with. `Stream` is only a handle on a node of the graph; `flow`
 * implements it. An operator is a function from stream to stream, so `pipe` infers as in RxJS.
 */
import type { CallSite } from '../base/call-site.js'
import type { OperatorDefinition } from './operator.js'

/** 'event' once `timestamps(...)` was applied. */
export type Time = 'event' | 'untimed'

declare const noKey: unique symbol
/** The key type of a stream outside the scope of `keyBy`. */
export type NoKey = typeof noKey

declare const kind: unique symbol

/** Attaches an operator behind a stream; operators call it, users call `pipe`. */
export const attach: unique symbol = Symbol('attach')

/** Reads another output of the operator that made a stream; users call `sideOutput`. */
export const otherOutput: unique symbol = Symbol('otherOutput')

/** From stream to stream. */
export type Op<in A, out B> = (stream: A) => B

/**
 * A stream of `T` records. `E`: has event time or not. `Key`: the key's type after `keyBy`.
 *
 * `to(sink)` ends a branch; a stream may be used by several branches. `pipe` infers up to twelve
 * operators; for more, call `pipe` again on its result. `NoInfer`: each type comes from the operator
 * that makes it, so that an operator that does not fit is reported itself, not its predecessor.
 */
export interface Stream<out T, out E extends Time = 'untimed', out Key = NoKey> {
  readonly [kind]?: { readonly record: T; readonly time: E; readonly key: Key }
  /**
   * Adds an operator behind this stream (and `others`, in order) and returns its output. `site`:
   * where the user made the operator; default: where this is called.
   */
  [attach]<R>(
    definition: OperatorDefinition<never, R>,
    others?: readonly AnyStream[],
    site?: CallSite,
  ): AnyStream
  /** The side output `name` of the operator whose main output this stream is. */
  [otherOutput](name: string, site?: CallSite): AnyStream
  pipe(): Stream<T, E, Key>
  pipe<A>(op1: Op<this, A>): A
  pipe<A, B>(op1: Op<this, A>, op2: Op<NoInfer<A>, B>): B
  pipe<A, B, C>(op1: Op<this, A>, op2: Op<NoInfer<A>, B>, op3: Op<NoInfer<B>, C>): C
  pipe<A, B, C, D>(
    op1: Op<this, A>,
    op2: Op<NoInfer<A>, B>,
    op3: Op<NoInfer<B>, C>,
    op4: Op<NoInfer<C>, D>,
  ): D
  pipe<A, B, C, D, F>(
    op1: Op<this, A>,
    op2: Op<NoInfer<A>, B>,
    op3: Op<NoInfer<B>, C>,
    op4: Op<NoInfer<C>, D>,
    op5: Op<NoInfer<D>, F>,
  ): F
  pipe<A, B, C, D, F, G>(
    op1: Op<this, A>,
    op2: Op<NoInfer<A>, B>,
    op3: Op<NoInfer<B>, C>,
    op4: Op<NoInfer<C>, D>,
    op5: Op<NoInfer<D>, F>,
    op6: Op<NoInfer<F>, G>,
  ): G
  pipe<A, B, C, D, F, G, H>(
    op1: Op<this, A>,
    op2: Op<NoInfer<A>, B>,
    op3: Op<NoInfer<B>, C>,
    op4: Op<NoInfer<C>, D>,
    op5: Op<NoInfer<D>, F>,
    op6: Op<NoInfer<F>, G>,
    op7: Op<NoInfer<G>, H>,
  ): H
  pipe<A, B, C, D, F, G, H, I>(
    op1: Op<this, A>,
    op2: Op<NoInfer<A>, B>,
    op3: Op<NoInfer<B>, C>,
    op4: Op<NoInfer<C>, D>,
    op5: Op<NoInfer<D>, F>,
    op6: Op<NoInfer<F>, G>,
    op7: Op<NoInfer<G>, H>,
    op8: Op<NoInfer<H>, I>,
  ): I
  pipe<A, B, C, D, F, G, H, I, J>(
    op1: Op<this, A>,
    op2: Op<NoInfer<A>, B>,
    op3: Op<NoInfer<B>, C>,
    op4: Op<NoInfer<C>, D>,
    op5: Op<NoInfer<D>, F>,
    op6: Op<NoInfer<F>, G>,
    op7: Op<NoInfer<G>, H>,
    op8: Op<NoInfer<H>, I>,
    op9: Op<NoInfer<I>, J>,
  ): J
  pipe<A, B, C, D, F, G, H, I, J, K>(
    op1: Op<this, A>,
    op2: Op<NoInfer<A>, B>,
    op3: Op<NoInfer<B>, C>,
    op4: Op<NoInfer<C>, D>,
    op5: Op<NoInfer<D>, F>,
    op6: Op<NoInfer<F>, G>,
    op7: Op<NoInfer<G>, H>,
    op8: Op<NoInfer<H>, I>,
    op9: Op<NoInfer<I>, J>,
    op10: Op<NoInfer<J>, K>,
  ): K
  pipe<A, B, C, D, F, G, H, I, J, K, L>(
    op1: Op<this, A>,
    op2: Op<NoInfer<A>, B>,
    op3: Op<NoInfer<B>, C>,
    op4: Op<NoInfer<C>, D>,
    op5: Op<NoInfer<D>, F>,
    op6: Op<NoInfer<F>, G>,
    op7: Op<NoInfer<G>, H>,
    op8: Op<NoInfer<H>, I>,
    op9: Op<NoInfer<I>, J>,
    op10: Op<NoInfer<J>, K>,
    op11: Op<NoInfer<K>, L>,
  ): L
  pipe<A, B, C, D, F, G, H, I, J, K, L, M>(
    op1: Op<this, A>,
    op2: Op<NoInfer<A>, B>,
    op3: Op<NoInfer<B>, C>,
    op4: Op<NoInfer<C>, D>,
    op5: Op<NoInfer<D>, F>,
    op6: Op<NoInfer<F>, G>,
    op7: Op<NoInfer<G>, H>,
    op8: Op<NoInfer<H>, I>,
    op9: Op<NoInfer<I>, J>,
    op10: Op<NoInfer<J>, K>,
    op11: Op<NoInfer<K>, L>,
    op12: Op<NoInfer<L>, M>,
  ): M
  /** More than twelve: works, but nothing is known of the records. Call `pipe` twice instead. */
  pipe<A, B, C, D, F, G, H, I, J, K, L, M>(
    op1: Op<this, A>,
    op2: Op<NoInfer<A>, B>,
    op3: Op<NoInfer<B>, C>,
    op4: Op<NoInfer<C>, D>,
    op5: Op<NoInfer<D>, F>,
    op6: Op<NoInfer<F>, G>,
    op7: Op<NoInfer<G>, H>,
    op8: Op<NoInfer<H>, I>,
    op9: Op<NoInfer<I>, J>,
    op10: Op<NoInfer<J>, K>,
    op11: Op<NoInfer<K>, L>,
    op12: Op<NoInfer<L>, M>,
    op13: Op<NoInfer<M>, AnyStream>,
    ...more: readonly Op<AnyStream, AnyStream>[]
  ): Stream<unknown, Time, unknown>
  /** Ends this branch in a sink. `name` and `parallelism` as in `OperatorOptions`. */
  to(sink: SinkOf<T>, options?: SinkOptions): void
}

/** Options of `to`. */
export interface SinkOptions {
  /** Default: the sink's label behind its input's path. */
  readonly name?: string
  /** Default: what the sink asks for, else that of its input. */
  readonly parallelism?: number
}

/** A stream of whatever records, time and key. */
// biome-ignore lint/suspicious/noExplicitAny: the one place where a stream's record type is erased
export type AnyStream = Stream<any, any, any>

/** The part of a sink that `to` needs for its type: see connectors/sink.ts. */
export interface SinkOf<in T> {
  readonly __takes?: (record: T) => void
}

declare const windowed: unique symbol
/**
 * The key type between `window(...)` and the aggregate that ends the window's scope; `Key` is the one
 * around it, `NoKey` behind `windowAll`.
 */
export interface Windowed<out Key> {
  readonly [windowed]: Key
}

/** What an aggregate emits for one window; `start` and `end` (exclusive) in ms. */
export interface WindowResult<Key, R> {
  readonly key: Key
  readonly start: number
  readonly end: number
  readonly value: R
}

/** What an aggregate of all records of a window emits. */
export type WindowAllResult<R> = Omit<WindowResult<never, R>, 'key'>

/**
 * What an aggregate emits: `[key, value]` behind `keyBy`, a {@link WindowResult} behind `window`, the
 * bare value without either.
 */
export type PerKey<Key, R> = [Key] extends [NoKey]
  ? R
  : [Key] extends [Windowed<infer Inner>]
    ? [Inner] extends [NoKey]
      ? WindowAllResult<R>
      : WindowResult<Inner, R>
    : readonly [key: Key, value: R]

/**
 * Event time of what an aggregate emits: a window's results have theirs; results at the end of the stream
 * belong to no instant.
 */
export type ResultTime<E extends Time, Key> = [Key] extends [NoKey]
  ? 'untimed'
  : [Key] extends [Windowed<unknown>]
    ? E
    : 'untimed'

/** In the compiler's message where event time is used on a stream without `timestamps`. */
export interface NeedsTime {
  readonly 'needs timestamps(...) earlier in the pipe': never
}

/** In the compiler's message where keyed state is used on a stream without a key. */
export interface NeedsKey {
  readonly 'needs keyBy(...) earlier in the pipe': never
}
