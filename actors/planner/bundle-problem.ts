/**
 * From the bundler's messages to one `MillraceError` that shows the user's own line, and no stack:
 * nothing of the user's has run.
 */
import { relative } from 'node:path'
import { type ErrorDetails, MillraceError } from '../../lib/base/errors.js'

/** The part of the bundler's message that is used. `column` counts from 0. */
export interface BundlerMessage {
  readonly text: string
  readonly location: {
    readonly file: string
    readonly line: number
    readonly column: number
    readonly lineText: string
  } | null
}

const PROBLEMS_SHOWN_MAX = 5
const LINE_CHARACTERS_MAX = 160

/** `messages` is not empty; their files are absolute, or relative to `folder`. */
export function bundleProblem(messages: readonly BundlerMessage[]): MillraceError {
  const shown = messages.slice(0, PROBLEMS_SHOWN_MAX).map(describe)
  const more = messages.length - shown.length
  if (more > 0) shown.push(`… and ${more} more`)
  const first = messages[0]!
  return new MillraceError(codeOf(first.text), shown.join('\n\n'), { details: detailsOf(first) })
}

/** `file:line:column: text`, and below it the line with a mark under the column. */
export function describe(message: BundlerMessage): string {
  const { location } = message
  const text = `${reword(message.text)}${hint(message.text)}`
  if (location === null) return text
  const { line, column, lineText } = location
  const place = `${showPath(location.file)}:${line}:${column + 1}`
  if (lineText.length > LINE_CHARACTERS_MAX) return `${place}: ${text}`
  const gutter = `${line} │ `
  const mark = `${' '.repeat(gutter.length)}${lineText.slice(0, column).replace(/\S/g, ' ')}^`
  return `${place}: ${text}\n\n${gutter}${lineText}\n${mark}`
}

/** Relative to the current folder where that is shorter. */
export function showPath(path: string): string {
  const near = relative(process.cwd(), path)
  return near !== '' && near.length < path.length ? near : path
}

const UNRESOLVED = /^Could not resolve "([^"]+)"/

function codeOf(text: string): string {
  if (UNRESOLVED.test(text) || text.startsWith('No such entry point')) return 'E_NO_SUCH_MODULE'
  if (text.startsWith('No matching export')) return 'E_NO_SUCH_EXPORT'
  return text.startsWith('No loader is configured') ? 'E_NOT_A_MODULE' : 'E_SYNTAX'
}

const reword = (text: string): string => text.replace(UNRESOLVED, 'cannot find "$1"')

function hint(text: string): string {
  const [, specifier] = UNRESOLVED.exec(text) ?? []
  if (specifier === undefined) return ''
  return /^[./]/.test(specifier)
    ? ': there is no such file'
    : `: it is not installed here (npm install ${specifier})`
}

const detailsOf = ({ location }: BundlerMessage): ErrorDetails =>
  location === null ? {} : { file: location.file, line: location.line, column: location.column + 1 }
