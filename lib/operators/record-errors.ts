/** Carries out the record error policy of one operator in one subtask. */
import { MillraceError } from '../base/errors.js'
import {
  AGAIN,
  type RecordErrorDecision,
  type RecordErrorPolicy,
  type RecordErrors,
  type RecordFailure,
  SKIP,
} from './record-error.js'

export interface RecordErrorsOptions {
  readonly operator: string
  readonly policy: RecordErrorPolicy
  /** Takes a record that could not be processed; called once per such record. */
  readonly deadLetter: (failure: RecordFailure) => void
}

type Last = 'fail' | 'skip' | 'deadLetter'

/** More calls than this for one record are no retry but a loop. */
const RETRIES_MAX = 1_000

export function createRecordErrors(options: RecordErrorsOptions): RecordErrors {
  const { operator } = options

  function failureOf(error: unknown, record: unknown, key: unknown): RecordFailure {
    return { operator, error, record, key }
  }

  function drop(failure: RecordFailure, last: Last): typeof SKIP {
    if (last === 'fail') throw failed(failure)
    if (last === 'deadLetter') options.deadLetter(failure)
    return SKIP
  }

  return {
    recover<R>(error: unknown, record: unknown, key: unknown, again: () => R): R | typeof SKIP {
      const failure = failureOf(error, record, key)
      const { retries, last } = planOf(failure, options.policy)
      let newest = error
      for (let attempt = 0; attempt < retries; attempt++) {
        try {
          return again()
        } catch (next) {
          newest = next
        }
      }
      return drop(failureOf(newest, record, key), last)
    },
    decide(error, record, key, attempt) {
      const failure = failureOf(error, record, key)
      const { retries, last } = planOf(failure, options.policy)
      return attempt <= retries ? AGAIN : drop(failure, last)
    },
    fail(error, record, key) {
      throw failed(failureOf(error, record, key))
    },
  }
}

/** How often to call again, and what then. */
function planOf(
  failure: RecordFailure,
  policy: RecordErrorPolicy,
): { retries: number; last: Last } {
  const decision = typeof policy === 'function' ? ask(failure, policy) : policy
  if (decision === 'fail' || decision === 'skip' || decision === 'deadLetter') {
    return { retries: 0, last: decision }
  }
  const retries = (decision as { retry?: unknown } | null | undefined)?.retry
  const last = decision?.otherwise ?? 'fail'
  const valid = Number.isInteger(retries) && Number(retries) >= 0 && Number(retries) <= RETRIES_MAX
  if (valid && (last === 'fail' || last === 'skip' || last === 'deadLetter')) {
    return { retries: Number(retries), last }
  }
  throw new MillraceError(
    'E_BAD_POLICY',
    `operator "${failure.operator}": onRecordError must be 'fail', 'skip', 'deadLetter' or ` +
      `{ retry: 0…${RETRIES_MAX}, otherwise } or a function that returns one of them at once; ` +
      `seen: ${preview(decision)}`,
    { cause: failure.error, details: { operator: failure.operator } },
  )
}

function ask(
  failure: RecordFailure,
  policy: (failure: RecordFailure) => RecordErrorDecision,
): RecordErrorDecision {
  try {
    return policy(failure)
  } catch (error) {
    throw new MillraceError(
      'E_BAD_POLICY',
      `operator "${failure.operator}": onRecordError itself threw: ${messageOf(error)}`,
      { cause: error, details: { operator: failure.operator } },
    )
  }
}

/** The failure of the subtask. A Millrace error keeps its code; any other is user code's. */
function failed({ operator, error, record, key }: RecordFailure): MillraceError {
  const own = error instanceof MillraceError
  return new MillraceError(
    own ? error.code : 'E_USER_CODE',
    `operator "${operator}" failed on a record: ${messageOf(error)}; the record: ${preview(record)}` +
      ' (to go on without such records, give the operator or the pipeline an onRecordError)',
    {
      cause: error,
      retryable: own && error.retryable,
      details: {
        operator,
        record: preview(record),
        ...(key === undefined ? {} : { key: preview(key) }),
      },
    },
  )
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)

const PREVIEW_CHARS_MAX = 200

/** A value in one short line, for messages; never throws. */
export function preview(value: unknown): string {
  let text: string
  try {
    text =
      typeof value === 'object' && value !== null
        ? (JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? `${part}n` : part)) ??
          Object.prototype.toString.call(value))
        : typeof value === 'string'
          ? JSON.stringify(value.slice(0, PREVIEW_CHARS_MAX))
          : String(value)
  } catch {
    text = Object.prototype.toString.call(value)
  }
  return text.length > PREVIEW_CHARS_MAX ? `${text.slice(0, PREVIEW_CHARS_MAX)}…` : text
}
