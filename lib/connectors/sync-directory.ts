/**
 * Directories as durable as the files in them: a name, too, is only safe once its directory is synced.
 */
import { mkdir, open } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/** Where directories cannot be opened or synced, their names are as safe as they get. */
const NOT_SYNCABLE = new Set(['EINVAL', 'ENOTSUP', 'EPERM', 'EISDIR', 'EBADF'])

/** Syncs the names in a directory. */
export async function syncDirectory(path: string): Promise<void> {
  try {
    const handle = await open(path, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (cause) {
    if (!NOT_SYNCABLE.has((cause as NodeJS.ErrnoException).code ?? '')) throw cause
  }
}

/** Makes a directory and its missing parents, and syncs the names of those that it made. */
export async function makeDirectory(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true })
  if (first === undefined) return
  const top = dirname(resolve(first))
  for (let made = dirname(resolve(path)); made.length >= top.length; made = dirname(made)) {
    await syncDirectory(made)
    if (made === dirname(made)) return
  }
}
