/**
 * From a place in compiled code to the place in the source the user wrote, by the source map that the
 * compiled file names. Read from disk at need: for the rare report, not for the hot path.
 */
import { readFileSync } from 'node:fs'
import { SourceMap } from 'node:module'
import { fileURLToPath } from 'node:url'

/** `file:line:column`, all counted from 1, for a line and a column counted from 0. */
export type PositionMapper = (url: string, line: number, column: number) => string

/** Reads each map once; drop it after the report, since files change. */
export function createPositionMapper(): PositionMapper {
  const maps = new Map<string, SourceMap | null>()
  return (url, line, column) => {
    if (!maps.has(url)) maps.set(url, sourceMapOf(url))
    const entry = maps.get(url)?.findEntry(line, column)
    if (entry && 'originalSource' in entry) {
      const { originalSource, originalLine, originalColumn } = entry
      const source = new URL(originalSource, url).href
      return `${display(source)}:${originalLine + 1}:${originalColumn + 1}`
    }
    return `${display(url)}:${line + 1}:${column + 1}`
  }
}

const display = (url: string) => (url.startsWith('file:') ? fileURLToPath(url) : url)

/** Null where there is none, or none that can be read: the report must not fail for it. */
function sourceMapOf(url: string): SourceMap | null {
  if (!url.startsWith('file:')) return null
  try {
    const code = readFileSync(fileURLToPath(url), 'utf8')
    const at = code.lastIndexOf('//# sourceMappingURL=')
    if (at < 0) return null
    const [reference] = code.slice(at + '//# sourceMappingURL='.length).split(/\s/, 1)
    return new SourceMap(JSON.parse(readReference(reference!, url)))
  } catch {
    return null
  }
}

function readReference(reference: string, url: string): string {
  const inline = /^data:[^,]*;base64,(.*)$/.exec(reference)
  if (inline) return Buffer.from(inline[1]!, 'base64').toString('utf8')
  return readFileSync(fileURLToPath(new URL(reference, url)), 'utf8')
}
