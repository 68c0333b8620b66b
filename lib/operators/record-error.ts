/**
 * Record errors: what happens when the user's function throws on one record.
 *
 * The decision is taken where the error happens, synchronously, in the operator's loop. `skip` and
 * `deadLetter` drop this operator's outputs and state writes for the record; once a part of an
 * expansion has been sent, neither is possible and the error is a failure.
 */

/** After `attempts` more calls of the failing function, `otherwise` is what remains. */
export interface RetryPolicy {
  readonly retry: number
  readonly otherwise?: 'fail' | 'skip' | 'deadLetter'
}

/** What becomes of a record on which a user function throws. */
export type RecordErrorDecision = 'fail' | 'skip' | 'deadLetter' | RetryPolicy

/** A decision, or a synchronous function of the failure that takes one. */
export type RecordErrorPolicy =
  | RecordErrorDecision
  | ((failure: RecordFailure) => RecordErrorDecision)

/** What is known of one record's failure; also what a dead letter carries (see `DeadLetter`). */
export interface RecordFailure {
  readonly operator: string
  readonly error: unknown
  readonly record: unknown
  /** Undefined outside the scope of `keyBy`. */
  readonly key: unknown
}

/** A record that could not be processed, as it comes out of `flow.deadLetters()`. */
export interface DeadLetter {
  readonly operator: string
  readonly subtask: number
  /** Channel by which the record's batch came, and the batch's number on it; null at a source. */
  readonly channel: string | null
  readonly sequence: number | null
  /** Position of the batch in the source, where this chain begins with one. */
  readonly position: string | null
  readonly key: unknown
  readonly record: unknown
  readonly error: { readonly name: string; readonly message: string; readonly stack: string | null }
}

/** Returned by `recover` when the record is to be dropped. */
export const SKIP: unique symbol = Symbol('skip')

/** Returned by `decide` when the function is to be called once more. */
export const AGAIN: unique symbol = Symbol('again')

/** Carries out the policy of one operator in one subtask. */
export interface RecordErrors {
  /**
   * To be called in the operator's `catch`. Calls `again` for `retry`. Returns a value of `again`,
   * or SKIP (skipped, or sent as a dead letter); throws the failure of the subtask for `fail`.
   */
  recover<R>(error: unknown, record: unknown, key: unknown, again: () => R): R | typeof SKIP
  /**
   * As `recover`, for functions whose outcome comes later: `attempt` calls have failed so far (≥ 1).
   * Says whether to call again or to drop the record; throws the failure of the subtask for `fail`.
   */
  decide(error: unknown, record: unknown, key: unknown, attempt: number): typeof AGAIN | typeof SKIP
  /** As `recover`, for errors that may neither be skipped nor retried: throws. */
  fail(error: unknown, record: unknown, key: unknown): never
  /**
   * Filled in by the fused loop before it asks: where in its output the record's results would stand, and the
   * record's event time. For errors that are caught, whose replacements stand there.
   */
  readonly place?: { at: number; timeMs: number }
}
