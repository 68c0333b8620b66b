import { aggregateDefinition } from './aggregate-definition.js'
import type { Aggregation } from './aggregation.js'
import { requireSyncFunction } from './arguments.js'
import { operate } from './operate.js'
import type { OperatorOptions } from './operator.js'
import type { Op, PerKey, ResultTime, Stream, Time } from './stream.js'

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
 */
export function aggregate<T, A, E extends Time, Key, R = A>(
  spec: AggregateSpec<T, T, A, R> & { readonly select?: undefined },
  options?: OperatorOptions,
): Op<Stream<T, E, Key>, Stream<PerKey<Key, R>, ResultTime<E, Key>>>
export function aggregate<T, V, A, E extends Time, Key, R = A>(
  spec: AggregateSpec<T, V, A, R> & { readonly select: (record: T) => V },
  options?: OperatorOptions,
): Op<Stream<T, E, Key>, Stream<PerKey<Key, R>, ResultTime<E, Key>>>
export function aggregate<T, V, A, E extends Time, Key, R = A>(
  spec: AggregateSpec<T, V, A, R>,
  options: OperatorOptions = {},
): Op<Stream<T, E, Key>, Stream<PerKey<Key, R>, ResultTime<E, Key>>> {
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
  }
  return operate(aggregateDefinition('aggregate', aggregation as unknown as Aggregation, options))
}
