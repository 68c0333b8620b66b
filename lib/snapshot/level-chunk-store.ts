/**
 * The chunk store in a directory: a LevelDB, and the file SNAPSHOTS beside its files.
 *
 * | key                     | value                                                    |
 * |-------------------------|----------------------------------------------------------|
 * | `c/<id>`                | bytes of a chunk                                         |
 * | `i/<id>`                | nothing: the ids, to be listed without reading chunks    |
 * | `m/<number, 12 digits>` | a manifest; it counts once SNAPSHOTS names its number    |
 *
 * - Every write of a chunk is synced. LevelDB may close a rotated log without a sync, so a synced manifest
 *   alone would prove nothing about the chunks before it.
 * - `commit` writes the manifest, synced, and then SNAPSHOTS (`store-index.ts`): that is the atomic step.
 * - A directory that was removed or replaced takes no commit: LevelDB goes on writing to files that nobody
 *   finds any more, and says nothing.
 * - Where there is no room (ENOSPC, EDQUOT, EFBIG), the database is opened anew before it is used again:
 *   its log may end in a torn record (`write-queue.ts`). After any other failed write nothing more is
 *   written: whether a failed sync has kept what it was to keep cannot be known (Rebello et al., "Can
 *   applications recover from fsync failures?", 2020).
 * - On disk are up to eight times as many bytes as are stored, and some 50 MiB at least: LevelDB clears
 *   away what was deleted when it merges its files.
 */

import { MillraceError } from '../base/errors.js'
import { failpoint } from '../base/failpoint.js'
import { type LevelDb, openLevel } from '../base/level.js'
import type { ChunkStore } from './chunk-store.js'
import { damagedText } from './sealed.js'
import {
  assertSameStore,
  checkRoomToReopen,
  identityOf,
  isStoreDirectory,
  noStoreIn,
  syncParent,
} from './store-directory.js'
import { CLOSED, isForWantOfRoom, storeError } from './store-error.js'
import { INDEX_FILE, readIndex, writeIndex } from './store-index.js'
import { type WriteOp, WriteQueue } from './write-queue.js'

/** Key of a manifest on disk: do not change. */
const DIGITS = 12
const NOTHING = new Uint8Array(0)
/**
 * With the usual 4 and 2 MiB, 30 MiB of chunks that are replaced all the time take 530 MiB of disk and
 * growing, and 100 MB/s are written; with these up to 220 MiB, and 170 MB/s.
 */
const SIZES = { writeBufferBytes: 16 * 1024 * 1024, fileBytesMax: 16 * 1024 * 1024 }

/**
 * Opens the store in `directory`, or makes one there; with `create: false` only what exists. `place`: what a copy
 * to be read is called in messages.
 *
 * @throws MillraceError `E_STORE_LOCKED` where it is open already, in whatever process; `E_NO_SNAPSHOT`
 * where there is none and none is to be made; `E_SNAPSHOT_DAMAGED` where its own files are missing or
 * not as they were written; `E_STORE` with the system's code.
 */
export async function openLevelChunkStore(
  directory: string,
  { create = true, place = directory }: { readonly create?: boolean; readonly place?: string } = {},
): Promise<ChunkStore> {
  try {
    const exists = await isStoreDirectory(directory, create)
    if (!exists && !create) throw noStoreIn(directory)
    const db = await openLevel(directory, !exists, SIZES)
    try {
      const numbers = await openIndex(directory, db)
      return new LevelChunkStore(place, db, numbers, await identityOf(directory))
    } catch (error) {
      await db.close()
      throw error
    }
  } catch (cause) {
    throw storeError(cause, 'open', directory)
  }
}

/** Numbers of the manifests that count; those that do not are deleted. */
async function openIndex(directory: string, db: LevelDb): Promise<readonly number[]> {
  const numbers = await readIndex(directory)
  if (numbers === null) {
    const [first] = await db.keys({ limit: 1 }).all()
    if (first !== undefined) throw noIndex(directory)
    await writeIndex(directory, [])
    await syncParent(directory)
    return []
  }
  const counted = new Set(numbers.map(keyOf))
  const keys = await db.keys({ gte: 'm/', lt: 'm0' }).all()
  const others = keys.filter((key) => !counted.has(key))
  await db.batch(others.map((key) => ({ type: 'del', key })))
  return numbers
}

class LevelChunkStore implements ChunkStore {
  readonly place: string
  #db: LevelDb
  #numbers: readonly number[]
  readonly #queue = new WriteQueue((ops) => this.#write(ops))
  /** Ids and keys that are being written. */
  readonly #writing = new Set<string>()
  /** Changes of the index, one behind the other. */
  #indexing: Promise<void> = Promise.resolve()
  /** The log may end in a torn record, or the database could not be opened again. */
  #isTorn = false
  #reopening: Promise<void> | null = null
  #fatal: MillraceError | null = null
  #isClosed = false
  readonly #identity: string

  constructor(place: string, db: LevelDb, numbers: readonly number[], identity: string) {
    this.place = place
    this.#identity = identity
    this.#db = db
    this.#numbers = numbers
  }

  put(id: string, bytes: Uint8Array): Promise<void> {
    return this.#once(`chunk ${id}`, async () => {
      const db = await this.#readable()
      if (await db.has(`i/${id}`)) throw exists(`chunk ${id}`, this.place)
      failpoint('chunk-put.before')
      await this.#queue.add([
        { type: 'put', key: `c/${id}`, value: bytes },
        { type: 'put', key: `i/${id}`, value: NOTHING },
      ])
      failpoint('chunk-put.after')
    })
  }

  get(id: string): Promise<Uint8Array | null> {
    return this.#read(`c/${id}`, `read chunk ${id} from`)
  }

  async *list(): AsyncIterable<string> {
    try {
      const db = await this.#readable()
      for await (const key of db.keys({ gte: 'i/', lt: 'i0' })) yield key.slice(2)
    } catch (cause) {
      throw storeError(cause, 'list', this.place)
    }
  }

  async delete(ids: readonly string[]): Promise<void> {
    const ops = ids.flatMap((id): WriteOp[] => [
      { type: 'del', key: `c/${id}` },
      { type: 'del', key: `i/${id}` },
    ])
    if (ops.length === 0) return
    failpoint('chunk-delete.before')
    await this.#queue.add(ops)
    failpoint('chunk-delete.after')
  }

  commit(number: number, manifest: Uint8Array): Promise<void> {
    return this.#once(`manifest ${number}`, async () => {
      if (this.#numbers.includes(number)) throw exists(`manifest ${number}`, this.place)
      failpoint('manifest-commit.before')
      await this.#queue.add([{ type: 'put', key: keyOf(number), value: manifest }])
      failpoint('manifest-commit.written')
      await this.#index((numbers) => [...numbers, number].sort((a, b) => a - b))
      failpoint('manifest-commit.after')
    })
  }

  async manifests(): Promise<readonly number[]> {
    return this.#numbers
  }

  async manifest(number: number): Promise<Uint8Array | null> {
    return this.#numbers.includes(number)
      ? this.#read(keyOf(number), `read manifest ${number} from`)
      : null
  }

  async retire(number: number): Promise<void> {
    if (!this.#numbers.includes(number)) return
    failpoint('manifest-retire.before')
    await this.#index((numbers) => numbers.filter((each) => each !== number))
    failpoint('manifest-retire.unlisted')
    await this.#queue.add([{ type: 'del', key: keyOf(number) }])
    failpoint('manifest-retire.after')
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#queue.idle()
    await this.#indexing.catch(() => {})
    await this.#reopening?.catch(() => {})
    await this.#db.close()
  }

  /** Refuses a second writer of the same: whether it exists is known only when the first is through. */
  async #once(what: string, write: () => Promise<void>): Promise<void> {
    if (this.#writing.has(what)) throw exists(what, this.place)
    this.#writing.add(what)
    try {
      await write()
    } catch (cause) {
      throw storeError(cause, 'write to', this.place)
    } finally {
      this.#writing.delete(what)
    }
  }

  async #write(ops: WriteOp[]): Promise<void> {
    const db = await this.#writable()
    try {
      await db.batch(ops, { sync: true })
    } catch (cause) {
      this.#isTorn = true
      throw this.#failed(cause)
    }
  }

  #index(change: (numbers: readonly number[]) => readonly number[]): Promise<void> {
    const changed = this.#indexing.then(async () => {
      if (this.#fatal !== null) throw useless(this.#fatal, this.place)
      const numbers = change(this.#numbers)
      try {
        await assertSameStore(this.place, this.#identity)
        await writeIndex(this.place, numbers)
      } catch (cause) {
        throw this.#failed(cause)
      }
      this.#numbers = numbers
    })
    this.#indexing = changed.catch(() => {})
    return changed
  }

  async #read(key: string, what: string): Promise<Uint8Array | null> {
    try {
      const db = await this.#readable()
      return (await db.get(key, { fillCache: false })) ?? null
    } catch (cause) {
      throw storeError(cause, what, this.place)
    }
  }

  #failed(cause: unknown): MillraceError {
    const error = storeError(cause, 'write to', this.place)
    if (!isForWantOfRoom(error.details.code)) this.#fatal = error
    return error
  }

  /** To write to: opened anew where its log may end in a torn record. */
  async #writable(): Promise<LevelDb> {
    if (this.#isClosed) throw closed(this.place)
    if (this.#fatal !== null) throw useless(this.#fatal, this.place)
    if (this.#isTorn) {
      await this.#reopen()
      this.#isTorn = false
    }
    return this.#db
  }

  async #readable(): Promise<LevelDb> {
    if (this.#isClosed) throw closed(this.place)
    if (this.#reopening !== null || this.#db.status !== 'open') await this.#reopen()
    return this.#db
  }

  /** What the log holds is written to a file, synced, and the log is begun anew. */
  #reopen(): Promise<void> {
    this.#reopening ??= (async () => {
      try {
        // Where there is no room for it, what is there can at least be read meanwhile.
        if (this.#db.status === 'open') await checkRoomToReopen(this.place)
        await this.#db.close()
        this.#db = await openLevel(this.place, false, SIZES)
      } finally {
        this.#reopening = null
      }
    })()
    return this.#reopening
  }
}

const keyOf = (number: number): string => `m/${String(number).padStart(DIGITS, '0')}`

const exists = (what: string, place: string): MillraceError =>
  new MillraceError(
    'E_CHUNK_EXISTS',
    `${what} exists in ${place} already: what is stored is never changed`,
    { details: { place } },
  )

const noIndex = (directory: string): MillraceError =>
  damagedText(
    `the snapshot store ${directory}`,
    `has no file ${INDEX_FILE}, which names what it holds: restore the directory from a backup, ` +
      'or name an empty one',
  )

const useless = (cause: MillraceError, place: string): MillraceError =>
  new MillraceError(
    'E_STORE',
    `the snapshot store ${place} takes nothing more until it is opened anew: ${cause.message}`,
    { cause, details: cause.details },
  )

const closed = (place: string): MillraceError =>
  new MillraceError('E_STORE', `the snapshot store ${place} has been closed`, {
    details: { place, code: CLOSED },
  })
