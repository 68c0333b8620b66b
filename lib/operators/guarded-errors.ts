/**
 * Record errors of an operator that `retry` and `catchError` stand behind: first what the operator's own
 * `onRecordError` says, then the guards in order, then what would have been without them.
 */
import type { Caught } from './caught.js'
import type { ErrorGuard } from './operator.js'
import {
  type RecordErrorPolicy,
  type RecordErrors,
  type RecordFailure,
  SKIP,
} from './record-error.js'
import { createRecordErrors, type RecordErrorsOptions } from './record-errors.js'

/** What stands behind an operator to meet its errors. */
export interface Guarding {
  /** From the nearest on. */
  readonly guards: readonly ErrorGuard[]
  readonly caught: Caught
  /** Errors of the function that replaces. */
  readonly guardErrors: RecordErrors
}

export interface GuardedErrorsOptions extends RecordErrorsOptions, Guarding {
  /** The policy is the operator's own: only what it lets fail comes to a `catch`. */
  readonly ownPolicy: boolean
  /** A record was replaced. */
  readonly onCaught: () => void
}

export function createGuardedErrors(options: GuardedErrorsOptions): RecordErrors {
  const { guards, ownPolicy, caught, guardErrors, deadLetter } = options
  const catching = guards.find((guard) => guard.kind === 'catch')
  const before = catching === undefined ? guards : guards.slice(0, guards.indexOf(catching))
  const retries = before.reduce((sum, guard) => sum + (guard.kind === 'retry' ? guard.count : 0), 0)
  /** The last decision was to fail: the guard takes it. */
  let isCaught = false

  const base: RecordErrorPolicy = catching === undefined || ownPolicy ? options.policy : 'fail'
  const policy = (failure: RecordFailure) => {
    const decision = typeof base === 'function' ? base(failure) : base
    const own = typeof decision === 'string' ? { retry: 0, otherwise: decision } : decision
    const { retry, otherwise = 'fail' } = own
    isCaught = catching !== undefined && otherwise === 'fail'
    return {
      retry: Math.max(retry, retries),
      otherwise: isCaught ? 'deadLetter' : otherwise,
    } as const
  }

  const errors: RecordErrors = {
    ...createRecordErrors({
      ...options,
      policy,
      deadLetter(failure) {
        if (isCaught) replace(failure)
        else deadLetter(failure)
      },
    }),
    place: { at: 0, timeMs: Number.NaN },
  }

  function replace({ error, record, key }: RecordFailure): void {
    if (catching?.kind !== 'catch') return
    const { at, timeMs } = errors.place!
    const call = () => [...catching.replace(error, record)]
    let values: unknown[] | typeof SKIP
    try {
      values = call()
    } catch (thrown) {
      values = guardErrors.recover(thrown, record, key, call)
    }
    if (values === SKIP) return
    options.onCaught()
    caught.add(at, values, key, timeMs)
  }

  return errors
}
