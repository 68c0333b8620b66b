/**
 * Failures of the world: the one error class of Millrace and its form on the wire.
 *
 * Three kinds of trouble are never mixed. A bug asserts (`assert.ts`). An expected outcome is a
 * returned union. A failure of the world — bad input, a dead worker, a full disk — is a
 * `MillraceError`: match on `code`, never on the class, because errors cross threads and sockets.
 */

/** Facts about a failure by name: operator, file, line, key, offset, limit, seen value. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean>>

export interface MillraceErrorOptions {
  readonly cause?: unknown
  /** True where trying the same again may succeed. Default false. */
  readonly retryable?: boolean
  readonly details?: ErrorDetails
}

/**
 * A failure with a stable code. Its message names what was expected, what was seen, where, and
 * what to do.
 */
export class MillraceError extends Error {
  /** Stable, upper-case, with prefix `E_`: `E_NO_SINK`, `E_MEMORY_BUDGET`. */
  readonly code: string
  readonly retryable: boolean
  readonly details: ErrorDetails

  constructor(code: string, message: string, options: MillraceErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'MillraceError'
    this.code = code
    this.retryable = options.retryable ?? false
    this.details = options.details ?? {}
  }
}

/** An error as plain data: what crosses a thread or a socket whole, causes included. */
export interface ErrorData {
  readonly name: string
  readonly message: string
  readonly stack: string | null
  readonly code: string | null
  readonly retryable: boolean
  readonly details: ErrorDetails
  readonly cause: ErrorData | null
}

/** Causes deeper than this are cut: a cause chain may be cyclic. */
const CAUSE_DEPTH_MAX = 8

/** Any thrown value as data. A thrown non-error becomes one whose message is the value. */
export function errorToData(thrown: unknown, depth = 0): ErrorData {
  if (!(thrown instanceof Error)) {
    return {
      name: 'Error',
      message: String(thrown),
      stack: null,
      code: null,
      retryable: false,
      details: {},
      cause: null,
    }
  }
  const { code } = thrown as { code?: unknown }
  const hasCause = thrown.cause !== undefined && thrown.cause !== null && depth < CAUSE_DEPTH_MAX
  return {
    name: thrown.name,
    message: thrown.message,
    stack: thrown.stack ?? null,
    code: typeof code === 'string' ? code : null,
    retryable: thrown instanceof MillraceError && thrown.retryable,
    details: thrown instanceof MillraceError ? thrown.details : {},
    cause: hasCause ? errorToData(thrown.cause, depth + 1) : null,
  }
}

/** The reverse of {@link errorToData}: keeps name, message, stack, code, details and causes. */
export function errorFromData(data: ErrorData): Error {
  const cause = data.cause === null ? undefined : errorFromData(data.cause)
  const error =
    data.name === 'MillraceError' && data.code !== null
      ? new MillraceError(data.code, data.message, {
          cause,
          retryable: data.retryable,
          details: data.details,
        })
      : Object.assign(new Error(data.message, cause === undefined ? undefined : { cause }), {
          name: data.name,
          ...(data.code === null ? {} : { code: data.code }),
        })
  if (data.stack !== null) error.stack = data.stack
  return error
}
