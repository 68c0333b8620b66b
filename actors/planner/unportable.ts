/** What a bundle asks of the machine it was made on, and would not find on another host. */
import { MillraceError } from '../../lib/base/errors.js'

const DECLARATION = /var (__millrace_url\d*) = .*?(?=;)/g
const PLACE = /\b__millrace_(url|filename|dirname)\d*\b/
const WRITTEN: Readonly<Record<string, string>> = {
  url: 'import.meta.url',
  filename: '__filename',
  dirname: '__dirname',
}
/** Above each module in a bundle stands the name of its file. */
const FILE = /^\/\/ (\S.*\.[cm]?[jt]sx?)$/
const IMPORTED = /\b(?:from|import|require)\s*\(?\s*"(file:[^"]+|\/[^"]+\.node)"/

/** Null where there is nothing. `source`: the job module. */
export function unportable(text: string, source: string): MillraceError | null {
  let file = source
  for (const line of text.split('\n')) {
    if (line.includes('__millrace_create_require')) continue
    const named = FILE.exec(line)?.[1]
    if (named !== undefined) file = named
    const native = IMPORTED.exec(line)?.[1]
    if (native !== undefined) return nativeAddOn(native, file)
    // Whoever wrote a dependency may ask without using the answer; the user's own file means it.
    if (file.includes('node_modules/')) continue
    const place = PLACE.exec(line.replace(DECLARATION, ''))?.[1]
    if (place !== undefined) return asksForPlace(WRITTEN[place]!, file)
  }
  return null
}

const nativeAddOn = (path: string, file: string): MillraceError =>
  new MillraceError(
    'E_NATIVE_MODULE',
    `${file} needs the native add-on ${path}, which is not on the nodes: a job for a cluster is one file of JavaScript`,
    { details: { file, path } },
  )

const asksForPlace = (expression: string, file: string): MillraceError =>
  new MillraceError(
    'E_IMPORT_META_URL',
    `${file} uses ${expression}, the place of a file that is not on the nodes: give paths as arguments, and mean paths on the nodes`,
    { details: { file, expression } },
  )
