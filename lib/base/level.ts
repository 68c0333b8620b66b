/**
 * The one file that names `level`: an ordered store of bytes by text, in a directory.
 *
 * LevelDB holds its directory by a lock of the file LOCK. The lock belongs to the process, and the
 * process loses it as soon as it closes that file once, which a second, refused attempt to open the same
 * directory does: another process could then open it too. So such an attempt never reaches LevelDB.
 * That is kept per thread: *caller must* not open one directory in two threads.
 *
 * The main thread of what runs jobs loads this file whether it opens a store or not: a native library that
 * only ended threads have loaded is taken out of memory, below LevelDB's own thread, which ends with the process.
 */
import { mkdir, realpath } from 'node:fs/promises'
import { Level } from 'level'

export type LevelDb = Level<string, Uint8Array>
/** The same of text by text: what is read makes no buffer, which takes longer than finding it. */
export type LevelTexts = Level<string, string>

export interface LevelSizes {
  /** Written to before it is sorted into a file; up to two are in memory. */
  readonly writeBufferBytes: number
  readonly fileBytesMax: number
  /** Blocks of files that are kept in memory. Default 8 MiB. */
  readonly blockCacheBytes?: number
}

/** Real paths of what this thread has open. */
const held = new Set<string>()

/** Opens, or makes, the store in `directory`. Rejects as `level` does: `cause.code` says why. */
export const openLevel = (
  directory: string,
  create: boolean,
  sizes: LevelSizes,
): Promise<LevelDb> => open<Uint8Array>(directory, create, sizes, 'view')

/** As `openLevel`. */
export const openLevelTexts = (
  directory: string,
  create: boolean,
  sizes: LevelSizes,
): Promise<LevelTexts> => open<string>(directory, create, sizes, 'utf8')

async function open<V>(
  directory: string,
  create: boolean,
  { writeBufferBytes, fileBytesMax, blockCacheBytes }: LevelSizes,
  valueEncoding: 'utf8' | 'view',
): Promise<Level<string, V>> {
  if (create) await makeDirectory(directory)
  const path = await realpath(directory)
  if (held.has(path)) throw lockedError(directory)
  held.add(path)
  const db = new Level<string, V>(directory, {
    keyEncoding: 'utf8',
    valueEncoding,
    createIfMissing: create,
    writeBufferSize: writeBufferBytes,
    maxFileSize: fileBytesMax,
    ...(blockCacheBytes === undefined ? {} : { cacheSize: blockCacheBytes }),
    // Chunks are columns of numbers and short texts: not worth the time of compressing them.
    compression: false,
  })
  db.once('closed', () => held.delete(path))
  try {
    await db.open()
    return db
  } catch (error) {
    held.delete(path)
    throw error
  }
}

async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
  } catch (cause) {
    // All that is heard of a read-only file system; without the parents it says what it is.
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
    await mkdir(path, { mode: 0o700 })
  }
}

const lockedError = (directory: string): Error =>
  Object.assign(new Error(`lock ${directory}/LOCK: held by this process`), { code: 'LEVEL_LOCKED' })
