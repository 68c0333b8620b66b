/** Side outputs: streams beside the main one, told apart by tags. */
import { callSite } from '../base/call-site.js'
import { MillraceError } from '../base/errors.js'

declare const record: unique symbol

/** Names a side output, and says what its records are. */
export interface SideTag<out T> {
  readonly name: string
  readonly [record]?: T
}

/** Letters, digits, `-` and `_`: the name shows in plans and metrics. */
const NAME = /^[\w-]{1,64}$/
/** Names of outputs that every operator has. */
const TAKEN: readonly string[] = ['main', 'dead-letters']

/**
 * Makes the tag of a side output: an operator sends records to it, and `sideOutput(tag)` reads them.
 * Two tags of one name are the same output.
 *
 * @example
 * const late = sideTag<Bid>('late')
 *
 * @throws MillraceError `E_BAD_ARGUMENT` where the name is not 1 to 64 letters, digits, `-` and `_`.
 */
export function sideTag<T>(name: string): SideTag<T> {
  if (typeof name === 'string' && NAME.test(name) && !TAKEN.includes(name)) {
    return Object.freeze({ name })
  }
  throw new MillraceError(
    'E_BAD_ARGUMENT',
    `sideTag (${callSite()()}): the name of a side output must be 1 to 64 letters, digits, '-' or '_', ` +
      `and neither 'main' nor 'dead-letters'; seen: ${JSON.stringify(name) ?? String(name)}`,
  )
}
