/** Checks of what users pass to operators; the compiler is not always asked (esbuild strips types). */
import { MillraceError } from '../base/errors.js'
import type { OperatorOptions } from './operator.js'

/** Throws E_BAD_ARGUMENT unless `value` is a function. */
export function requireFunction(operator: string, what: string, value: unknown): void {
  if (typeof value !== 'function') throw bad(operator, `${what} must be a function`, value)
}

/** Throws E_BAD_ARGUMENT unless `value` is a whole number of at least `min`. */
export function requireCount(operator: string, what: string, value: unknown, min: number): void {
  if (!Number.isSafeInteger(value) || Number(value) < min) {
    throw bad(operator, `${what} must be a whole number of at least ${min}`, value)
  }
}

/** Throws E_BAD_ARGUMENT unless `value` is a positive number of milliseconds. */
export function requireMs(operator: string, what: string, value: unknown): void {
  if (typeof value !== 'number' || !(value > 0)) {
    throw bad(operator, `${what} must be a positive number of milliseconds`, value)
  }
}

function bad(operator: string, expected: string, seen: unknown): MillraceError {
  const shown = typeof seen === 'function' ? 'a function' : (JSON.stringify(seen) ?? String(seen))
  return new MillraceError('E_BAD_ARGUMENT', `${operator}: ${expected}; seen: ${shown}`)
}

/** The options that every operator has, without the operator's own. */
export function commonOptions(options: OperatorOptions): OperatorOptions {
  const { name, parallelism, chain, onRecordError } = options
  return {
    ...(name === undefined ? {} : { name }),
    ...(parallelism === undefined ? {} : { parallelism }),
    ...(chain === undefined ? {} : { chain }),
    ...(onRecordError === undefined ? {} : { onRecordError }),
  }
}
