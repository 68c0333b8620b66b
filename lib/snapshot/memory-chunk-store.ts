/** A chunk store in memory: for tests, and for trying what a pipeline's snapshots hold. */
import { MillraceError } from '../base/errors.js'
import type { ChunkStore } from './chunk-store.js'

export class MemoryChunkStore implements ChunkStore {
  readonly place = 'memory'
  readonly #chunks = new Map<string, Uint8Array>()
  readonly #manifests = new Map<number, Uint8Array>()

  async put(id: string, bytes: Uint8Array): Promise<void> {
    if (this.#chunks.has(id)) throw exists(`chunk ${id}`)
    this.#chunks.set(id, bytes.slice())
  }

  async get(id: string): Promise<Uint8Array | null> {
    return this.#chunks.get(id)?.slice() ?? null
  }

  async *list(): AsyncIterable<string> {
    yield* [...this.#chunks.keys()].sort()
  }

  async delete(ids: readonly string[]): Promise<void> {
    for (const id of ids) this.#chunks.delete(id)
  }

  async commit(number: number, manifest: Uint8Array): Promise<void> {
    if (this.#manifests.has(number)) throw exists(`manifest ${number}`)
    this.#manifests.set(number, manifest.slice())
  }

  async manifests(): Promise<readonly number[]> {
    return [...this.#manifests.keys()].sort((a, b) => a - b)
  }

  async manifest(number: number): Promise<Uint8Array | null> {
    return this.#manifests.get(number)?.slice() ?? null
  }

  async retire(number: number): Promise<void> {
    this.#manifests.delete(number)
  }

  async close(): Promise<void> {}
}

const exists = (what: string): MillraceError =>
  new MillraceError('E_CHUNK_EXISTS', `${what} exists already: what is stored is never changed`)
