/** With what options a life of a job begins. */
import type { RunOptions } from '../job/launch.js'
import { SLOT_MEMORY_MB } from '../worker/protocol.js'
import type { JobRecord } from './job-records.js'
import type { SubmitOptions } from './protocol.js'

/** `snapshots`: its directory. */
export function lifeOptions(
  { options }: JobRecord,
  snapshots: string,
  restore: SubmitOptions['restore'],
): RunOptions {
  const { memoryMb = SLOT_MEMORY_MB, supervise, checkpoint, state } = options
  return {
    memoryMb,
    ...(state !== undefined && { state }),
    ...(checkpoint !== false && { checkpoint: { ...checkpoint, directory: snapshots } }),
    ...(restore !== undefined && { restore }),
    ...(options.allowDroppedState !== undefined && {
      allowDroppedState: options.allowDroppedState,
    }),
    ...(options.acceptDuplicates !== undefined && { acceptDuplicates: options.acceptDuplicates }),
    ...(options.transactions !== undefined && { transactions: options.transactions }),
    ...(options.claim !== undefined && { claim: options.claim }),
    supervise: {
      maxRestarts: 10,
      ...supervise,
    },
  }
}
