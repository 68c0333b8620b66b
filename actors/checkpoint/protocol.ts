/**
 * The messages of the checkpoint actor, and what it asks of the job actor, its parent. All of them travel
 * on the control lane.
 */
import type { SubtaskId } from '../../lib/graph/subtasks.js'
import type { Barrier } from '../../lib/operators/signal.js'
import type { Manifest, UnassignedSplits } from '../../lib/snapshot/manifest.js'
import type { SubtaskAck } from '../../lib/snapshot/round.js'

export type CheckpointMessage =
  | {
      readonly kind: 'Started'
      readonly live: readonly SubtaskId[]
      readonly committing: readonly SubtaskId[]
    }
  | { readonly kind: 'Stopped'; readonly reason: string }
  | { readonly kind: 'Looked' }
  | { readonly kind: 'CommitAwaited'; readonly subtask: SubtaskId }
  | { readonly kind: 'Acknowledged'; readonly ack: SubtaskAck }
  | {
      readonly kind: 'Declined'
      readonly round: number
      readonly subtask: SubtaskId
      readonly reason: string
      readonly isStoreLost: boolean
    }
  | { readonly kind: 'Finished'; readonly subtask: SubtaskId }
  | { readonly kind: 'TimedOut'; readonly round: number }
  | { readonly kind: 'AlignmentTimedOut'; readonly round: number }
  | {
      readonly kind: 'Committed'
      readonly round: number
      readonly manifest: Manifest
      /** As of `SnapshotStores.commit`. */
      readonly latest: Manifest | null
      readonly lost: Error | null
    }
  | {
      readonly kind: 'CommitFailed'
      readonly round: number
      readonly reason: string
      readonly isStoreLost: boolean
    }
  /** A savepoint is wanted, in a directory of its own; or, with null, a checkpoint: behind either the job may stop. */
  | { readonly kind: 'SavepointRequested'; readonly request: SavepointRequest }
  /** What was asked for, and has not begun, fails for that. */
  | { readonly kind: 'RequestsWithdrawn'; readonly reason: Error }
  /** Calls back once no commit is under way: with the manifest to restore from, if there is one. */
  | { readonly kind: 'WhenSettled'; readonly tell: (latest: Manifest | null) => void }

export interface SavepointRequest {
  /** Null: into the job's own store, as a checkpoint. */
  readonly directory: string | null
  /** Sources read nothing behind its barrier; all it holds is committed, and the job ends. */
  readonly stop: boolean
  /** `lost`: why it lies in the job's own store alone, where it was to lie in a directory of its own, too. */
  readonly done: (manifest: Manifest, lost: Error | null) => void
  readonly failed: (reason: Error) => void
}

/** What the job does for the checkpoint actor. Each MUST only send messages. */
export interface CheckpointOwner {
  /** Tells every subtask; returns what the split assigners have not handed out, by node. */
  trigger(barrier: Barrier, stop: boolean): ReadonlyMap<number, UnassignedSplits>
  /** Tells every subtask that the round is unaligned from now on. */
  hurry(round: number): void
  /** Tells every subtask that a round is complete; resolves when all has been committed. */
  complete(round: number): Promise<void>
  abandon(round: number): void
  /** `isStoreLost`: nothing can be stored any more; else too many rounds in a row have failed. */
  failJob(reason: string, isStoreLost: boolean): void
  report(event: CheckpointReport): void
}

/** For `job.events$`. */
export type CheckpointReport =
  | {
      readonly kind: 'completed'
      readonly round: number
      readonly durationMs: number
      readonly bytes: number
      /** Of them, records in flight; null where the round was not unaligned. */
      readonly overtakenBytes: number | null
      readonly savepoint: boolean
    }
  | { readonly kind: 'abandoned'; readonly round: number; readonly reason: string }
