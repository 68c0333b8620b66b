/** Reads what a restore order names, chunk by chunk. */
import { failpoint } from '../base/failpoint.js'
import type { StateStore } from '../state/state.js'
import type { ChunkRef } from './chunk-store.js'
import type { RestoreOrder, RestoreStep } from './restore-plan.js'
import type { RestoredSubtask } from './round.js'

/** Rejects where a chunk is missing or damaged. */
export type ReadChunk = (ref: ChunkRef) => Promise<Uint8Array>

/** The state of the operator at `position`, filled with what the step names; null where it keeps none. */
export type RestoreStepState = (
  position: number,
  step: RestoreStep,
  read: ReadChunk,
) => Promise<StateStore | null>

export async function loadRestored(
  order: RestoreOrder,
  read: ReadChunk,
  restore: RestoreStepState,
): Promise<RestoredSubtask> {
  const reading: ReadChunk = async (ref) => {
    failpoint('restore-read.before')
    const bytes = await read(ref)
    failpoint('restore-read.after')
    return bytes
  }
  const steps: RestoredSubtask['steps'][number][] = []
  for (const [position, step] of order.steps.entries()) {
    const { former, formerParallelism, splits, transactions, timeMs, flights } = step
    const state = former.length === 0 ? null : await restore(position, step, reading)
    steps.push({
      state,
      formerParallelism,
      splits,
      transactions,
      timeMs,
      flights: await readAll(flights, reading),
    })
  }
  const { round, formerMaxParallelism, hasEnded } = order
  return { round, formerMaxParallelism, hasEnded, steps }
}

async function readAll(refs: readonly ChunkRef[], read: ReadChunk): Promise<readonly Uint8Array[]> {
  const chunks: Uint8Array[] = []
  for (const ref of refs) chunks.push(await read(ref))
  return chunks
}
