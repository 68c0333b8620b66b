/**
 * Folders on this machine's disk for what the slots of a job keep beside their memory: runs that were spilled,
 * state that is larger than memory.
 *
 * A slot that is closed removes its own. What one leaves that was killed is removed with the last slot of that
 * job in this process, and no sooner: a job may begin again while the slots before are still dying, and nodes
 * may share a process.
 */
import { removeJobSpill } from '../../lib/spill/file-spill.js'
import type { SlotSetup } from './protocol.js'

/** Slots in this process, by job and directory. */
const slots = new Map<string, number>()

/** A slot begins. *Caller must* call what is returned when the slot is gone; more calls do nothing. */
export function useJobFolders({ job, settings: { state } }: SlotSetup): () => Promise<void> {
  const directory = state.backend === 'level' ? state.directory : null
  const id = JSON.stringify([job, directory])
  slots.set(id, (slots.get(id) ?? 0) + 1)
  let isGone = false
  return async () => {
    if (isGone) return
    isGone = true
    const left = slots.get(id)! - 1
    if (left > 0) slots.set(id, left)
    else slots.delete(id)
    if (left > 0) return
    removeJobSpill(job)
    if (state.backend === 'heap') return
    // Loaded by those who use it only: it brings a native library.
    const { removeJobState } = await import('../../lib/state/level-rows.js')
    // It may have begun again meanwhile.
    if (!slots.has(id)) removeJobState(job, directory)
  }
}
