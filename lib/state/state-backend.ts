/** Where the operators of a region keep their state: in the heap, or larger than memory. */
import { createHeapState, type HeapStateOptions } from './heap-state.js'
import { createLevelState } from './level-state.js'
import { RowCache, type RowCacheOptions } from './row-cache.js'
import type { StateStore } from './state.js'

/** As it travels to slots. */
export type StateSettings =
  | { readonly backend: 'heap' }
  | {
      readonly backend: 'level'
      /** Null: the folder for temporary files (TMPDIR). */
      readonly directory: string | null
      /** Budget of one slot. */
      readonly cacheBytes: number
    }

export interface StoreOptions extends HeapStateOptions {
  readonly operator: string
  /** Subtasks that share the key groups. */
  readonly parallelism: number
}

export interface StateBackend {
  /** True where its stores can be told which rows are going to be needed: see `ReadsAhead`. */
  readonly readsAhead: boolean
  /** The empty state of one operator in one subtask. */
  create(maxParallelism: number, options: StoreOptions): StateStore
  /** Removes what is on disk. No state of it is used any more. */
  close(): Promise<void>
}

/** Where state larger than memory is to lie. */
export interface StatePlace {
  readonly job: string
  /** Of slot, region and attempt. */
  readonly name: string
  readonly root: string | null
  readonly budgetBytes: number
}

export type OpenState = (place: StatePlace) => Promise<StateBackend>

export const heapBackend: StateBackend = {
  readsAhead: false,
  create: createHeapState,
  close: async () => {},
}

/** All states over one database, with one cache. */
export function cachedBackend(
  cached: RowCacheOptions & { readonly nestedMax?: number },
  close: () => Promise<void> = async () => {},
): StateBackend {
  const cache = new RowCache(cached)
  const nested = cached.nestedMax === undefined ? {} : { nestedMax: cached.nestedMax }
  return {
    readsAhead: true,
    create: (groups, options) => createLevelState(groups, { ...options, ...nested, cache }),
    close,
  }
}
