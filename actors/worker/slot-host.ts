/**
 * What a slot's runtime stands on: the same for a worker thread and for the calling thread.
 *
 * A runtime is `createSlotRuntime(host: SlotHost): SlotCommands`.
 */
import { type Cancel, type Clock, systemClock } from '../../lib/base/clock.js'
import { BEAT_MS, type Vitals, vitalsIn } from '../../lib/metrics/vitals.js'
import type { ChunkAccess, SlotCommands, SlotEvent } from './protocol.js'

export interface SlotHost {
  readonly clock: Clock
  /** Reports to the job; in order, never blocks. */
  emit(event: SlotEvent): void
  /**
   * Gives records to the job's `results$`. Caller must: wait for the promise before publishing more.
   * Rejects with `E_CALL_NOT_SENT` where a record cannot cross threads.
   */
  publish(records: readonly unknown[]): Promise<void>
  /** Chunks of snapshots. */
  readonly chunks: ChunkAccess
  /**
   * Caller must: `enter(chain, index)` before and `leave()` after every turn of a subtask (and its
   * open), so that the death of the thread is put down to the right operator. Costs a few stores.
   */
  readonly vitals: Vitals
}

export type CreateSlotRuntime = (host: SlotHost) => SlotCommands

/** Lets the thread show that its event loop turns, for the stall watch. Does not keep it alive. */
export function startBeating(vitals: Vitals): Cancel {
  const timer = setInterval(() => vitals.beat(), BEAT_MS)
  timer.unref()
  return () => clearInterval(timer)
}

/** The host of a slot in the calling thread; `memory` from `createVitalsMemory`. */
export function createLocalHost(
  memory: SharedArrayBuffer,
  emit: (event: SlotEvent) => void,
  publish: (records: readonly unknown[]) => Promise<void>,
  chunks: ChunkAccess,
  clock: Clock = systemClock,
): SlotHost {
  return { clock, emit, publish, chunks, vitals: vitalsIn(memory) }
}

/** Of a job that takes no snapshots. */
export const noChunks: ChunkAccess = {
  put: () => Promise.reject(new Error('broken law: this job takes no snapshots')),
  get: () => Promise.reject(new Error('broken law: this job takes no snapshots')),
}
