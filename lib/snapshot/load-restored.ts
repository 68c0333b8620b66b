/** Reads what a restore order names. */
import { failpoint } from '../base/failpoint.js'
import type { ChunkRef } from './chunk-store.js'
import type { RestoreOrder } from './restore-plan.js'
import type { RestoredSubtask } from './round.js'

/** `read` rejects where a chunk is missing or damaged. */
export async function loadRestored(
  order: RestoreOrder,
  read: (ref: ChunkRef) => Promise<Uint8Array>,
): Promise<RestoredSubtask> {
  const steps: RestoredSubtask['steps'][number][] = []
  for (const { former, flights, ...rest } of order.steps) {
    const loaded = []
    for (const { subtask, refs } of former) {
      loaded.push({ subtask, chunks: await readAll(refs, read) })
    }
    steps.push({ ...rest, former: loaded, flights: await readAll(flights, read) })
  }
  return { hasEnded: order.hasEnded, steps }
}

/** One after another: what is being read takes memory beside what it becomes. */
async function readAll(
  refs: readonly ChunkRef[],
  read: (ref: ChunkRef) => Promise<Uint8Array>,
): Promise<readonly Uint8Array[]> {
  const chunks: Uint8Array[] = []
  for (const ref of refs) {
    failpoint('restore-read.before')
    chunks.push(await read(ref))
    failpoint('restore-read.after')
  }
  return chunks
}
