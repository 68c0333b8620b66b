/** Checks of what users pass to operators; the compiler is not always asked (esbuild strips types). */
import { callSite } from '../base/call-site.js'
import { MillraceError } from '../base/errors.js'
import { refuseUnknownOptions } from '../base/unknown-option.js'
import { FIRST_VERSION } from '../state/upcast.js'
import type { OperatorOptions } from './operator.js'

/** Throws E_BAD_ARGUMENT unless `value` is a function. */
export function requireFunction(operator: string, what: string, value: unknown): void {
  if (typeof value !== 'function') throw bad(operator, `${what} must be a function`, value)
}

/** As `requireFunction`; refuses async functions, whose promise nobody would wait for. */
export function requireSyncFunction(operator: string, what: string, value: unknown): void {
  requireFunction(operator, what, value)
  if (!isAsyncFunction(value)) return
  throw new MillraceError(
    'E_BAD_ARGUMENT',
    `${operator} (${callSite()()}): ${what} must return its result at once, but is an async function, ` +
      'and nobody would wait for its promise. Do what takes time in mergeMap(async (record) => …) before.',
  )
}

/** True for `async () => …` and `async function* () { … }`; a plain function may return promises too. */
export function isAsyncFunction(value: unknown): boolean {
  return /^\[object Async(Generator)?Function\]$/.test(Object.prototype.toString.call(value))
}

/** Throws E_BAD_ARGUMENT unless `value` is a whole number of at least `min`, and at most `max`. */
export function requireCount(
  operator: string,
  what: string,
  value: unknown,
  min: number,
  max = Number.MAX_SAFE_INTEGER,
): void {
  if (Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max) return
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
  throw bad(operator, `${what} must be a whole number ${range}`, value)
}

/** Throws E_BAD_ARGUMENT unless `value` is one of the words. */
export function requireOneOf(
  operator: string,
  what: string,
  value: unknown,
  words: readonly (string | undefined)[],
): void {
  if (words.includes(value as string)) return
  const said = words.map((word) => (word === undefined ? 'left out' : `'${word}'`))
  throw bad(operator, `${what} must be ${said.join(' or ')}`, value)
}

/** Throws E_BAD_ARGUMENT unless `value` is true or false. */
export function requireBoolean(operator: string, what: string, value: unknown): void {
  if (typeof value !== 'boolean') throw bad(operator, `${what} must be true or false`, value)
}

/** Throws E_BAD_ARGUMENT unless `value` is a positive number of milliseconds. */
export function requireMs(operator: string, what: string, value: unknown): void {
  if (typeof value !== 'number' || !(value > 0)) {
    throw bad(operator, `${what} must be a positive number of milliseconds`, value)
  }
}

function bad(operator: string, expected: string, seen: unknown): MillraceError {
  const shown = typeof seen === 'function' ? 'a function' : (JSON.stringify(seen) ?? String(seen))
  const at = callSite()()
  return new MillraceError('E_BAD_ARGUMENT', `${operator} (${at}): ${expected}; seen: ${shown}`, {
    details: { operator, at },
  })
}

/** Throws E_BAD_ARGUMENT unless `policy` is one, or undefined. What a function returns is checked later. */
export function requirePolicy(operator: string, policy: unknown): void {
  if (policy === undefined || typeof policy === 'function' || isDropOrFail(policy)) return
  const { retry, otherwise } = (policy ?? {}) as { retry?: unknown; otherwise?: unknown }
  if (Number.isInteger(retry) && (otherwise === undefined || isDropOrFail(otherwise))) return
  const words = "'fail', 'skip', 'deadLetter', { retry: 3, otherwise: 'skip' } or a function"
  throw bad(operator, `onRecordError must be ${words}`, policy)
}

const isDropOrFail = (value: unknown): boolean =>
  value === 'fail' || value === 'skip' || value === 'deadLetter'

const COMMON = ['name', 'parallelism', 'chain', 'onRecordError'] as const

/**
 * The options that every operator has, without the operator's `own`. Throws E_UNKNOWN_OPTION for any
 * other.
 */
export function commonOptions(
  operator: string,
  options: OperatorOptions,
  own: readonly string[] = [],
): OperatorOptions {
  refuseUnknownOptions(operator, options, [...COMMON, ...own])
  const { name, parallelism, chain, onRecordError } = options
  requirePolicy(operator, onRecordError)
  const versions = own.includes('stateVersion') ? versionOptions(operator, options) : {}
  return {
    ...(name === undefined ? {} : { name }),
    ...(parallelism === undefined ? {} : { parallelism }),
    ...(chain === undefined ? {} : { chain }),
    ...(onRecordError === undefined ? {} : { onRecordError }),
    ...versions,
  }
}

/** Of operators that store values of the user. */
export const VERSIONS = ['stateVersion', 'upcast'] as const

function versionOptions(operator: string, { stateVersion, upcast }: OperatorOptions) {
  if (stateVersion === undefined && upcast === undefined) return {}
  requireCount(operator, 'stateVersion', stateVersion, FIRST_VERSION)
  const upcasts = upcast ?? {}
  for (const [version, call] of Object.entries(upcasts)) {
    requireCount(operator, 'a version of upcast', Number(version), FIRST_VERSION, stateVersion! - 1)
    requireSyncFunction(operator, `upcast[${version}]`, call)
  }
  return { stateVersion: stateVersion!, upcast: upcasts }
}
