/**
 * The states of a job and of its regions, as data.
 *
 * A *region* is what is connected by channels; it fails, stops and restarts as one. Each deployment of
 * it has an attempt number, larger than any before, and everything that is sent carries it.
 *
 * | region   | does                                      | waits for                              |
 * |----------|-------------------------------------------|----------------------------------------|
 * | Waiting  | nothing                                   | its slots to be ready, its back-off    |
 * | Opening  | creates subtasks and channels             | `RegionOpened` of each of its slots    |
 * | Running  | processes                                 | its subtasks to finish, or a failure   |
 * | Aborting | stops subtasks                            | `RegionAborted` of each live slot      |
 * | Finished | nothing                                   | —                                      |
 * | Stopped  | nothing: ended without result             | —                                      |
 *
 * Under `best-effort` single subtasks of a region may be replaced while it is Running; see
 * `replacement.ts`. The region, and the job, count as running meanwhile.
 */
import type { Replacements } from './replacement.js'

/** Of those in which it has ended, only behind `Stopped` there is a snapshot that is meant to be gone on from. */
export type JobState =
  | 'Created'
  | 'Running'
  | 'Restarting'
  | 'Draining'
  | 'Cancelling'
  | 'Stopping'
  | 'Failing'
  | 'Finished'
  | 'Cancelled'
  | 'Stopped'
  | 'Failed'

export const isEnded = (state: JobState): boolean =>
  state === 'Finished' || state === 'Cancelled' || state === 'Stopped' || state === 'Failed'

/** How it ends, whatever its regions still do. */
export const ENDS = { Failing: 'Failed', Cancelling: 'Cancelled', Stopping: 'Stopped' } as const

export const isToEnd = (state: JobState): state is keyof typeof ENDS => state in ENDS

/** It is to end, or has. */
export const isEnding = (state: JobState): boolean => isToEnd(state) || isEnded(state)

export type RegionPhase = 'Waiting' | 'Opening' | 'Running' | 'Aborting' | 'Finished' | 'Stopped'

export interface RegionRecord {
  readonly id: number
  readonly phase: RegionPhase
  /** 0 before the first deployment. */
  readonly attempt: number
  /** Slots that host a subtask of it. */
  readonly slots: readonly number[]
  /** Slots that have not answered the command under way. */
  readonly awaited: readonly number[]
  /**
   * Slots that were there when the last failure was found, and have not been replaced since: one incident
   * may take several, and that these are lost, too, is no further failure. Empty once it opens again.
   */
  readonly accounted: readonly number[]
  readonly subtasks: number
  /** Subtasks of this attempt that have not finished. */
  readonly unfinished: number
  /** True while the back-off before the next attempt runs. */
  readonly backingOff: boolean
  /** Of failed subtasks; empty unless Running. */
  readonly replacements: Replacements
}

export interface JobRecord {
  readonly state: JobState
  readonly regions: readonly RegionRecord[]
  /** Per slot: is it set up, so that it takes commands? */
  readonly slotReady: readonly boolean[]
  /** Largest attempt number given out. */
  readonly attempts: number
}

export interface RegionShape {
  readonly id: number
  readonly slots: readonly number[]
  readonly subtasks: number
}

export function createJobRecord(regions: readonly RegionShape[], slots: number): JobRecord {
  return {
    state: 'Created',
    regions: regions.map((shape) => ({
      ...shape,
      phase: 'Waiting',
      attempt: 0,
      awaited: [],
      accounted: [],
      unfinished: shape.subtasks,
      backingOff: false,
      replacements: [],
    })),
    slotReady: Array.from({ length: slots }, () => false),
    attempts: 0,
  }
}
