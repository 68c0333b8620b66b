/**
 * What outlives a coordinator: its term, the jobs that are to run, their bundles and their snapshots, and
 * which nodes are cordoned.
 *
 * Contract: what has resolved is durable; of what has not, nothing or all of it is found again.
 */
import { join } from 'node:path'
import type { ChunkStore } from '../../lib/snapshot/chunk-store.js'
import { openLevelChunkStore } from '../../lib/snapshot/level-chunk-store.js'
import { readIndex } from '../../lib/snapshot/store-index.js'
import type { BundlePiece } from '../node/protocol.js'
import { BundleShelf } from './bundle-shelf.js'
import { lockData } from './data-lock.js'
import { type JobRecord, JobRecords } from './job-records.js'
import type { BundleFacts } from './protocol.js'

/** Term, jobs and cordons. */
export interface Records {
  /** One more than any term before. */
  nextTerm(): Promise<number>
  all(): Promise<readonly JobRecord[]>
  save(record: JobRecord): Promise<void>
  remove(id: string): Promise<void>
  /** Names of the nodes that are to get nothing new. Written in the order in which that is asked for. */
  cordons(): Promise<readonly string[]>
  saveCordons(nodes: readonly string[]): Promise<void>
}

/** Bundles by hash. */
export interface Shelf {
  fileOf(sha256: string): string
  has(sha256: string): Promise<boolean>
  put(facts: BundleFacts, offset: number, piece: Uint8Array): Promise<void>
  /** Null: there is none. */
  piece(sha256: string, offset: number): Promise<BundlePiece | null>
}

export interface CoordinatorStores {
  readonly records: Records
  readonly shelf: Shelf
  openSnapshots(directory: string): Promise<ChunkStore>
  /**
   * True where some are complete there. A directory in which none is yet is as good as none: what the job was
   * submitted with is to be restored then.
   */
  hasSnapshots(directory: string): Promise<boolean>
  /** The newest that is complete there; 0: none is. */
  lastRound(directory: string): Promise<number>
  /** Resolves when all that was asked for is done: another coordinator may have it then. */
  close(): Promise<void>
}

/**
 * Files below the coordinator's data directory; snapshots in LevelDB. Rejects with E_DATA_LOCKED while
 * another coordinator has it: nothing there is touched then.
 */
export async function openFileStores(data: string): Promise<CoordinatorStores> {
  const lock = await lockData(data)
  try {
    return await openLocked(data, () => lock.release())
  } catch (error) {
    await lock.release()
    throw error
  }
}

async function openLocked(data: string, release: () => Promise<void>): Promise<CoordinatorStores> {
  const records = await JobRecords.open(data)
  return {
    records,
    shelf: await BundleShelf.open(join(data, 'bundles')),
    close: async () => {
      await records.settled()
      await release()
    },
    openSnapshots: openLevelChunkStore,
    hasSnapshots: (directory) =>
      readIndex(directory).then(
        (numbers) => numbers !== null && numbers.length > 0,
        // What is wrong with them is told by whoever opens them.
        () => true,
      ),
    lastRound: async (directory) => Math.max(0, ...((await readIndex(directory)) ?? [])),
  }
}
