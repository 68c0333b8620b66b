/** The state of one region in one slot: where it lies, and what it begins with. */

import type { Clock } from '../../lib/base/clock.js'
import { errorToData } from '../../lib/base/errors.js'
import { subtaskName } from '../../lib/graph/subtasks.js'
import type { ReadChunk } from '../../lib/snapshot/load-restored.js'
import type { RestoreOrder } from '../../lib/snapshot/restore-plan.js'
import type { RestoredSubtask } from '../../lib/snapshot/round.js'
import { readChunk } from '../../lib/snapshot/verify.js'
import { heapBackend, type OpenState, type StateBackend } from '../../lib/state/state-backend.js'
import { restoreOperators } from '../subtask/restore-operators.js'
import type { SlotHost } from './slot-host.js'
import type { SlotJob } from './slot-job.js'

export interface RegionState {
  readonly backend: StateBackend
  /** What each subtask goes on from, by name; none: from the beginning. */
  readonly restored: Map<string, RestoredSubtask>
}

export interface RegionStateParts {
  readonly job: SlotJob
  readonly region: number
  readonly attempt: number
  readonly host: SlotHost
  readonly clock: Clock
  readonly open: OpenState
  /** Null: from the beginning. By name of the subtask. */
  readonly restore: ReadonlyMap<string, RestoreOrder> | null
  /** Throws where the attempt was aborted: asked before each chunk. */
  readonly check: () => void
}

/** Rejects where what is to be restored cannot be; nothing is left open then. */
export async function openRegionState(parts: RegionStateParts): Promise<RegionState> {
  const backend = await openBackend(parts)
  try {
    return { backend, restored: await restoreSubtasks(parts, backend) }
  } catch (error) {
    await backend.close()
    throw error
  }
}

/** A region whose operators keep nothing opens nothing. */
async function openBackend(parts: RegionStateParts): Promise<StateBackend> {
  const { job, region, attempt, open } = parts
  const { settings, job: id, slot } = job.setup
  const { regions, isOne } = job.keeping(region)
  if (settings.state.backend === 'heap' || !isOne) return heapBackend
  return open({
    job: id,
    name: `slot ${slot} region ${region} attempt ${attempt}`,
    root: settings.state.directory,
    budgetBytes: settings.state.cacheBytes / regions,
  })
}

async function restoreSubtasks(
  parts: RegionStateParts,
  state: StateBackend,
): Promise<Map<string, RestoredSubtask>> {
  const { job, region, attempt, host, clock, restore, check } = parts
  const { plan, composed, setup } = job
  const restored = new Map<string, RestoredSubtask>()
  if (restore === null) return restored
  const { freeze } = setup.settings
  for (const subtask of job.subtasksOf(region)) {
    const order = restore.get(subtaskName(subtask))
    if (order === undefined) continue
    const { chain, index } = subtask
    const place = { plan, composed, clock, state, chain: plan.chains[chain]!, index, freeze }
    const read: ReadChunk = async (ref) => {
      check()
      // Wherever it comes from, it is compared here with what the manifest says of it.
      const get = () => host.chunks.get(order.round, ref)
      return readChunk({ place: 'the snapshot store', get }, ref)
    }
    try {
      restored.set(subtaskName(subtask), await restoreOperators(place, order, read))
    } catch (error) {
      // Of an operator that cannot be restored it is said which one; unread chunks are nobody's.
      const data = errorToData(error)
      const { operator } = data.details
      if (typeof operator === 'string') {
        host.emit({ kind: 'SubtaskFailed', subtask, attempt, operator, error: data })
      }
      throw error
    }
  }
  return restored
}
