/** What outlives a coordinator, in memory: its records, bundles and snapshots, as a process sees them. */

import type { JobRecord } from '../../actors/coordinator/job-records.js'
import type { BundleFacts } from '../../actors/coordinator/protocol.js'
import type { CoordinatorStores } from '../../actors/coordinator/stores.js'
import type { ChunkStore } from '../../lib/snapshot/chunk-store.js'
import { MemoryChunkStore } from '../../lib/snapshot/memory-chunk-store.js'
import type { SimulatedProcess } from './simulated-process.js'

export class MemoryStores {
  term = 0
  readonly jobs = new Map<string, JobRecord>()
  cordons: readonly string[] = []
  /** Called before the record of a job is kept; where it throws, it is not. */
  onSave: (record: JobRecord) => void = () => {}
  /** Called before a snapshot to go on from is looked for; where it throws, it cannot be. */
  onLook: () => void = () => {}
  /** Called before a snapshot is complete. */
  onManifest: (round: number, manifest: Uint8Array) => void = () => {}
  readonly #snapshots = new Map<string, MemoryChunkStore>()

  /**
   * A copy of what they were, for another coordinator, which knows the same jobs; it has no snapshots. Whoever
   * starts on it has a term that is so many lower than the present one.
   */
  outdated(terms: number): MemoryStores {
    const copy = new MemoryStores()
    copy.term = this.term - 1 - terms
    for (const [id, record] of this.jobs) copy.jobs.set(id, record)
    return copy
  }

  /** Each step takes a little time, and is never done for a process that is dead by then. */
  of(process: SimulatedProcess): CoordinatorStores {
    const step = async <R>(action: () => R | Promise<R>): Promise<R> => {
      await process.sleep(1)
      const result = await action()
      if (process.isDead) await new Promise(() => {})
      return result
    }
    const bytes = new Uint8Array([1, 2, 3])
    return {
      records: {
        nextTerm: () => step(() => ++this.term),
        all: () => step(() => [...this.jobs.values()]),
        save: (record) =>
          step(() => {
            this.onSave(record)
            this.jobs.set(record.id, record)
          }),
        remove: (id) => step(() => void this.jobs.delete(id)),
        cordons: () => step(() => this.cordons),
        saveCordons: (nodes) =>
          step(() => {
            this.cordons = nodes
          }),
      },
      shelf: {
        fileOf: (sha256) => sha256,
        has: async () => true,
        put: async (_facts: BundleFacts) => {},
        piece: async (_sha256, offset) => ({ bytes: bytes.subarray(offset), length: bytes.length }),
      },
      openSnapshots: (directory) => step(() => this.#open(directory, step)),
      hasSnapshots: (directory) =>
        step(async () => {
          this.onLook()
          return ((await this.#snapshots.get(directory)?.manifests()) ?? []).length > 0
        }),
      lastRound: (directory) =>
        step(async () =>
          Math.max(0, ...((await this.#snapshots.get(directory)?.manifests()) ?? [])),
        ),
      close: async () => {},
    }
  }

  #open(directory: string, step: <R>(action: () => R | Promise<R>) => Promise<R>): ChunkStore {
    const store = this.#snapshots.get(directory) ?? new MemoryChunkStore()
    this.#snapshots.set(directory, store)
    return {
      place: directory,
      put: (id, bytes) => step(() => store.put(id, bytes)),
      get: (id) => step(() => store.get(id)),
      list: () => store.list(),
      delete: (ids) => step(() => store.delete(ids)),
      commit: (number, manifest) =>
        step(() => {
          this.onManifest(number, manifest)
          return store.commit(number, manifest)
        }),
      manifests: () => step(() => store.manifests()),
      manifest: (number) => step(() => store.manifest(number)),
      retire: (number) => step(() => store.retire(number)),
      close: async () => {},
    }
  }
}
