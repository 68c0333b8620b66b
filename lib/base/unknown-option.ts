/**
 * Finds options that nobody reads. TypeScript finds them too, but job modules run without being
 * type-checked: a typing mistake would silently choose the default.
 */
import { callSite, UNKNOWN_SITE } from './call-site.js'
import { MillraceError } from './errors.js'

/** Names of all options of a type: where one is missing, or there is another, it does not compile. */
export const optionNames = <Options>(
  names: Readonly<Record<keyof Options, true>>,
): readonly string[] => Object.keys(names)

/**
 * Throws E_UNKNOWN_OPTION where `options` of `what` have a name that is not `known`. `parts`: what is known
 * of those that may be objects of options themselves; where they are none, that is for whoever reads them.
 */
export function refuseUnknownOptions(
  what: string,
  options: unknown,
  known: readonly string[],
  parts: Readonly<Record<string, readonly string[]>> = {},
): void {
  const problem = unknownOption(options, known)
  if (problem !== null) {
    const at = callSite()()
    const where = at === UNKNOWN_SITE ? '' : ` (${at})`
    throw new MillraceError('E_UNKNOWN_OPTION', `${what}${where}: ${problem}`, { details: { at } })
  }
  for (const [name, knownOfPart] of Object.entries(parts)) {
    const part = (options as Readonly<Record<string, unknown>>)[name]
    if (isOptions(part)) refuseUnknownOptions(`${what}: ${name}`, part, knownOfPart)
  }
}

const isOptions = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** What is wrong with `options`, in words; null where every name is `known`. */
function unknownOption(options: unknown, known: readonly string[]): string | null {
  if (!isOptions(options)) {
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
