/**
 * Finds options that nobody reads. TypeScript finds them too, but job modules run without being
 * type-checked: a typing mistake would silently choose the default.
 */
import { callSite } from './call-site.js'
import { MillraceError } from './errors.js'

/** Throws E_UNKNOWN_OPTION where `options` of `what` have a name that is not `known`. */
export function refuseUnknownOptions(
  what: string,
  options: unknown,
  known: readonly string[],
): void {
  const problem = unknownOption(options, known)
  if (problem === null) return
  const at = callSite()()
  throw new MillraceError('E_UNKNOWN_OPTION', `${what} (${at}): ${problem}`, { details: { at } })
}

/** What is wrong with `options`, in words; null where every name is `known`. */
function unknownOption(options: unknown, known: readonly string[]): string | null {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    return `options must be an object like { ${known[0]}: … }, but are ${shown(options)}`
  }
  const name = Object.keys(options).find((key) => !known.includes(key))
  if (name === undefined) return null
  const meant = known.find((each) => isNear(each.toLowerCase(), name.toLowerCase()))
  const advice = meant === undefined ? `it knows ${known.join(', ')}` : `did you mean '${meant}'?`
  return `there is no option '${name}': ${advice}`
}

const shown = (value: unknown): string =>
  typeof value === 'string'
    ? `the text '${value}'`
    : Array.isArray(value)
      ? 'an array'
      : String(value)

/** One letter more, less, other, or two swapped. */
function isNear(a: string, b: string): boolean {
  let from = 0
  while (from < a.length && a[from] === b[from]) from++
  const [restA, restB] = [a.slice(from), b.slice(from)]
  return (
    restA.slice(1) === restB ||
    restA === restB.slice(1) ||
    restA.slice(1) === restB.slice(1) ||
    (restA[0] === restB[1] && restA[1] === restB[0] && restA.slice(2) === restB.slice(2))
  )
}
