/** What is noted of a chunk before it leaves the thread that made it. */
import type { ChunkRef } from './chunk-store.js'
import { sha256Of } from './sealed.js'

export const refOf = (id: string, bytes: Uint8Array, count: number): ChunkRef => ({
  id,
  sha256: sha256Of(bytes),
  bytes: bytes.length,
  count,
})
