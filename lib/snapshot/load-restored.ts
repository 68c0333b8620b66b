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
  for (const { former, ...rest } of order.steps) {
    const loaded = []
    for (const { subtask, refs } of former) {
      // One after another: what is in flight takes memory beside what it becomes.
      const chunks: Uint8Array[] = []
      for (const ref of refs) {
        failpoint('restore-read.before')
        chunks.push(await read(ref))
        failpoint('restore-read.after')
      }
      loaded.push({ subtask, chunks })
    }
    steps.push({ ...rest, former: loaded })
  }
  return { hasEnded: order.hasEnded, steps }
}
