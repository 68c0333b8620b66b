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
  const maps = new Map<string, Mapped | null>()
  return (url, line, column) => {
    if (!maps.has(url)) maps.set(url, sourceMapOf(url))
    const mapped = maps.get(url) ?? null
    const entry = mapped?.map.findEntry(line, column)
    if (entry && 'originalSource' in entry) {
      const { originalSource, originalLine, originalColumn } = entry
      return `${sourceOf(originalSource, mapped!.sources)}:${originalLine + 1}:${originalColumn + 1}`
    }
    return `${display(url)}:${line + 1}:${column + 1}`
  }
}

interface Mapped {
  readonly map: SourceMap
  /** URL of what the names of sources are relative to. */
  readonly sources: string
}

const sourceOf = (name: string, sources: string): string =>
  URL.canParse(name, sources) ? display(new URL(name, sources).href) : name

/** As it is where it is of no file here: of another host, or of a machine whose paths are others. */
function display(url: string): string {
  if (!url.startsWith('file:')) return url
  try {
    return fileURLToPath(url)
  } catch {
    return url
  }
}

/** Null where there is none, or none that can be read: the report must not fail for it. */
function sourceMapOf(url: string): Mapped | null {
  if (!url.startsWith('file:')) return null
  try {
    const code = readFileSync(fileURLToPath(url), 'utf8')
    const at = code.lastIndexOf('//# sourceMappingURL=')
    if (at < 0) return null
    const [reference] = code.slice(at + '//# sourceMappingURL='.length).split(/\s/, 1)
    const { text, base } = readReference(reference!, url)
    const payload = JSON.parse(text)
    return { map: new SourceMap(payload), sources: sourceRootOf(payload, base) }
  } catch {
    return null
  }
}

/** `base`: the URL of the map, which is that of the code where it is inside. */
function readReference(reference: string, url: string): { text: string; base: string } {
  const inline = /^data:[^,]*;base64,(.*)$/.exec(reference)
  if (inline) return { text: Buffer.from(inline[1]!, 'base64').toString('utf8'), base: url }
  const base = new URL(reference, url).href
  return { text: readFileSync(fileURLToPath(base), 'utf8'), base }
}

/** Node hands the names of sources on as they are: neither sourceRoot nor the place of the map is in them. */
function sourceRootOf({ sourceRoot }: { readonly sourceRoot?: unknown }, base: string): string {
  if (typeof sourceRoot !== 'string' || sourceRoot === '') return base
  return new URL(sourceRoot.endsWith('/') ? sourceRoot : `${sourceRoot}/`, base).href
}
