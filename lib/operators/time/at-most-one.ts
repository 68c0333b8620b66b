/** Options of which a user may name at most one. */
import { callSite } from '../../base/call-site.js'
import { MillraceError } from '../../base/errors.js'

/** Throws E_BAD_ARGUMENT where more than one of `names` is given. */
export function requireAtMostOne(
  operator: string,
  options: object,
  names: readonly string[],
): void {
  const given = names.filter((name) => (options as Record<string, unknown>)[name] !== undefined)
  if (given.length < 2) return
  const at = callSite()()
  throw new MillraceError(
    'E_BAD_ARGUMENT',
    `${operator} (${at}): ${given.join(' and ')} exclude each other: name one of ${names.join(', ')}`,
    { details: { operator, at } },
  )
}
