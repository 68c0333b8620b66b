/** Chunks are believed only when they are what the manifest says they are. */
import { createHash } from 'node:crypto'
import { MillraceError } from '../base/errors.js'
import type { ChunkRef, ChunkStore } from './chunk-store.js'

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
  if (bytes === null) throw damaged(id, store.place, 'is missing')
  if (bytes.length !== length) {
    throw damaged(id, store.place, `has ${bytes.length} bytes; there were ${length}`)
  }
  if (createHash('sha256').update(bytes).digest('hex') !== sha256) {
    throw damaged(id, store.place, 'has another SHA-256 than when it was written')
  }
  return bytes
}

const damaged = (id: string, place: string, what: string): MillraceError =>
  new MillraceError('E_SNAPSHOT_DAMAGED', `chunk ${id} in ${place} ${what}`, {
    details: { chunk: id, place },
  })
