/**
 * The source contract: splits and readers.
 *
 * A source is described where the user composes. Running, it has two halves. *Enumeration* lists the
 * splits — a file, a byte range of a file, a partition — once per job, in a worker; the job's split
 * assigner hands them to the source's subtasks as they ask. *Reading*: a subtask opens one reader per
 * assigned split and polls it.
 *
 * ## Protocol of a reader
 * - `read(out, max)` is synchronous and never blocks: it appends at most `max` records that are
 *   ready and returns `'more'` (call again), `'waiting'` (nothing ready now, and nothing appended;
 *   the reader MUST call `context.wake()` once there is), or `'end'` (nothing will ever follow; may
 *   come with records). A wake may come early or once too often.
 * - A reader reads ahead by a bounded amount only, and not at all while nobody calls `read`.
 * - `position()` is that of the last record handed out: opening the split there gives the records
 *   that follow it. It is plain JSON; null while nothing has been consumed. A source that cannot do
 *   this declares `replays: false`.
 * - Errors: `read` throws a `MillraceError` naming file, line and column or offset, and what to do.
 *   A record that cannot be parsed is a record error: the reader passes it to `context.badRecord`.
 * - `close()` releases everything at once; it may be called at any time, and twice.
 */
import type { Clock } from '../base/clock.js'
import type { Json, JsonObject } from '../base/json.js'

/** A part of a source that one reader reads. `id` is stable: never an index into a listing. */
export interface Split {
  readonly id: string
  /** What `open` needs, as plain data. */
  readonly data: JsonObject
}

/** What a call of `read` found. */
export type ReadStatus = 'more' | 'waiting' | 'end'

/** Reads one split, from a position on. */
export interface SourceReader<T> {
  read(out: T[], max: number): ReadStatus
  position(): Json
  close(): void | Promise<void>
}

/** What a source's reader is given by the subtask it runs in. */
export interface SourceContext {
  readonly operator: string
  readonly subtask: number
  readonly parallelism: number
  readonly clock: Clock
  /** Says that a reader which answered `'waiting'` may be asked again. */
  wake(): void
  /** Reports a failure that happened outside `read`, in a callback. Fails the subtask. */
  fail(error: Error): void
  /**
   * A piece of input that is not a record (a broken line). By the job's policy it is skipped, sent as
   * a dead letter, or thrown as the failure of the subtask. `position` names where.
   */
  badRecord(error: Error, raw: unknown, position: string): void
}

/** Where a stream begins. Own sources implement it. */
export interface Source<out T> {
  readonly kind: string
  /** Default operator name: `lines(hamlet.txt)`. */
  readonly label: string
  /** False: never ends by itself; results that are due at the end never come. */
  readonly bounded: boolean
  /** Can any position be read again? False: a failure cannot be recovered from. */
  readonly replays: boolean
  /**
   * True where the user accepts that a source which does not replay is opened again after a failure
   * (`onRestart: 'resubscribe'`): what it sent in between is lost, so the job is best-effort.
   */
  readonly resubscribes?: boolean
  /** Can it be kept waiting without loss? */
  readonly pauses: boolean
  /** Subtasks by default; null: that of the job. */
  readonly parallelism: number | null
  /** True: a subtask reads all its splits side by side (endless splits); false: one after another. */
  readonly concurrentSplits: boolean
  readonly settings: JsonObject
  /** The user's functions, for the fingerprint. */
  readonly functions: readonly ((...args: never[]) => unknown)[]
  /**
   * Lists the splits. Called once per attempt, in the thread of one of the subtasks. `parallelism` is
   * that of the source's subtasks: sources that can be cut anywhere make as many splits.
   */
  splits(parallelism: number): Promise<readonly Split[]>
  /** Opens a reader behind `position`; null is the beginning. */
  open(split: Split, position: Json, context: SourceContext): SourceReader<T>
}
