/**
 * The stores of one job's snapshots: its own, for checkpoints, and one for each savepoint while it is
 * being made. Opened before the job starts.
 */
import { MillraceError } from '../../lib/base/errors.js'
import type { ChunkStore } from '../../lib/snapshot/chunk-store.js'
import { decodeManifest, type Manifest } from '../../lib/snapshot/manifest.js'
import { chunkIdsOf } from '../../lib/snapshot/restore-plan.js'

export interface SnapshotStoresOptions {
  readonly store: ChunkStore
  /** Opens a store for a savepoint. */
  readonly open: (directory: string) => Promise<ChunkStore>
  /** Manifests to keep. */
  readonly retained: number
  /** What the job goes on from, and where it lies where that is not the job's own store. */
  readonly restored: Manifest | null
  readonly restoredFrom: ChunkStore | null
}

export class SnapshotStores {
  /** Largest number of a manifest when the job began. */
  readonly lastRound: number
  readonly restored: Manifest | null
  readonly #options: SnapshotStoresOptions
  /** Of savepoints under way, by round. */
  readonly #others = new Map<number, Promise<ChunkStore>>()
  #retiring: Promise<void> = Promise.resolve()

  constructor(options: SnapshotStoresOptions, lastRound: number) {
    this.#options = options
    this.lastRound = lastRound
    this.restored = options.restored
  }

  begin(round: number, directory: string | null): void {
    if (directory === null) return
    const opened = this.#options.open(directory)
    opened.catch(() => {})
    this.#others.set(round, opened)
  }

  async put(round: number, id: string, bytes: Uint8Array): Promise<void> {
    const store = await this.#storeOf(round)
    await store.put(id, bytes)
  }

  /** Chunks that were restored may lie in another place. */
  async get(id: string): Promise<Uint8Array | null> {
    const { store, restoredFrom } = this.#options
    return (await store.get(id)) ?? (await restoredFrom?.get(id)) ?? null
  }

  async commit(round: number, manifest: Uint8Array): Promise<void> {
    const store = await this.#storeOf(round)
    await store.commit(round, manifest)
  }

  /** The round is over: a savepoint's store is closed. */
  async end(round: number): Promise<void> {
    const other = this.#others.get(round)
    this.#others.delete(round)
    const store = await other?.catch(() => null)
    await store?.close()
  }

  /** Deletes manifests beyond those to keep, and chunks that neither these nor running rounds name. */
  retire(running: readonly number[]): Promise<void> {
    this.#retiring = this.#retiring.then(() => this.#retire(running))
    return this.#retiring
  }

  async close(): Promise<void> {
    const { store, restoredFrom } = this.#options
    await this.#retiring.catch(() => {})
    await store.close()
    if (restoredFrom !== null) await restoredFrom.close()
  }

  async #retire(_running: readonly number[]): Promise<void> {
    const { store, retained } = this.#options
    const numbers = await store.manifests()
    const kept = numbers.slice(-retained)
    if (kept.length === numbers.length) return
    const named = new Set<string>()
    for (const number of kept) {
      for (const id of chunkIdsOf(await readManifest(store, number))) named.add(id)
    }
    const garbage = new Set<string>()
    for (const number of numbers.slice(0, -retained)) {
      for (const id of chunkIdsOf(await readManifest(store, number))) {
        if (!named.has(id)) garbage.add(id)
      }
      await store.retire(number)
    }
    await store.delete([...garbage])
  }

  async #storeOf(round: number): Promise<ChunkStore> {
    return (await this.#others.get(round)) ?? this.#options.store
  }
}

/** @throws MillraceError `E_SNAPSHOT_DAMAGED`, `E_SNAPSHOT_VERSION`. */
export async function readManifest(store: ChunkStore, number: number): Promise<Manifest> {
  const name = `manifest ${number} in ${store.place}`
  const bytes = await store.manifest(number)
  if (bytes === null) {
    throw new MillraceError('E_SNAPSHOT_DAMAGED', `${name} is missing`, {
      details: { manifest: number, place: store.place },
    })
  }
  return decodeManifest(bytes, name)
}
