/** The words of the job's protocol (`job-step.ts`): what comes in as events, and comes back as orders. */
import type { SubtaskId } from '../graph/subtasks.js'
import type { Adopted } from './adoption.js'
import type { JobRecord, JobState } from './job-record.js'

/** What has been observed. */
export type JobStepEvent =
  /** First of all, and once: all slots are ready, and all regions run. */
  | ({ readonly kind: 'Adopted' } & Pick<Adopted, 'attempts' | 'regions'>)
  | { readonly kind: 'SlotReady'; readonly slot: number }
  /**
   * The slot is gone with everything in it. Failures of its regions follow as `RegionFailed`, but for those in
   * which it was `accounted` for.
   */
  | { readonly kind: 'SlotLost'; readonly slot: number }
  | {
      readonly kind: 'RegionOpened'
      readonly region: number
      readonly attempt: number
      readonly slot: number
    }
  | {
      readonly kind: 'RegionAborted'
      readonly region: number
      readonly attempt: number
      readonly slot: number
    }
  | { readonly kind: 'SubtaskFinished'; readonly region: number; readonly attempt: number }
  /** The decision was taken to restart the region after a back-off. */
  | {
      readonly kind: 'RegionFailed'
      readonly region: number
      readonly attempt: number
      readonly delayMs: number
    }
  | { readonly kind: 'BackoffElapsed'; readonly region: number; readonly attempt: number }
  /** The decision was taken to replace the subtask, which `slot` hosts, after a back-off. */
  | {
      readonly kind: 'SubtaskFailed'
      readonly region: number
      readonly attempt: number
      readonly subtask: SubtaskId
      readonly slot: number
      readonly delayMs: number
    }
  | ReplacementFact<'ReplacementDue'>
  /** The slot has renewed its ends; the one that hosts the subtask has opened the new one, too. */
  | (ReplacementFact<'SubtaskReplaced'> & { readonly slot: number })
  /** The decision was taken that the job fails. */
  | { readonly kind: 'JobFailed' }
  | { readonly kind: 'DrainRequested' }
  | { readonly kind: 'CancelRequested' }
  /** Behind a snapshot that is complete. */
  | { readonly kind: 'StopRequested' }

export interface ReplacementFact<K extends string> {
  readonly kind: K
  readonly region: number
  readonly attempt: number
  readonly revision: number
}

/** What is to be done. */
export type JobOrder =
  | {
      readonly kind: 'OpenRegion'
      readonly region: number
      readonly attempt: number
      readonly slot: number
    }
  | {
      readonly kind: 'StartRegion'
      readonly region: number
      readonly attempt: number
      readonly slot: number
    }
  | {
      readonly kind: 'AbortRegion'
      readonly region: number
      readonly attempt: number
      readonly slot: number
    }
  | {
      readonly kind: 'StartBackoff'
      readonly region: number
      readonly attempt: number
      readonly delayMs: number
    }
  | (ReplacementFact<'StartReplacementBackoff'> & { readonly delayMs: number })
  | (ReplacementFact<'ReplaceSubtask'> & { readonly subtask: SubtaskId; readonly slot: number })
  | (ReplacementFact<'StartSubtask'> & { readonly subtask: SubtaskId; readonly slot: number })
  | { readonly kind: 'ReplaceSlot'; readonly slot: number }
  | { readonly kind: 'DrainSources' }
  /** The job has reached its last state. */
  | { readonly kind: 'End'; readonly state: JobState }

export interface JobStep {
  readonly record: JobRecord
  readonly orders: readonly JobOrder[]
}
