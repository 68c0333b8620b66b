import { MillraceError } from '../base/errors.js'
import { aggregateDefinition } from './aggregate-definition.js'
import { requireSyncFunction } from './arguments.js'
import { operate } from './operate.js'
import type { OperatorOptions } from './operator.js'
import type { Op, PerKey, ResultTime, Stream, Time } from './stream.js'

/**
 * Adds numbers — `selector(record)`, or the records themselves — and speaks when its stream ends:
 * `[key, sum]` per key behind `keyBy`, else one number, 0 for an empty stream. What is no number is
 * an error of that record. Fractions are added in the order in which they arrive, so across runs the
 * last digits may differ. Partial sums are made before the exchange. State: one number per key.
 *
 *     keyBy((bid: Bid) => bid.auction), sum((bid) => bid.price, { name: 'turnover' })
 */
export function sum<E extends Time, Key>(
  selector?: undefined,
  options?: OperatorOptions,
): Op<Stream<number, E, Key>, Stream<PerKey<Key, number>, ResultTime<E, Key>>>
export function sum<T, E extends Time, Key>(
  selector: (value: T) => number,
  options?: OperatorOptions,
): Op<Stream<T, E, Key>, Stream<PerKey<Key, number>, ResultTime<E, Key>>>
export function sum<T, E extends Time, Key>(
  selector?: (value: T) => number,
  options: OperatorOptions = {},
): Op<Stream<T, E, Key>, Stream<PerKey<Key, number>, ResultTime<E, Key>>> {
  if (selector !== undefined) requireSyncFunction('sum', 'selector', selector)
  const aggregation = {
    begin: numberOf,
    add: (added: unknown, value: unknown) => (added as number) + numberOf(value),
    merge: (a: unknown, b: unknown) => (a as number) + (b as number),
    result: null,
    empty: () => 0,
    select: (selector as ((value: unknown) => unknown) | undefined) ?? null,
    functions: selector === undefined ? [] : [selector],
  }
  return operate(aggregateDefinition('sum', aggregation, options))
}

/** Refuses what is no number in the name of `operator`. */
export function numberFor(operator: string): (value: unknown) => number {
  return (value) => {
    if (typeof value === 'number') return value
    throw new MillraceError(
      'E_NOT_A_NUMBER',
      `${operator} adds numbers, it was given ${value == null ? value : `a ${typeof value}`}; ` +
        `pass a selector that returns a number: ${operator}((record) => …)`,
    )
  }
}

const numberOf = numberFor('sum')
