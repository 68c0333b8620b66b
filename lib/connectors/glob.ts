/**
 * Globs: `*` and `?` within a name, `**` across directories, `{a,b}` alternatives; `\` escapes.
 *
 * Wildcards match neither a leading dot nor the directory `node_modules`: write them out to go there.
 * `**` does not follow symbolic links to directories, so it always ends. Results are sorted.
 */
import type { Dirent } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** A pattern may stand for this many alternatives; `{a,b}{c,d}…` multiplies. */
const ALTERNATIVES_MAX = 1000

export const isGlob = (path: string): boolean => /[*?{]/.test(path)

/** Files that match `pattern` and none of `excludes`. */
export async function glob(pattern: string, excludes: readonly string[] = []): Promise<string[]> {
  const found = new Set<string>()
  const isExcluded = excludes.map(matcher)
  for (const alternative of alternatives(pattern)) {
    const segments = alternative.split('/')
    const isAbsolute = segments[0] === ''
    const walk = new Walk(isExcluded, found)
    const names = segments.filter((segment) => segment !== '' && segment !== '.')
    await walk.visit(isAbsolute ? '/' : '', names)
  }
  return [...found].sort()
}

/** Tests whole paths, as `glob` returns them. Here wildcards match dot names too. */
export function matcher(pattern: string): (path: string) => boolean {
  const sources = alternatives(pattern.replace(/^\.\//, '')).map((alternative) => {
    const segments = alternative.split('/')
    const parts = segments.map((segment, i) => {
      const isLast = i === segments.length - 1
      if (segment === '**') return isLast ? '.*' : '(?:[^/]*/)*'
      return segmentSource(segment) + (isLast ? '' : '/')
    })
    return parts.join('')
  })
  // A pattern that names a directory covers what is in it.
  const expression = new RegExp(`^(?:${sources.join('|')})(?:/.*)?$`)
  return (path) => expression.test(path)
}

class Walk {
  readonly #isExcluded: readonly ((path: string) => boolean)[]
  readonly #found: Set<string>

  constructor(isExcluded: readonly ((path: string) => boolean)[], found: Set<string>) {
    this.#isExcluded = isExcluded
    this.#found = found
  }

  async visit(directory: string, segments: readonly string[]): Promise<void> {
    const [segment, ...rest] = segments
    if (segment === undefined) return
    if (!isGlob(segment) && !segment.includes('\\')) {
      return this.#step(join(directory, segment), rest, false)
    }
    const entries = await list(directory)
    if (segment !== '**') return this.#matching(directory, entries, segment, rest)
    await this.visit(directory, rest.length === 0 ? ['*'] : rest)
    for (const entry of entries) {
      if (entry.isDirectory() && !isHidden(entry.name)) {
        await this.#descend(join(directory, entry.name), segments)
      }
    }
  }

  async #matching(
    directory: string,
    entries: readonly Dirent[],
    segment: string,
    rest: readonly string[],
  ): Promise<void> {
    const expression = new RegExp(`^${segmentSource(segment)}$`)
    for (const entry of entries) {
      if (!expression.test(entry.name)) continue
      if (isHidden(entry.name) && !segment.startsWith('.')) continue
      await this.#step(join(directory, entry.name), rest, entry.isFile())
    }
  }

  async #step(path: string, rest: readonly string[], isFile: boolean): Promise<void> {
    if (rest.length > 0) return this.#descend(path, rest)
    if (this.#isExcluded.some((excludes) => excludes(path))) return
    if (isFile || (await isFileAt(path))) this.#found.add(path)
  }

  async #descend(path: string, segments: readonly string[]): Promise<void> {
    if (this.#isExcluded.some((excludes) => excludes(path))) return
    await this.visit(path, segments)
  }
}

const isHidden = (name: string): boolean => name.startsWith('.') || name === 'node_modules'

async function isFileAt(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => null)
  return found !== null && !found.isDirectory()
}

async function list(directory: string): Promise<Dirent[]> {
  try {
    return await readdir(directory === '' ? '.' : directory, { withFileTypes: true })
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return []
    throw cause
  }
}

/** A regular expression for one name. */
function segmentSource(segment: string): string {
  let source = ''
  for (let i = 0; i < segment.length; i++) {
    const char = segment[i]!
    if (char === '*') source += '[^/]*'
    else if (char === '?') source += '[^/]'
    else if (char === '\\' && i + 1 < segment.length) source += literal(segment[++i]!)
    else source += literal(char)
  }
  return source
}

const literal = (char: string): string => char.replace(/[.*+?^${}()|[\]\\]/, '\\$&')

/** Expands `{a,b}`; an unbalanced brace is an ordinary character. */
export function alternatives(pattern: string): string[] {
  const open = pattern.indexOf('{')
  const close = open === -1 ? -1 : closingBrace(pattern, open)
  if (close === -1) return [pattern]
  const choices = splitChoices(pattern.slice(open + 1, close))
  const tails = alternatives(pattern.slice(close + 1))
  const heads = choices.flatMap((choice) => alternatives(choice))
  if (heads.length * tails.length > ALTERNATIVES_MAX) return [pattern]
  return heads.flatMap((head) => tails.map((tail) => pattern.slice(0, open) + head + tail))
}

function closingBrace(pattern: string, open: number): number {
  let depth = 0
  for (let i = open; i < pattern.length; i++) {
    if (pattern[i] === '{') depth++
    if (pattern[i] === '}' && --depth === 0) return i
  }
  return -1
}

function splitChoices(inside: string): string[] {
  const choices: string[] = []
  let depth = 0
  let from = 0
  for (let i = 0; i < inside.length; i++) {
    if (inside[i] === '{') depth++
    if (inside[i] === '}') depth--
    if (inside[i] === ',' && depth === 0) {
      choices.push(inside.slice(from, i))
      from = i + 1
    }
  }
  return [...choices, inside.slice(from)]
}
