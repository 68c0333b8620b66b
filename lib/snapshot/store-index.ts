/**
 * The index of a chunk store in a directory: the file SNAPSHOTS, which names the manifests that count.
 *
 * It is the store's one atomic step, and its memory: LevelDB may lose a manifest, or bring back a deleted
 * one, and say nothing (a flipped bit in its log). A number that is here and there not is a loss that
 * can be seen; one that is there and not here was never committed.
 *
 * Written as tmp → fsync → rename → fsync of the directory: a power cut leaves the old one or the new
 * one. Format: a sealed text (`sealed.ts`) of the numbers, ascending.
 */

import { open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { failpoint } from '../base/failpoint.js'
import { damagedText, seal, unseal } from './sealed.js'

export const INDEX_FILE = 'SNAPSHOTS'
const TEMPORARY = `${INDEX_FILE}.tmp`

/** It is not there, or the directory is not. */
const MISSING: readonly (string | undefined)[] = ['ENOENT', 'ENOTDIR']

const FORMAT = { format: 'millrace-snapshots', version: 1, what: 'an index of snapshots' }

/** Null where there is none. @throws MillraceError `E_SNAPSHOT_DAMAGED`, `E_SNAPSHOT_VERSION` */
export async function readIndex(directory: string): Promise<readonly number[] | null> {
  const file = join(directory, INDEX_FILE)
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    if (MISSING.includes(error.code)) return null
    throw error
  })
  if (bytes === null) return null
  const numbers = unseal(FORMAT, bytes, file)
  if (!Array.isArray(numbers) || !numbers.every(Number.isSafeInteger)) {
    throw damagedText(file, 'is not a list of numbers')
  }
  return numbers as number[]
}

/** Resolves when it is durable; where it rejects before the rename, the former one stands. */
export async function writeIndex(directory: string, numbers: readonly number[]): Promise<void> {
  const temporary = join(directory, TEMPORARY)
  failpoint('index-write.before')
  try {
    await writeSynced(temporary, seal(FORMAT, numbers))
    failpoint('index-write.synced')
    await rename(temporary, join(directory, INDEX_FILE))
    failpoint('index-write.renamed')
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {})
    throw error
  }
  await syncDirectory(directory)
  failpoint('index-write.after')
}

/** What was made, renamed or deleted in it survives a power cut. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function writeSynced(file: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, 'w', 0o600)
  try {
    await handle.writeFile(bytes)
    await handle.sync()
  } finally {
    await handle.close()
  }
}
