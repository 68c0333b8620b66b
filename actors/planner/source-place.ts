/**
 * Keeps a source file's own place through bundling: `import.meta.url`, `.filename`, `.dirname` and
 * CommonJS's `__filename`, `__dirname` mean the file they were written in, not the bundle.
 *
 * The bundler replaces each of them by a variable (`PLACE_DEFINES`) which `withPlace` declares at
 * the beginning of the file. It adds no line, so that line numbers hold.
 */
import { dirname } from 'node:path'
import { pathToFileURL } from 'node:url'

const URL_NAME = '__millrace_url'
const FILE_NAME = '__millrace_filename'
const FOLDER_NAME = '__millrace_dirname'

/** What the bundler shall put for each expression, unless the file declares such a name itself. */
export const PLACE_DEFINES: Readonly<Record<string, string>> = {
  'import.meta.url': URL_NAME,
  'import.meta.filename': FILE_NAME,
  'import.meta.dirname': FOLDER_NAME,
  __filename: FILE_NAME,
  __dirname: FOLDER_NAME,
}

const ASKS_FOR_PLACE = /\bimport\s*\.\s*meta\b|\b__(?:file|dir)name\b/

/** The text with its place declared; the text itself where it does not ask. */
export function withPlace(text: string, path: string): string {
  // A line for the shell is none of the bundler's: it would stand above the bundle's head.
  const body = text.startsWith('#!') ? `//${text}` : text
  if (!ASKS_FOR_PLACE.test(body)) return body
  const place = [
    [URL_NAME, pathToFileURL(path).href],
    [FILE_NAME, path],
    [FOLDER_NAME, dirname(path)],
  ]
  const declared = place.map(([name, value]) => `${name} = ${JSON.stringify(value)}`)
  return `var ${declared.join(', ')}; ${body}`
}

const DECLARED = new RegExp(`^var ${URL_NAME} = .*?, ${FOLDER_NAME} = "(?:[^"\\\\]|\\\\.)*"; `)

/** Number of characters that `withPlace` has put before this line. */
export const placeLength = (line: string): number => DECLARED.exec(line)?.[0].length ?? 0
