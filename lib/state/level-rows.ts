/**
 * Rows in a LevelDB of their own, in a folder that goes with the process (`base/work-folder.ts`):
 *
 * ```
 * <root>/millrace-state-<host>-<process id>/<job>/<name>-<6 characters>/
 * ```
 * Each row carries a CRC-32: LevelDB does not notice a flipped bit.
 *
 * Writing runs in a thread of libuv. Who waits for it cannot be called back, so each batch sets a mark
 * with its number, which can be read once the batch has taken effect.
 */
import { mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { crc32 } from 'node:zlib'
import { type LevelTexts, openLevelTexts } from '../base/level.js'
import {
  fileName,
  ownFolder,
  removeIfEmpty,
  removeJobFolder,
  removeLeftovers,
} from '../base/work-folder.js'
import { damagedRow, noRoom, stalled, stateStoreError } from './level-rows-error.js'
import type { RowChange, RowStore, RowWrite } from './row-store.js'

const PREFIX = 'millrace-state-'
/** No id of a table begins so. */
const MARK = '~'
/** A CRC-32 as five characters of seven bits: each is one byte in UTF-8. */
const SUM_CHARS = 5
/**
 * Beside the cache, in memory: two buffers of what is written, and the blocks. With buffers of half the size
 * merging files takes twice the time (`npm run bench -- state`); a row is found faster in a smaller one.
 */
const SIZES = {
  writeBufferBytes: 16 * 2 ** 20,
  fileBytesMax: 8 * 2 ** 20,
  blockCacheBytes: 8 * 2 ** 20,
}
const POLL_MS = 0.2
/** A batch that has not landed by then: perhaps there is no room. */
const LOOK_AFTER_MS = 1_000
/** And by then: the disk does not answer. */
const GIVE_UP_AFTER_MS = 60_000

export interface LevelRowsOptions {
  readonly job: string
  /** Names slot, region and attempt within the job. */
  readonly name: string
  /** Null: the folder for temporary files (TMPDIR). */
  readonly root: string | null
}

/**
 * In a folder of its own, that was not there before: it begins empty.
 *
 * @throws MillraceError `E_STATE_STORE`, with the system's code in `details.code` and the place; retryable
 * where there was no room.
 */
export async function openLevelRows(options: LevelRowsOptions): Promise<LevelRows> {
  const root = options.root ?? tmpdir()
  const job = join(ownFolder(PREFIX, root), fileName(options.job))
  try {
    removeLeftovers(PREFIX, root)
    mkdirSync(job, { recursive: true, mode: 0o700 })
    const directory = mkdtempSync(join(job, `${fileName(options.name)}-`))
    return new LevelRows(directory, await openLevelTexts(directory, true, SIZES))
  } catch (cause) {
    throw stateStoreError(cause, 'open', job)
  }
}

/** Removes what slots of a job that has ended could not remove themselves, because they were killed. */
export function removeJobState(job: string, root: string | null): void {
  removeJobFolder(PREFIX, root ?? tmpdir(), job)
}

export class LevelRows implements RowStore {
  readonly directory: string
  readonly #db: LevelTexts
  readonly #pause = new Int32Array(new SharedArrayBuffer(4))
  #batches = 0

  constructor(directory: string, db: LevelTexts) {
    this.directory = directory
    this.#db = db
  }

  get(key: string): string | undefined {
    return this.#unseal(key, this.#read(key))
  }

  async getMany(keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    const rows = await this.#db.getMany(keys as string[])
    return rows.map((sealed, i) => this.#unseal(keys[i]!, sealed))
  }

  write(changes: readonly RowChange[]): RowWrite {
    const number = ++this.#batches
    // Row by row: an array of them takes twice as long, here as in LevelDB.
    const batch = this.#db.batch()
    for (const [key, row] of changes) {
      if (row === null) batch.del(key)
      else batch.put(key, seal(row))
    }
    batch.put(MARK, String(number))
    const landed = batch.write().catch((cause: unknown) => {
      throw stateStoreError(cause, 'write to', this.directory)
    })
    return { landed, wait: () => this.#waitFor(number) }
  }

  forget(prefix: string): void {
    const last = prefix.length - 1
    const end = prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1)
    // What is left there takes room, and nothing else.
    this.#db.clear({ gte: prefix, lt: end }).catch(() => {})
  }

  /** Removes all of it. */
  async close(): Promise<void> {
    await this.#db.close().catch(() => {})
    try {
      rmSync(this.directory, { recursive: true, force: true })
    } catch {}
    removeIfEmpty(dirname(this.directory))
    removeIfEmpty(dirname(dirname(this.directory)))
  }

  #read(key: string): string | undefined {
    try {
      return this.#db.getSync(key)
    } catch (cause) {
      throw stateStoreError(cause, 'read from', this.directory)
    }
  }

  #unseal(key: string, sealed: string | undefined): string | undefined {
    if (sealed === undefined) return undefined
    const row = sealed.slice(SUM_CHARS)
    if (!hasSum(sealed, crc32(row))) throw damagedRow(key, this.directory)
    return row
  }

  #waitFor(number: number): void {
    const startMs = performance.now()
    let looked = false
    while (!this.#hasLanded(number)) {
      Atomics.wait(this.#pause, 0, 0, POLL_MS)
      const waitedMs = performance.now() - startMs
      if (waitedMs > GIVE_UP_AFTER_MS) throw stalled(this.directory, waitedMs)
      if (waitedMs > LOOK_AFTER_MS && !looked) {
        looked = true
        const { bavail, bsize } = statfsSync(this.directory)
        if (bavail * bsize < SIZES.writeBufferBytes) throw noRoom(this.directory)
      }
    }
  }

  #hasLanded(number: number): boolean {
    return Number(this.#read(MARK) ?? 0) >= number
  }
}

function seal(row: string): string {
  const sum = crc32(row)
  const low = String.fromCharCode(sum & 127, (sum >>> 7) & 127, (sum >>> 14) & 127)
  return low + String.fromCharCode((sum >>> 21) & 127, sum >>> 28) + row
}

/** True where the text begins with this sum. */
function hasSum(sealed: string, sum: number): boolean {
  for (let i = 0; i < SUM_CHARS; i++) {
    if (sealed.charCodeAt(i) !== ((sum >>> (7 * i)) & 127)) return false
  }
  return true
}
