/**
 * Where bundles are kept: files named after their content, written whole or not at all, which only
 * this user can write. Their names tell whether they are intact.
 *
 * The folder is `$MILLRACE_CACHE_DIR`, else `millrace` in the user's cache folder, else — where there
 * is no home — `millrace-<user id>` among the temporary files. A file that nobody has bundled or
 * loaded for `KEPT_DAYS` days is removed when another is added: a job that runs longer and then has
 * to replace a worker needs its module bundled again.
 */
import { createHash, randomBytes } from 'node:crypto'
import {
  lstat,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { homedir, tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { MillraceError } from '../../lib/base/errors.js'

const KEPT_DAYS = 30
const DAY_MS = 86_400_000

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/** The folder, made if need be. Throws E_CACHE_FOLDER where none can be used. */
export async function cacheFolder(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const problems: string[] = []
  for (const folder of candidates(env)) {
    const problem = await prepare(folder)
    if (problem === null) return folder
    problems.push(`${folder}: ${problem}`)
  }
  throw new MillraceError(
    'E_CACHE_FOLDER',
    `There is no folder to keep bundled job modules in: ${problems.join('; ')}. Name one with MILLRACE_CACHE_DIR.`,
  )
}

function candidates(env: NodeJS.ProcessEnv): readonly string[] {
  if (env.MILLRACE_CACHE_DIR) return [env.MILLRACE_CACHE_DIR]
  const user = process.getuid?.() ?? userInfo().username
  const home = process.platform === 'win32' ? env.LOCALAPPDATA : env.XDG_CACHE_HOME
  return [
    join(home || join(env.HOME || homedir(), '.cache'), 'millrace'),
    join(tmpdir(), `millrace-${user}`),
  ]
}

/** Null when the folder can be used, else why not. Others must not be able to put code there. */
async function prepare(folder: string): Promise<string | null> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const found = await lstat(folder)
    if (!found.isDirectory()) return 'is not a folder'
    if (process.getuid === undefined) return null
    if (found.uid !== process.getuid()) return 'belongs to another user'
    return (found.mode & 0o022) === 0 ? null : 'can be written by other users'
  } catch (thrown) {
    return (thrown as Error).message
  }
}

/** Puts `text` under `name` unless it is there; returns the file. Throws E_CACHE_FOLDER (retryable). */
export async function keep(folder: string, name: string, text: string): Promise<string> {
  const file = join(folder, name)
  if (await isKept(file, text)) return file
  const draft = `${file}.${randomBytes(6).toString('hex')}.tmp`
  try {
    await writeFile(draft, text, { mode: 0o600 })
    await rename(draft, file)
  } catch (cause) {
    await rm(draft, { force: true }).catch(() => {})
    throw cannotKeep(folder, cause as NodeJS.ErrnoException)
  }
  await prune(folder, Date.now())
  return file
}

const cannotKeep = (folder: string, cause: NodeJS.ErrnoException): MillraceError => {
  const advice = cause.code === 'ENOSPC' ? 'make room there, or name' : 'name'
  return new MillraceError(
    'E_CACHE_FOLDER',
    `cannot keep a bundled job module in ${folder}: ${cause.message}; ${advice} another folder with MILLRACE_CACHE_DIR`,
    { cause, retryable: true, details: { folder, code: cause.code ?? '' } },
  )
}

/** The file with the text that has this hash; null where it is not there, or is damaged. */
export async function kept(folder: string, hash: string): Promise<string | null> {
  const file = join(folder, `${hash}.mjs`)
  return (await isFresh(file, (text) => sha256(text) === hash)) ? file : null
}

const isKept = (file: string, text: string): Promise<boolean> =>
  isFresh(file, (found) => found === text)

/** True where it is there and whole; then its days are counted anew. */
async function isFresh(file: string, isWhole: (text: string) => boolean): Promise<boolean> {
  try {
    if (!isWhole(await readFile(file, 'utf8'))) return false
    const now = new Date()
    await utimes(file, now, now)
    return true
  } catch {
    return false
  }
}

/** Removes what is old. Best effort: others may prune at the same time. */
export async function prune(folder: string, nowMs: number): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!/\.(mjs|tmp)$/.test(name)) continue
    const file = join(folder, name)
    const found = await stat(file).catch(() => null)
    if (found !== null && nowMs - found.mtimeMs > KEPT_DAYS * DAY_MS)
      await rm(file, { force: true })
  }
}
