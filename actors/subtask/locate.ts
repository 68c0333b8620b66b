/**
 * Where a failure happened. An error that names its operator already is left as it is; any other gets
 * one around it which names operator and subtask, with the first as its cause.
 */
import { errorToData, MillraceError } from '../../lib/base/errors.js'
import { classify, type FailureKind } from '../../lib/supervision/failure.js'

export function locate(error: unknown, code: string, operator: string, subtask: number): Error {
  if (error instanceof MillraceError) {
    if (error.details.operator !== undefined) return error
    const { message, retryable } = error
    const details = { ...error.details, ...kindOf(error, code) }
    return new MillraceError(error.code, `${operator}: ${message}`, {
      cause: error,
      retryable,
      details: { ...details, operator, subtask },
    })
  }
  const message = error instanceof Error ? error.message : String(error)
  // What is not known to be hopeless gets its tries.
  return new MillraceError(
    isBug(message) ? 'E_BROKEN_LAW' : code,
    `${operator} failed: ${message}`,
    {
      cause: error,
      retryable: true,
      details: { operator, subtask },
    },
  )
}

/**
 * Files and sockets fail in the same ways, whether they are read or written: who has to do something
 * about it is told by the side on which it happened.
 */
function kindOf(error: MillraceError, code: string): { readonly kind?: FailureKind } {
  const byCode = classify(errorToData(error))
  if (code === 'E_SINK' && (byCode === 'system' || byCode === 'input')) return { kind: 'sink' }
  if (code === 'E_SOURCE' && byCode === 'system') return { kind: 'input' }
  return {}
}

const isBug = (message: string): boolean => message.startsWith('broken law:')

/** Methods of the contracts of readers and writers. */
const METHODS = [
  'read',
  'position',
  'close',
  'write',
  'flush',
  'finish',
  'abort',
  'prepare',
  'commit',
  'discard',
  'recover',
] as const

/** A reader or writer whose errors are located; its methods are called per batch. */
export function locating<T extends object>(
  part: T,
  code: string,
  operator: string,
  subtask: number,
): T {
  const located: Record<string, unknown> = {}
  for (const name of METHODS) {
    const method = (part as Record<string, unknown>)[name]
    if (typeof method !== 'function') continue
    located[name] = (...args: unknown[]): unknown => {
      try {
        const result = method.apply(part, args)
        if (!(result instanceof Promise)) return result
        return result.catch((error: unknown) => {
          throw locate(error, code, operator, subtask)
        })
      } catch (error) {
        throw locate(error, code, operator, subtask)
      }
    }
  }
  return located as T
}
