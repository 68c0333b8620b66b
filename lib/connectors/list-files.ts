/**
 * From what the user gave — paths, globs, `!` excludes — to the files that are there, each looked at
 * once so that what is missing is said before anything runs.
 */
import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { callSite } from '../base/call-site.js'
import { MillraceError } from '../base/errors.js'
import { fileError } from './file-error.js'
import { glob, isGlob } from './glob.js'

/** A path, a glob, or several; an element that begins with `!` excludes. `-` is standard input. */
export type FilePaths = string | readonly string[]

export interface ListedFile {
  readonly path: string
  readonly size: number
  /** False: a pipe or device, which is read once from its beginning to its end. */
  readonly regular: boolean
}

export const STDIN = '-'

export const asList = (paths: FilePaths): readonly string[] =>
  typeof paths === 'string' ? [paths] : paths

/** `hamlet.txt`, or `a.txt +2`. */
export function pathsLabel(paths: FilePaths): string {
  const [first = '', ...others] = asList(paths)
  return others.length === 0 ? first : `${first} +${others.length}`
}

export const isStdin = (paths: FilePaths): boolean => asList(paths).includes(STDIN)

/** Called where the user composes: what can be refused without looking at the disk. */
export function assertPaths(kind: string, paths: FilePaths): void {
  const list = asList(paths)
  if (!Array.isArray(list) || list.some((path) => typeof path !== 'string')) {
    const seen = JSON.stringify(paths) ?? String(paths)
    throw new MillraceError(
      'E_NO_PATH',
      `${kind} (${callSite()()}): expected a path, a glob or an array of them, saw ${seen}`,
    )
  }
  const reads = list.filter((path) => !path.startsWith('!'))
  if (reads.length === 0 || list.includes('')) {
    throw new MillraceError('E_NO_PATH', `${kind}: expected a path or glob, saw ${show(list)}`)
  }
  if (isStdin(paths) && list.length > 1) {
    throw new MillraceError(
      'E_BAD_OPTION',
      `${kind}: '-' (stdin) cannot be combined with other paths, saw ${show(list)}`,
    )
  }
}

const show = (list: readonly string[]): string => JSON.stringify(list)

/** Paths in the order given, globs expanded and sorted, each path once. */
export async function expandPaths(
  kind: string,
  paths: FilePaths,
  exclude: FilePaths = [],
): Promise<string[]> {
  const list = asList(paths)
  const excludes = [
    ...asList(exclude),
    ...list.filter((path) => path.startsWith('!')).map((path) => path.slice(1)),
  ]
  const found = new Set<string>()
  for (const path of list) {
    if (path.startsWith('!')) continue
    const isLiteral = !isGlob(path) || (await exists(path))
    const files = isLiteral ? [path] : await matches(kind, path, excludes)
    for (const file of files) found.add(file)
  }
  return [...found]
}

async function matches(kind: string, pattern: string, excludes: readonly string[]) {
  const files = await glob(pattern, excludes).catch((cause) => {
    throw fileError(cause, 'list', pattern)
  })
  if (files.length > 0) return files
  throw new MillraceError(
    'E_NO_MATCH',
    `${kind}: no file matches ${pattern} in ${process.cwd()}` +
      `${excludes.length > 0 ? ` (without ${excludes.join(', ')})` : ''}; wildcards match neither ` +
      'dot files nor node_modules',
    { details: { pattern, directory: process.cwd() } },
  )
}

const exists = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => null)) !== null

/** Throws `E_NO_SUCH_FILE`, `E_IS_DIRECTORY` or `E_FILE_ACCESS` where it cannot be read. */
export async function lookAt(path: string): Promise<ListedFile> {
  try {
    const found = await stat(path)
    if (found.isDirectory()) throw Object.assign(new Error('directory'), { code: 'EISDIR' })
    await access(path, constants.R_OK)
    return { path, size: found.size, regular: found.isFile() }
  } catch (cause) {
    throw fileError(cause, 'read', path)
  }
}
