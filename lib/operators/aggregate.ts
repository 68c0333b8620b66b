import { type Duration, durationMs } from '../base/duration.js'
import { aggregateDefinition, changesDefinition } from './aggregate-definition.js'
import type { Aggregation } from './aggregation.js'
import { requireOneOf, requireSyncFunction } from './arguments.js'
import { operate } from './operate.js'
import type { OperatorOptions } from './operator.js'
import type { AnyStream, Op, PerKey, ResultTime, Stream, Time } from './stream.js'

/**
 * The parts of an aggregate. `V`: what `add` sees of a record; `A`: the accumulator, a value that is
 * replaced, never changed in place; `R`: the result.
 */
export interface AggregateSpec<T, V, A, R> {
  /** An accumulator that has seen nothing. */
  readonly create: () => A
  readonly add: (accumulator: A, value: V) => A
  /** Joins two accumulators; with it, records are folded before they cross the exchange. */
  readonly merge?: ((a: A, b: A) => A) | undefined
  /** From accumulator to result. Default: the accumulator. */
  readonly result?: ((accumulator: A) => R) | undefined
  /** What `add` needs of a record; without `merge`, only this crosses the exchange. */
  readonly select?: ((record: T) => V) | undefined
}

/** Options of `aggregate` where it speaks when its stream or window ends. */
export interface AggregateOptions extends OperatorOptions {
  readonly emit?: 'final'
}

/** Options of `aggregate` where it speaks whenever a result has changed. */
export interface ChangingAggregateOptions extends OperatorOptions {
  readonly emit: 'changes'
  /**
   * For how long records may be folded before they cross the exchange, so that one change stands for many
   * of them; needs `merge`. Default 100 ms.
   */
  readonly hold?: Duration
}

/** A result has changed. */
export interface Changed<R> {
  /** Undefined where there was none. */
  readonly before: R | undefined
  readonly after: R
}

const HOLD: Duration = '100ms'

/**
 * Folds all records and speaks when its stream ends: `[key, result]` per key behind `keyBy`, else one
 * result, for an empty stream `result(create())`. With `merge`, partial aggregates are made before
 * the exchange. State: one accumulator per key.
 *
 *     aggregate({
 *       select: (bid: Bid) => bid.price,
 *       create: () => ({ sum: 0, n: 0 }),
 *       add: (mean, price) => ({ sum: mean.sum + price, n: mean.n + 1 }),
 *       merge: (a, b) => ({ sum: a.sum + b.sum, n: a.n + b.n }),
 *       result: (mean) => mean.sum / mean.n,
 *     })
 *
 * With `emit: 'changes'` it speaks whenever a result has changed, `[key, { before, after }]`, also of a
 * stream that never ends. Records that come soon after each other make one change, so that the number of
 * changes differs from run to run, and only the last of each key does not. A change belongs to no
 * instant of event time. Where `add` and `merge` give back the accumulator that they were given first, nothing has
 * changed, and nothing is told. Not behind `window`, whose results are final.
 *
 *     keyBy((bid: Bid) => bid.auction), aggregate({ create: () => 0, add: (n) => n + 1, merge: (a, b) => a + b }, { emit: 'changes' })
 *
 * @example
 * const counts = collect<unknown>()
 * const counting = { create: () => 0, add: (n: number) => n + 1 }
 * await runTest(
 *   pipeline('counts', (flow) =>
 *     flow.from(['a', 'b', 'a']).pipe(keyBy((s) => s), aggregate(counting, { emit: 'changes' })).to(counts),
 *   ),
 * )
 * counts.records.at(-1) // ['a', { before: 1, after: 2 }]
 */
export function aggregate<T, A, E extends Time, Key, R = A>(
  spec: AggregateSpec<T, T, A, R> & { readonly select?: undefined },
  options?: AggregateOptions,
): Op<Stream<T, E, Key>, Stream<PerKey<Key, R>, ResultTime<E, Key>>>
export function aggregate<T, V, A, E extends Time, Key, R = A>(
  spec: AggregateSpec<T, V, A, R> & { readonly select: (record: T) => V },
  options?: AggregateOptions,
): Op<Stream<T, E, Key>, Stream<PerKey<Key, R>, ResultTime<E, Key>>>
export function aggregate<T, A, E extends Time, Key, R = A>(
  spec: AggregateSpec<T, T, A, R> & { readonly select?: undefined },
  options: ChangingAggregateOptions,
): Op<Stream<T, E, Key>, Stream<PerKey<Key, Changed<R>>>>
export function aggregate<T, V, A, E extends Time, Key, R = A>(
  spec: AggregateSpec<T, V, A, R> & { readonly select: (record: T) => V },
  options: ChangingAggregateOptions,
): Op<Stream<T, E, Key>, Stream<PerKey<Key, Changed<R>>>>
export function aggregate<T, V, A, R = A>(
  spec: AggregateSpec<T, V, A, R>,
  options: AggregateOptions | ChangingAggregateOptions = {},
): Op<AnyStream, AnyStream> {
  const { create, add, merge, result, select } = spec
  for (const [name, part] of Object.entries({ create, add, merge, result, select })) {
    const optional = name === 'merge' || name === 'result' || name === 'select'
    if (part !== undefined || !optional) requireSyncFunction('aggregate', name, part)
  }
  const aggregation = {
    begin: (value: V) => add(create(), value),
    add,
    merge: merge ?? null,
    result: result ?? null,
    empty: () => (result === undefined ? create() : result(create())),
    select: select ?? null,
    functions: [create, add, merge, result, select].filter((part) => part !== undefined),
  } as unknown as Aggregation
  const { emit = 'final', hold, ...common } = options as Partial<ChangingAggregateOptions>
  requireOneOf('aggregate', 'emit', emit as string, ['final', 'changes'])
  if ((emit as string) === 'final' && hold === undefined) {
    return operate(aggregateDefinition('aggregate', aggregation, common))
  }
  requireOneOf('aggregate', 'emit, where hold is given,', emit, ['changes'])
  const holdMs = durationMs(hold ?? HOLD, 'aggregate: hold')
  return operate(changesDefinition('aggregate', aggregation, common, holdMs))
}
