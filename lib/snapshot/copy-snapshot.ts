/**
 * Copies one snapshot to another store, which then needs the first one no more: a savepoint that is
 * claimed, a backup. Everything is verified on the way.
 */
import { MillraceError } from '../base/errors.js'
import type { ChunkRef, ChunkStore } from './chunk-store.js'
import { encodeManifest, type Manifest } from './manifest.js'
import { chunksOf } from './manifest-chunks.js'
import { readChunk, readManifest } from './verify.js'

/** Chunks under way at a time; they are in memory. */
const COPIES_MAX = 4

/**
 * Resolves when all of it is durable there. Chunks that are there already are verified and left: a copy
 * that was interrupted may be made again.
 *
 * @throws MillraceError `E_SNAPSHOT_DAMAGED` where something is not as it was written, on either side;
 * `E_CHUNK_EXISTS` where the target has a manifest of that number; `E_STORE`.
 */
export async function copySnapshot(
  from: ChunkStore,
  to: ChunkStore,
  number: number,
): Promise<Manifest> {
  if ((await to.manifests()).includes(number)) throw existsThere(to.place, number)
  const manifest = await readManifest(from, number)
  // One iterator for all of them: each takes the next, and where one fails, none takes another.
  const refs = oneByOne(chunksOf(manifest))
  const copies = Array.from({ length: COPIES_MAX }, async () => {
    for (const ref of refs) await copyChunk(from, to, ref)
  })
  const settled = await Promise.allSettled(copies)
  for (const copy of settled) if (copy.status === 'rejected') throw copy.reason
  await to.commit(number, encodeManifest(manifest))
  return manifest
}

/** Ends for all who share it when one of them leaves its loop. */
function* oneByOne<T>(items: readonly T[]): Generator<T> {
  yield* items
}

async function copyChunk(from: ChunkStore, to: ChunkStore, ref: ChunkRef): Promise<void> {
  if ((await to.get(ref.id)) === null) await to.put(ref.id, await readChunk(from, ref))
  else await readChunk(to, ref)
}

const existsThere = (place: string, number: number): MillraceError =>
  new MillraceError('E_CHUNK_EXISTS', `${place} has a snapshot ${number} already`, {
    details: { place, number },
  })
