/**
 * The chunk store in LevelDB, one directory.
 *
 * | key                 | value             |
 * |---------------------|-------------------|
 * | `c/<id>`            | bytes of a chunk  |
 * | `m/<number, 12 digits>` | a manifest    |
 *
 * Every write is synced. LevelDB may close a rotated log without a sync, so a synced manifest alone would
 * prove nothing about the chunks before it.
 */
import { mkdir } from 'node:fs/promises'
import { MillraceError } from '../base/errors.js'
import type { ChunkStore } from './chunk-store.js'
import { type LevelDb, openLevel } from './level.js'

const DIGITS = 12

export async function openLevelChunkStore(
  directory: string,
  { create = true }: { readonly create?: boolean } = {},
): Promise<ChunkStore> {
  try {
    if (create) await mkdir(directory, { recursive: true })
    return new LevelChunkStore(directory, await openLevel(directory, create))
  } catch (cause) {
    throw storeError(cause, 'open', directory)
  }
}

class LevelChunkStore implements ChunkStore {
  readonly place: string
  readonly #db: LevelDb

  constructor(place: string, db: LevelDb) {
    this.place = place
    this.#db = db
  }

  put(id: string, bytes: Uint8Array): Promise<void> {
    return this.#write(`c/${id}`, bytes)
  }

  get(id: string): Promise<Uint8Array | null> {
    return this.#read(`c/${id}`)
  }

  async *list(): AsyncIterable<string> {
    for await (const key of this.#db.keys({ gte: 'c/', lt: 'c0' })) yield key.slice(2)
  }

  async delete(ids: readonly string[]): Promise<void> {
    const deletions = ids.map((id) => ({ type: 'del' as const, key: `c/${id}` }))
    await this.#db.batch(deletions).catch((cause) => {
      throw storeError(cause, 'delete from', this.place)
    })
  }

  commit(number: number, manifest: Uint8Array): Promise<void> {
    return this.#write(keyOf(number), manifest)
  }

  async manifests(): Promise<readonly number[]> {
    const keys = await this.#db.keys({ gte: 'm/', lt: 'm0' }).all()
    return keys.map((key) => Number(key.slice(2)))
  }

  manifest(number: number): Promise<Uint8Array | null> {
    return this.#read(keyOf(number))
  }

  async retire(number: number): Promise<void> {
    await this.#db.del(keyOf(number), { sync: true }).catch((cause) => {
      throw storeError(cause, 'delete from', this.place)
    })
  }

  async close(): Promise<void> {
    await this.#db.close()
  }

  async #write(key: string, bytes: Uint8Array): Promise<void> {
    try {
      if (await this.#db.has(key)) throw exists(key, this.place)
      await this.#db.put(key, bytes, { sync: true })
    } catch (cause) {
      throw storeError(cause, 'write to', this.place)
    }
  }

  async #read(key: string): Promise<Uint8Array | null> {
    try {
      return (await this.#db.get(key)) ?? null
    } catch (cause) {
      throw storeError(cause, 'read from', this.place)
    }
  }
}

const keyOf = (number: number): string => `m/${String(number).padStart(DIGITS, '0')}`

const exists = (key: string, place: string): MillraceError =>
  new MillraceError(
    'E_CHUNK_EXISTS',
    `${key} exists in ${place} already: what is stored is never changed`,
  )

function storeError(cause: unknown, what: string, place: string): MillraceError {
  if (cause instanceof MillraceError) return cause
  const inner = (cause as { cause?: unknown }).cause ?? cause
  const { code, message } = inner as { code?: string; message: string }
  if (code === 'LEVEL_LOCKED') {
    return new MillraceError(
      'E_STORE_LOCKED',
      `the snapshot store ${place} is in use by another process: a job that runs, or a command`,
      { cause, details: { place } },
    )
  }
  return new MillraceError('E_STORE', `cannot ${what} the snapshot store ${place}: ${message}`, {
    cause,
    retryable: true,
    details: { place, code: code ?? 'unknown' },
  })
}
