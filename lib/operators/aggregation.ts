/** What one aggregate is: `count`, `sum`, `min`, `max`, `reduce` and `aggregate` differ in this only. */

/** The parts of an aggregate. Accumulators are values: a function returns the new one. */
export interface Aggregation {
  /** The accumulator of the first record. */
  readonly begin: (record: unknown) => unknown
  readonly add: (accumulator: unknown, record: unknown) => unknown
  /** Joins two accumulators, the earlier one first; null: every record must come to the state. */
  readonly merge: ((a: unknown, b: unknown) => unknown) | null
  /** From accumulator to result; null: they are the same. */
  readonly result: ((accumulator: unknown) => unknown) | null
  /** What a stream without key and without records gives; null: nothing. */
  readonly empty: (() => unknown) | null
  /** What `begin` and `add` need of a record; null: all of it. */
  readonly select: ((record: unknown) => unknown) | null
  /** The user's functions, for the fingerprint. */
  readonly functions: readonly ((...args: never[]) => unknown)[]
}
