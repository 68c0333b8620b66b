/** What a store gives is believed only when it is what was written: checked before every restore. */
import { MillraceError } from '../base/errors.js'
import type { ChunkRef, ChunkStore } from './chunk-store.js'
import { decodeManifest, type Manifest } from './manifest.js'
import { chunksOf } from './manifest-chunks.js'
import { sha256Of } from './sealed.js'

type Readable = Pick<ChunkStore, 'place' | 'get' | 'manifest'>

/**
 * The bytes of a chunk, compared with its length and SHA-256.
 *
 * @throws MillraceError `E_SNAPSHOT_DAMAGED`, which names the chunk, where it is, and what is wrong.
 */
export async function readChunk(
  store: Pick<ChunkStore, 'place' | 'get'>,
  { id, bytes: length, sha256 }: ChunkRef,
): Promise<Uint8Array> {
  const bytes = await store.get(id)
  const damaged = (what: string) =>
    new MillraceError('E_SNAPSHOT_DAMAGED', `chunk ${id} in ${store.place} ${what}`, {
      details: { chunk: id, place: store.place },
    })
  if (bytes === null) throw damaged('is missing')
  if (bytes.length !== length) throw damaged(`has ${bytes.length} bytes; ${length} were written`)
  if (sha256Of(bytes) !== sha256) throw damaged('has another SHA-256 than when it was written')
  return bytes
}

/** @throws MillraceError `E_SNAPSHOT_DAMAGED`, `E_SNAPSHOT_VERSION`, `E_NO_SNAPSHOT`. */
export async function readManifest(
  store: Pick<ChunkStore, 'place' | 'manifest' | 'manifests'>,
  number: number,
): Promise<Manifest> {
  const numbers = await store.manifests()
  if (!numbers.includes(number)) throw noSnapshot(store.place, number, numbers)
  const name = `manifest ${number} in ${store.place}`
  const bytes = await store.manifest(number)
  if (bytes === null) throw damagedManifest(name, number, 'has been lost')
  const manifest = decodeManifest(bytes, name)
  if (manifest.round !== number) {
    throw damagedManifest(name, number, `is that of round ${manifest.round}`)
  }
  return manifest
}

/** A snapshot whose every byte was read. */
export interface Verified {
  readonly number: number
  /** Null where the manifest cannot be read. */
  readonly manifest: Manifest | null
  /** Of chunks that were as they must be. */
  readonly bytes: number
  readonly chunks: number
  /** All that is wrong, each with its code and what it is about; empty: the snapshot is whole. */
  readonly damage: readonly MillraceError[]
}

/**
 * Reads the manifest and every chunk of a snapshot, and says what is damaged. Chunks are read one after
 * another: memory for one.
 *
 * @throws MillraceError `E_NO_SNAPSHOT` where the store has none of that number, `E_STORE` where it
 * cannot be read at all.
 */
export async function verifySnapshot(
  store: Readable & Pick<ChunkStore, 'manifests'>,
  number: number,
): Promise<Verified> {
  const damage: MillraceError[] = []
  const manifest = await unlessDamaged(readManifest(store, number), damage)
  let bytes = 0
  let chunks = 0
  for (const ref of manifest === null ? [] : chunksOf(manifest)) {
    if ((await unlessDamaged(readChunk(store, ref), damage)) === null) continue
    bytes += ref.bytes
    chunks += 1
  }
  return { number, manifest, bytes, chunks, damage }
}

const DAMAGE: readonly string[] = ['E_SNAPSHOT_DAMAGED', 'E_SNAPSHOT_VERSION']

async function unlessDamaged<T>(read: Promise<T>, damage: MillraceError[]): Promise<T | null> {
  try {
    return await read
  } catch (error) {
    if (!isDamage(error)) throw error
    damage.push(error)
    return null
  }
}

/** What LevelDB itself finds wrong in its files is damage too; a disk that fails may work again. */
export function isDamage(error: unknown): error is MillraceError {
  if (!(error instanceof MillraceError) || error.code === 'E_STORE_LOCKED') return false
  return DAMAGE.includes(error.code) || /^LEVEL_/.test(String(error.details.code))
}

const damagedManifest = (name: string, number: number, what: string): MillraceError =>
  new MillraceError('E_SNAPSHOT_DAMAGED', `${name} ${what}`, {
    details: { manifest: number, place: name },
  })

const noSnapshot = (place: string, wanted: number, numbers: readonly number[]): MillraceError =>
  new MillraceError(
    'E_NO_SNAPSHOT',
    `${place} has no snapshot ${wanted}; it has ${numbers.length === 0 ? 'none' : numbers.join(', ')}`,
    { details: { place, number: wanted } },
  )
