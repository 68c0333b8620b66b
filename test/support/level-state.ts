/** The level backend over memory, with as small a cache as is wanted. */

import type { HeapStateOptions } from '../../lib/state/heap-state.js'
import { createLevelState } from '../../lib/state/level-state.js'
import { MemoryRows } from '../../lib/state/memory-rows.js'
import { RowCache } from '../../lib/state/row-cache.js'
import type { StateStore } from '../../lib/state/state.js'
import { decodeCbor, encodeCbor } from '../../lib/wire/cbor.js'

export interface CachedState {
  readonly store: StateStore
  readonly cache: RowCache
  readonly rows: MemoryRows
}

export function cachedState(
  maxParallelism: number,
  budgetBytes: number,
  options: HeapStateOptions = {},
): CachedState {
  const rows = new MemoryRows()
  const cache = new RowCache({
    rows,
    codec: { encode: encodeCbor, decode: decodeCbor },
    budgetBytes,
    recent: 10,
  })
  return {
    store: createLevelState(maxParallelism, { ...options, cache, nestedMax: 4 }),
    cache,
    rows,
  }
}
