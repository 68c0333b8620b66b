/** The level backend over memory, with as small a cache as is wanted. */
import type { HeapStateOptions } from '../../lib/state/heap-state.js'
import { MemoryRows } from '../../lib/state/memory-rows.js'
import { textRows } from '../../lib/state/row-text.js'
import type { StateStore } from '../../lib/state/state.js'
import { cachedBackend, type StateBackend } from '../../lib/state/state-backend.js'
import { decodeOwnCbor, encodeCbor } from '../../lib/wire/cbor.js'

/** Maps of more than four entries have rows of their own. */
export function memoryBackend(budgetBytes: number): StateBackend {
  const codec = textRows({ encode: encodeCbor, decode: decodeOwnCbor })
  const rows = new MemoryRows()
  const ahead = { aheadBytes: 10_000, aheadMin: 1 }
  return cachedBackend({ rows, codec, budgetBytes, recent: 10, nestedMax: 4, ...ahead })
}

export function cachedState(
  maxParallelism: number,
  budgetBytes: number,
  options: HeapStateOptions = {},
): StateStore {
  const names = { operator: 'o', parallelism: 1 }
  return memoryBackend(budgetBytes).create(maxParallelism, { ...options, ...names })
}
