/**
 * The messages of the job actor.
 *
 * All of them travel on the control lane: a job moves no data. Answers to commands come back as
 * messages too, so nothing is awaited between reading and writing the job's record.
 */
import type { ErrorData } from '../../lib/base/errors.js'
import type { JobStepEvent } from '../../lib/job/job-events.js'
import type { Decision, Failure } from '../../lib/supervision/failure.js'
import type { SavepointRequest } from '../checkpoint/protocol.js'
import type { SlotEvent, SplitListing, SubtaskId } from '../worker/protocol.js'

/** A region that failed, by which subtask (−1: none of its own), and why. */
export interface FailedRegion {
  readonly region: number
  readonly attempt: number
  readonly operator: string
  readonly subtask: number
  readonly error: ErrorData
}

/** A region is to begin again from the last checkpoint, though nothing has failed. */
export interface RestartRequest {
  readonly region: number
  done(): void
  refused(error: Error): void
}

export type JobMessage =
  /** A slot has been set up and is linked with its peers. */
  | { readonly kind: 'SlotSetUp'; readonly slot: number; readonly generation: number }
  | {
      readonly kind: 'SlotEvent'
      readonly slot: number
      readonly generation: number
      readonly event: SlotEvent
    }
  /** Facts of the job's protocol, as they are. */
  | Extract<
      JobStepEvent,
      {
        kind:
          | 'RegionOpened'
          | 'RegionAborted'
          | 'BackoffElapsed'
          | 'ReplacementDue'
          | 'SubtaskReplaced'
      }
    >
  /** A command was answered with an error. */
  | {
      readonly kind: 'CommandFailed'
      readonly command: string
      readonly slot: number
      readonly generation: number
      readonly region: number | null
      readonly attempt: number | null
      readonly operator: string | null
      readonly error: ErrorData
    }
  /** A failure that looked like the echo of a slot's death, which has not been told since. */
  | {
      readonly kind: 'EchoDue'
      readonly failed: FailedRegion
      readonly subtask: SubtaskId | null
    }
  /** Who was asked about a failure has answered; null: nobody decides. */
  | {
      readonly kind: 'Decided'
      readonly failed: FailedRegion
      readonly subtask: SubtaskId | null
      readonly facts: Failure
      readonly decision: Decision | null
    }
  | {
      readonly kind: 'SplitsListed'
      readonly chain: number
      readonly attempt: number
      readonly listing: SplitListing
    }
  /** The job is ending, and slots have had their time to stop. */
  | { readonly kind: 'StopOverdue' }
  /** More rounds of snapshots in a row have failed than is tolerated. */
  | { readonly kind: 'SnapshotsFailed'; readonly error: ErrorData }
  /** The job has ended, and so has its last round. */
  | { readonly kind: 'SnapshotsSettled' }
  | { readonly kind: 'Savepoint'; readonly request: SavepointRequest }
  /** Savepoints that were asked for, and have not begun, are not wanted any more. */
  | { readonly kind: 'SavepointsWithdrawn'; readonly reason: Error }
  | { readonly kind: 'RestartRegion'; readonly request: RestartRequest }
  | { readonly kind: 'Drain' }
  | { readonly kind: 'Cancel' }
  /** Behind a snapshot that is complete. */
  | { readonly kind: 'Stop' }
