/**
 * The job handle: what `run` returns and the user supervises by.
 *
 * ```
 * Created → Running ⇄ Restarting
 *              ├────→ Draining ───→ Finished (partial)
 *              ├────→ Stopping ───→ Stopped (partial)
 *              ├────→ Cancelling ─→ Cancelled (partial)
 *              ├────→ Failing ────→ Failed
 *              └──────────────────→ Finished
 * ```
 */
import type { Observable } from 'rxjs'
import type { Guarantee } from '../../lib/graph/graph.js'
import type { Plan } from '../../lib/graph/plan.js'
import type { JobState } from '../../lib/job/job-record.js'
import type { Counts, Lives } from '../../lib/job/life-counts.js'
import type { ChainMetrics } from '../../lib/metrics/sample.js'
import type { RestoreReport } from '../../lib/snapshot/restore-plan.js'
import type { Failure } from '../../lib/supervision/failure.js'

/** What happens to a job, as `events$` tells it. */
export type JobEvent =
  | {
      readonly kind: 'StateChanged'
      readonly atMs: number
      readonly from: JobState
      readonly to: JobState
    }
  /** On a cluster: it goes on with another number of slots. */
  | {
      readonly kind: 'Rescaled'
      readonly atMs: number
      readonly slots: number
      /** Before. */
      readonly had: number
    }
  | {
      readonly kind: 'RegionRestarting'
      readonly atMs: number
      readonly region: number
      readonly attempt: number
      readonly delayMs: number
      readonly guarantee: Guarantee
    }
  /** Best effort: the subtask failed and is replaced by itself; its state is gone. */
  | {
      readonly kind: 'SubtaskReplacing'
      readonly atMs: number
      readonly operator: string
      readonly subtask: number
      readonly delayMs: number
    }
  | {
      readonly kind: 'SubtaskFinished'
      readonly atMs: number
      readonly operator: string
      readonly subtask: number
    }
  | {
      readonly kind: 'SubtaskStalled'
      readonly atMs: number
      readonly operator: string
      readonly subtask: number
      readonly stalledMs: number
      readonly stack: string | null
    }
  | {
      readonly kind: 'SnapshotCompleted'
      readonly atMs: number
      readonly round: number
      /** From its beginning to the last acknowledgement. */
      readonly durationMs: number
      /** Of all chunks that its manifest names. */
      readonly bytes: number
      /**
       * Of them, records that the barriers of an unaligned round have overtaken; null where the round was
       * aligned.
       */
      readonly overtakenBytes: number | null
      readonly savepoint: boolean
    }
  /** It begins with a snapshot; whoever allowed state to be dropped sees which was. */
  | ({
      readonly kind: 'Restored'
      readonly atMs: number
      readonly round: number
      readonly savepoint: boolean
      /** Where the snapshot lies. */
      readonly directory: string
    } & RestoreReport)
  /** It could not be taken, or not written; the job goes on. */
  | {
      readonly kind: 'SnapshotAbandoned'
      readonly atMs: number
      readonly round: number
      readonly reason: string
    }
  | {
      readonly kind: 'Log'
      readonly atMs: number
      readonly level: 'info' | 'warn'
      readonly message: string
    }

/** One sample of `metrics$`. */
export interface JobMetrics {
  readonly atMs: number
  readonly state: JobState
  readonly chains: readonly ChainMetrics[]
}

/**
 * How a job ended and what flowed, as `done` gives it. Counts are records, times milliseconds.
 *
 * A job of a cluster that was moved, or that its coordinator, started again, could not adopt, has had several
 * lives: its counts and `wallMs` are those of `livesCounted` of its `lives` together, `restarts` those of all of
 * them, `chains` those of the last one. What a life has read behind the checkpoint with which the next one began,
 * both have counted. Of a life that was adopted `wallMs` counts from then on.
 */
export interface JobSummary extends Counts, Lives {
  readonly job: string
  readonly pipeline: string
  readonly state: JobState
  /** Of regions, and of single subtasks. */
  readonly restarts: number
  /** True when the input was not read to its end. */
  readonly partial: boolean
  readonly guarantee: Guarantee
  readonly chains: readonly ChainMetrics[]
}

/** A job as `run` returns it: to be observed, awaited and ended. */
export interface Job {
  readonly id: string
  readonly pipeline: string
  readonly state: JobState
  /** Resolves when planned; rejects where planning fails (as does `done`). */
  readonly plan: Promise<Plan>
  readonly events$: Observable<JobEvent>
  /** The last failures so far, 256 at most, then each new one; each says of which `kind` it is. */
  readonly failures$: Observable<Failure>
  /** A sample per second, by default, while subscribed; completes with the job. */
  readonly metrics$: Observable<JobMetrics>
  /** What `toObservable()` sinks publish. Errs when the job fails. */
  readonly results$: Observable<unknown>
  /** Resolves when Finished, Stopped or Cancelled; rejects with the failure that ended the job. */
  readonly done: Promise<JobSummary>
  /** Ends now; nothing more is written. */
  cancel(): Promise<void>
  /** Sources end, final results come; the summary is marked partial. */
  drain(): Promise<void>
  /**
   * Ends what runs of a region (`plan.regions`) and begins again from the last checkpoint, as after a
   * failure, but at once and not counted. Resolves when that has begun. Rejects with `E_NO_SUCH_REGION`
   * where it does not run, `E_CANNOT_REPEAT` where its sources cannot be read again.
   */
  restartRegion(region: number): Promise<void>
  /**
   * Takes a snapshot that belongs to the caller: complete in itself, in a directory of its own. It
   * commits nothing, and the job goes on.
   *
   * Rejects with `E_NO_CHECKPOINTS` where the job takes no snapshots, and with the reason where it
   * cannot be taken.
   */
  savepoint(directory: string): Promise<SnapshotSummary>
  /**
   * Ends behind a snapshot from which it can go on: sources stop, what was read before is processed
   * and committed, no final results come. It is a checkpoint of the job and, with a directory, a savepoint
   * there, too; so state is written twice.
   *
   * Rejects as `savepoint` does; the job goes on then, unless it says that it has stopped.
   */
  stop(directory?: string): Promise<SnapshotSummary>
}

/** A snapshot as it was written. */
export interface SnapshotSummary {
  readonly round: number
  /** Where it lies. */
  readonly directory: string
  readonly durationMs: number
}
