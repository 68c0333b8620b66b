/**
 * What a directory is, before LevelDB sees it. LevelDB takes any directory for its own: it would make a
 * new, empty store where only its file CURRENT is missing, deleting the rest, and among a user's files it
 * would leave its own.
 */
import { existsSync } from 'node:fs'
import { readdir, stat, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { MillraceError } from '../base/errors.js'
import { damagedText } from './sealed.js'
import { syncDirectory } from './store-index.js'

/** What a store leaves that was being made when the process died: nothing was in it yet. */
const BEGINNINGS = /^(LOCK|LOG|LOG\.old|MANIFEST-000001|000001\.dbtmp)$/
/** Where a coordinator's data has the stores of its jobs: see actors/coordinator/coordinator.ts. */
const JOBS_SNAPSHOTS = 'snapshots'
/** What belongs to a store that has been used. */
const REMAINS = /^(SNAPSHOTS(\.tmp)?|MANIFEST-\d{6,}|\d{6,}\.(ldb|log|sst))$/

/** True where there is a store, false where one may be made; `create`: whether it is to be. */
export async function isStoreDirectory(directory: string, create: boolean): Promise<boolean> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (names?.includes('CURRENT')) return true
  if (names === null || names.every((name) => BEGINNINGS.test(name))) return false
  if (names.some((name) => REMAINS.test(name))) {
    throw damagedText(
      `the snapshot store ${directory}`,
      'has no file CURRENT any more: restore the directory from a backup, or name an empty one',
    )
  }
  if (!create) throw noStoreIn(directory)
  throw new MillraceError(
    'E_STORE',
    `${directory} is no snapshot store, and it is not empty (${names[0]}): name a new or an empty directory`,
    { details: { place: directory, code: 'ENOTEMPTY' } },
  )
}

/** Why there is nothing to be read. */
export function noStoreIn(directory: string): MillraceError {
  const ofJobs = join(directory, JOBS_SNAPSHOTS)
  const seen = existsSync(ofJobs)
    ? `it is no snapshot store; of the jobs of a coordinator each has one in ${ofJobs}`
    : 'it is no snapshot store'
  const why = existsSync(directory) ? seen : 'there is no such directory'
  return new MillraceError('E_NO_SNAPSHOT', `there are no snapshots in ${directory}: ${why}`, {
    details: { place: directory },
  })
}

/** Which file LOCK a directory has: another one means another store. */
export async function identityOf(directory: string): Promise<string> {
  const { dev, ino } = await stat(join(directory, 'LOCK'), { bigint: true })
  return `${dev}:${ino}`
}

/** Rejects where the store that was opened is not what lies there now. */
export async function assertSameStore(directory: string, identity: string): Promise<void> {
  if ((await identityOf(directory)) === identity) return
  const message = 'another store lies there than the one that was opened'
  throw Object.assign(new Error(message), { code: 'ESTALE' })
}

/** The directory itself survives a power cut. */
export const syncParent = (directory: string): Promise<void> => syncDirectory(dirname(directory))

/** Beside what the log holds, for the files that are begun. */
const REOPEN_BYTES = 64 * 1024

/** Opening writes all that the log holds to another file. Rejects with ENOSPC where there is no room. */
export async function checkRoomToReopen(directory: string): Promise<void> {
  const logs = (await readdir(directory)).filter((name) => name.endsWith('.log'))
  const sizes = await Promise.all(
    logs.map(async (name) => (await stat(join(directory, name))).size),
  )
  const needed = sizes.reduce((sum, size) => sum + size, REOPEN_BYTES)
  const { bavail, bsize } = await statfs(directory)
  if (bavail * bsize >= needed) return
  const message = `${needed} bytes are needed, ${bavail * bsize} are free`
  throw Object.assign(new Error(message), { code: 'ENOSPC' })
}
