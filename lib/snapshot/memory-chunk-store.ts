/**
 * A chunk store in memory: for tests, and for trying what a pipeline's snapshots hold.
 *
 * Faults on purpose: `fault` is asked before each step and may make it fail, before anything was
 * written; `damage` and `damageManifest` change what is stored, as a bad disk does.
 */
import { MillraceError } from '../base/errors.js'
import type { ChunkStore } from './chunk-store.js'

export type StoreStep = 'put' | 'get' | 'delete' | 'commit' | 'retire'

export interface MemoryChunkStoreOptions {
  readonly place?: string
  /** Null: the step succeeds. `name`: id of the chunk, number of the manifest. */
  readonly fault?: (step: StoreStep, name: string | number) => Error | null
}

export class MemoryChunkStore implements ChunkStore {
  readonly place: string
  readonly #fault: (step: StoreStep, name: string | number) => Error | null
  readonly #chunks = new Map<string, Uint8Array>()
  /** Null: lost. */
  readonly #manifests = new Map<number, Uint8Array | null>()

  constructor({ place = 'memory', fault = () => null }: MemoryChunkStoreOptions = {}) {
    this.place = place
    this.#fault = fault
  }

  async put(id: string, bytes: Uint8Array): Promise<void> {
    if (this.#chunks.has(id)) throw exists(`chunk ${id}`)
    this.#step('put', id)
    this.#chunks.set(id, copyOf(bytes))
  }

  async get(id: string): Promise<Uint8Array | null> {
    this.#step('get', id)
    return copyOrNull(this.#chunks.get(id))
  }

  async *list(): AsyncIterable<string> {
    yield* [...this.#chunks.keys()].sort()
  }

  async delete(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      this.#step('delete', id)
      this.#chunks.delete(id)
    }
  }

  async commit(number: number, manifest: Uint8Array): Promise<void> {
    if (this.#manifests.has(number)) throw exists(`manifest ${number}`)
    this.#step('commit', number)
    this.#manifests.set(number, copyOf(manifest))
  }

  async manifests(): Promise<readonly number[]> {
    return [...this.#manifests.keys()].sort((a, b) => a - b)
  }

  async manifest(number: number): Promise<Uint8Array | null> {
    return copyOrNull(this.#manifests.get(number))
  }

  async retire(number: number): Promise<void> {
    this.#step('retire', number)
    this.#manifests.delete(number)
  }

  async close(): Promise<void> {}

  /** What is stored under the id becomes something else; null: it is gone. */
  damage(id: string, change: (bytes: Uint8Array) => Uint8Array | null): void {
    const bytes = change(this.#chunks.get(id)!)
    if (bytes === null) this.#chunks.delete(id)
    else this.#chunks.set(id, bytes)
  }

  damageManifest(number: number, change: (bytes: Uint8Array) => Uint8Array | null): void {
    this.#manifests.set(number, change(this.#manifests.get(number)!))
  }

  #step(step: StoreStep, name: string | number): void {
    const error = this.#fault(step, name)
    if (error !== null) throw error
  }
}

/** Not `slice`: that of a Buffer is no copy. */
const copyOf = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes)

const copyOrNull = (bytes: Uint8Array | null | undefined): Uint8Array | null =>
  bytes == null ? null : copyOf(bytes)

const exists = (what: string): MillraceError =>
  new MillraceError('E_CHUNK_EXISTS', `${what} exists already: what is stored is never changed`)
