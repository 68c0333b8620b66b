/** The chunks that a manifest names. */
import type { ChunkRef } from './chunk-store.js'
import type { Manifest, OperatorSnapshot } from './manifest.js'

/** Of one operator: state, then what was in flight. */
export const chunksOfOperator = ({ subtasks }: OperatorSnapshot): readonly ChunkRef[] =>
  subtasks.flatMap(({ chunks, flights }) => [...chunks, ...flights])

/** Each once, in the order of the manifest. */
export function chunksOf({ operators }: Manifest): readonly ChunkRef[] {
  const byId = new Map<string, ChunkRef>()
  for (const ref of operators.flatMap(chunksOfOperator)) byId.set(ref.id, ref)
  return [...byId.values()]
}
