/** What the half of an aggregate that holds the state does with its input, and with errors there. */
import type { Aggregation } from './aggregation.js'
import type { OperatorContext } from './operator.js'

/** `input`: an accumulator where the aggregate can merge, else a record or its selected part. */
export interface Accumulating {
  /** The new accumulator, or SKIP. `first`: there is no old one. */
  fold(old: unknown, first: boolean, input: unknown, key: unknown): unknown
  /** What is told of an accumulator, or SKIP. */
  result(accumulator: unknown, key: unknown): unknown
}

export function accumulating(
  { errors }: OperatorContext,
  { begin, add, merge, result }: Aggregation,
): Accumulating {
  function foldOf(old: unknown, first: boolean, input: unknown): unknown {
    if (merge === null) return first ? begin(input) : add(old, input)
    return first ? input : merge(old, input)
  }

  /** An accumulator stands for many records: dropping it would drop them all. */
  function recover(error: unknown, old: unknown, first: boolean, input: unknown, key: unknown) {
    if (merge !== null) errors.fail(error, input, key)
    return errors.recover(error, input, key, () => foldOf(old, first, input))
  }

  return {
    fold(old, first, input, key) {
      try {
        return foldOf(old, first, input)
      } catch (error) {
        return recover(error, old, first, input, key)
      }
    },
    result(accumulator, key) {
      if (result === null) return accumulator
      try {
        return result(accumulator)
      } catch (error) {
        return errors.recover(error, accumulator, key, () => result(accumulator))
      }
    },
  }
}
