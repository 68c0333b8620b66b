/** What is noted of a chunk before it leaves the thread that made it. */
import { createHash } from 'node:crypto'
import type { ChunkRef } from './chunk-store.js'

export const refOf = (id: string, bytes: Uint8Array, count: number): ChunkRef => ({
  id,
  sha256: createHash('sha256').update(bytes).digest('hex'),
  bytes: bytes.length,
  count,
})
