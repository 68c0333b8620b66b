/**
 * Holds a coordinator's data directory: two coordinators on one would each start its jobs.
 *
 * The lock is that of an empty LevelDB beside the data: the system lets go of it when the process ends,
 * however it ends. It holds between processes that see the directory through the same file system, as
 * far as that one keeps locks (`fcntl`): most network file systems do.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MillraceError } from '../../lib/base/errors.js'
import { openLevel } from '../../lib/base/level.js'

export interface DataLock {
  release(): Promise<void>
}

/** Nothing is ever written. */
const SIZES = { writeBufferBytes: 64 * 1024, fileBytesMax: 1024 * 1024 }

/** Makes the directory where it is missing. Rejects with E_DATA_LOCKED, E_DATA. */
export async function lockData(data: string): Promise<DataLock> {
  const place = join(data, 'lock')
  const take = () => openLevel(place, true, SIZES)
  try {
    const db = await take().catch(async (error: unknown) => {
      if (codeOf(error) !== 'LEVEL_CORRUPTION') throw error
      // It was held for a moment, so nobody else has it; and nothing is lost with it.
      await rm(place, { recursive: true, force: true })
      return take()
    })
    return { release: () => db.close() }
  } catch (error) {
    throw codeOf(error) === 'LEVEL_LOCKED' ? isLocked(data) : cannotUse(data, error)
  }
}

/** Of the innermost cause: `level` wraps. */
function codeOf(error: unknown): string {
  const { cause, code } = error as { readonly cause?: unknown; readonly code?: string }
  return cause === undefined ? (code ?? '') : codeOf(cause)
}

const isLocked = (data: string): MillraceError =>
  new MillraceError(
    'E_DATA_LOCKED',
    `another coordinator runs on ${data}: stop that one first, or give this one a directory of its own`,
    { retryable: true, details: { data } },
  )

const cannotUse = (data: string, cause: unknown): MillraceError =>
  new MillraceError(
    'E_DATA',
    `a coordinator cannot keep its data in ${data}: ${(cause as Error).message}`,
    { cause, details: { data } },
  )
