/**
 * Copies of chunks as files, in a folder that goes with the process (`base/work-folder.ts`):
 *
 * ```
 * <root>/millrace-copies-<host>-<process id>/<6 characters>/<id>
 * ```
 * Written once, and never synced: a copy that a crash of the machine has cut is not read as a chunk, because
 * nothing survives the process. What a killed process leaves behind is removed when the next one of that
 * host begins.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { ownFolder, removeIfEmpty, removeLeftovers } from '../base/work-folder.js'
import type { CopyStore } from './local-copies.js'

const PREFIX = 'millrace-copies-'

/** Of processes that live no more. `root` as of `openCopyFiles`. */
export const removeLeftoverCopies = (root: string | null): void =>
  removeLeftovers(PREFIX, root ?? tmpdir())

/**
 * Begins empty. Ids are names of files. `root`: null is the folder for temporary files (TMPDIR). Rejects
 * with the system's error.
 */
export async function openCopyFiles(root: string | null): Promise<CopyStore> {
  const own = ownFolder(PREFIX, root ?? tmpdir())
  await mkdir(own, { recursive: true, mode: 0o700 })
  return new CopyFiles(await mkdtemp(join(own, '/')))
}

class CopyFiles implements CopyStore {
  readonly place: string

  constructor(place: string) {
    this.place = place
  }

  async put(id: string, bytes: Uint8Array): Promise<void> {
    await writeFile(join(this.place, id), bytes, { flag: 'wx', mode: 0o600 })
  }

  async get(id: string): Promise<Uint8Array | null> {
    try {
      return await readFile(join(this.place, id))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw error
    }
  }

  async delete(ids: readonly string[]): Promise<void> {
    for (const id of ids) await rm(join(this.place, id), { force: true })
  }

  /** Removes all of it. */
  async close(): Promise<void> {
    await rm(this.place, { recursive: true, force: true })
    removeIfEmpty(dirname(this.place))
  }
}
