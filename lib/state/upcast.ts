/**
 * Versions of stored values. An operator whose stored values have another shape than before raises its
 * version, and says how a value of each version becomes one of the next.
 */
import { MillraceError } from '../base/errors.js'

/**
 * Makes of a value as version n stored it one of version n + 1. `state`: the name of the state, where an
 * operator has several. Must be quick, synchronous, and give the same for the same.
 */
// biome-ignore lint/suspicious/noExplicitAny: what former versions stored has no type any more.
export type Upcast = (value: any, state: string) => unknown

/** By the version that they begin with. */
export type Upcasts = Readonly<Record<number, Upcast>>

/** What a plan knows of it: `from` are versions that have an upcast. */
export interface StateVersion {
  readonly version: number
  readonly from: readonly number[]
}

export const FIRST_VERSION = 1

/** Versions between the stored one and that of the operator for which there is no upcast. */
export function missingUpcasts(stored: number, now: StateVersion): readonly number[] {
  const missing: number[] = []
  for (let version = stored; version < now.version; version++) {
    if (!now.from.includes(version)) missing.push(version)
  }
  return missing
}

/** Null where nothing has to be done. Errors of upcasts come as E_UPCAST, with operator and state. */
export function upcastFrom(
  operator: string,
  stored: number,
  now: number,
  upcasts: Upcasts,
): Upcast | null {
  if (stored >= now) return null
  return (value, state) => {
    let current = value
    for (let version = stored; version < now; version++) {
      try {
        current = upcasts[version]!(current, state)
      } catch (cause) {
        throw failed(operator, state, version, cause)
      }
    }
    return current
  }
}

const failed = (operator: string, state: string, version: number, cause: unknown): MillraceError =>
  new MillraceError(
    'E_UPCAST',
    `operator ${operator}: upcast ${version} → ${version + 1} of state "${state}" threw: ` +
      `${cause instanceof Error ? cause.message : String(cause)}. The snapshot is as it was; mend the function and start again`,
    { cause, details: { operator, state, version } },
  )
