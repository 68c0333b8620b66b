/**
 * A store that is only read, also while a job has it open: LevelDB lets nobody else in, so a copy of its files
 * is read then, as it would be opened behind a crash.
 *
 * - LevelDB's log and its MANIFEST only grow, its tables never change, and which of them count says the
 *   MANIFEST. While that stays as it is, the files that were copied belong together; else they are copied anew.
 * - Of the snapshots those are read that the index has named before and behind the copying: a job retires a
 *   snapshot before it deletes any of its chunks.
 * - Copies, not links: LevelDB, opened, writes to tables by numbers that it believes to be free.
 */
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { MillraceError } from '../base/errors.js'
import { ownFolder, removeIfEmpty, removeLeftovers } from '../base/work-folder.js'
import type { ChunkStore } from './chunk-store.js'
import { openLevelChunkStore } from './level-chunk-store.js'
import { storeError } from './store-error.js'
import { readIndex, writeIndex } from './store-index.js'

const PREFIX = 'millrace-read-'
/** A store that changes its tables so often while it is copied cannot be read. */
const TRIES_MAX = 20
const FILES = /^(CURRENT|MANIFEST-\d+|\d+\.(ldb|log|sst))$/

export interface StoreToRead {
  /** Of a copy only the reading half makes sense. */
  readonly store: ChunkStore
  close(): Promise<void>
}

/**
 * @throws MillraceError as `openLevelChunkStore`, for a store that exists; `E_STORE_LOCKED` where it has
 * changed all the time while it was copied.
 */
export async function openToRead(directory: string): Promise<StoreToRead> {
  try {
    const store = await openLevelChunkStore(directory, { create: false })
    return { store, close: () => store.close() }
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== 'E_STORE_LOCKED') throw error
    return openCopy(directory, error)
  }
}

async function openCopy(directory: string, locked: MillraceError): Promise<StoreToRead> {
  removeLeftovers(PREFIX, tmpdir())
  const own = ownFolder(PREFIX, tmpdir())
  await mkdir(own, { recursive: true, mode: 0o700 })
  const copy = await mkdtemp(join(own, '/'))
  const remove = async (): Promise<void> => {
    await rm(copy, { recursive: true, force: true })
    removeIfEmpty(dirname(copy))
  }
  try {
    for (let tries = 0; !(await copyStore(directory, copy)); tries++) {
      if (tries === TRIES_MAX) throw locked
    }
    const store = await openLevelChunkStore(copy, { create: false, place: directory })
    const close = async (): Promise<void> => {
      await store.close()
      await remove()
    }
    return { store, close }
  } catch (cause) {
    await remove()
    throw storeError(cause, `copy, to ${copy},`, directory)
  }
}

/** False where the store has changed meanwhile, so that what was copied may not belong together. */
async function copyStore(directory: string, into: string): Promise<boolean> {
  const numbers = (await readIndex(directory)) ?? []
  const before = await versionOf(directory)
  // Behind the version: what it names is there until there is another one.
  const names = (await readdir(directory)).filter((name) => FILES.test(name))
  for (const name of await readdir(into)) await rm(join(into, name))
  try {
    for (const name of names) await copyFile(join(directory, name), join(into, name))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
  const left = new Set(await readIndex(directory))
  await writeIndex(
    into,
    numbers.filter((number) => left.has(number)),
  )
  return (await versionOf(directory)) === before
}

/** Which MANIFEST counts, and how long it is: it grows with every change of what it names. */
async function versionOf(directory: string): Promise<string> {
  const current = (await readFile(join(directory, 'CURRENT'), 'utf8')).trim()
  const { size } = await stat(join(directory, current))
  return `${current} ${size}`
}
