/**
 * The level backend: state larger than memory. Keyed values, lists and maps lie in rows of a database, and
 * as many of them in memory as the cache's budget allows; see `row-cache.ts` and `row-table.ts`.
 *
 * - A value is an entry's row; so is an entry of a large map. A small map, and a list of whatever length, is
 *   one row: who appends to a list that is not in the cache reads all of it.
 * - In the heap are timers, and state that has no key: single, operator list, broadcast.
 * - What is kept must be plain data, as for a snapshot. What was thrown out comes back as an equal copy,
 *   where the heap would give the same object again.
 */
import { createStateOver, type HeapStateOptions } from './heap-state.js'
import type { RowCache } from './row-cache.js'
import type { StateStore } from './state.js'
import { StateRows } from './state-rows.js'

export interface LevelStateOptions extends HeapStateOptions {
  readonly cache: RowCache
  /** For messages. */
  readonly operator?: string
  /** Subtasks that share the key groups. Default 1. */
  readonly parallelism?: number
  /** For tests: a map of so many entries has rows of its own. */
  readonly nestedMax?: number
}

/** As `createHeapState`. */
export function createLevelState(maxParallelism: number, options: LevelStateOptions): StateStore {
  const { cache, operator = '', parallelism = 1, nestedMax } = options
  const groups = Math.ceil(maxParallelism / parallelism)
  const rowsOf = (state: string) => new StateRows(cache, { operator, state }, groups, nestedMax)
  return createStateOver(rowsOf, cache, maxParallelism, options)
}
