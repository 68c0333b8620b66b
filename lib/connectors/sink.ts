/**
 * The sink contract.
 *
 * ## Protocol of a writer
 * - `write(records)` takes all of them, synchronously. It returns true when it can take more, false
 *   when it is full; then nothing is written until it has called `context.wake()`. What it holds
 *   meanwhile is bounded by what it took.
 * - `flush()` is called when the input pauses, so that what was taken becomes visible.
 * - `finish()` is called once, after the last record: everything taken is written when it resolves.
 * - `abort()` is called instead of `finish` on failure or cancellation. It takes up nothing more and
 *   resolves when the target has been let go of: the next attempt may open the same one.
 * - A *transactional* writer (`TransactionalWriter`) takes part in snapshots: what it writes becomes
 *   visible for good only when a snapshot behind it is complete. See there.
 * - Errors: `write` throws, or the writer calls `context.fail`, with a `MillraceError` that names the
 *   target and what to do.
 */
import type { Clock } from '../base/clock.js'
import type { Json, JsonObject } from '../base/json.js'
import type { SinkOf } from '../operators/stream.js'

/** Writes the records of one subtask, in one attempt. */
export interface SinkWriter<T> {
  /** `times`: the event time of each record, in ms since 1970; null where the stream has none. */
  write(records: readonly T[], times?: ArrayLike<number> | null): boolean
  flush(): void
  finish(): Promise<void>
  abort(): void | Promise<void>
}

/**
 * A writer with two phases of commitment. What is written between two barriers is a transaction.
 *
 * 1. `prepare` ends the transaction and makes it durable without showing it, and describes it. The
 *    description is stored in the snapshot. What is written afterwards belongs to the next one.
 * 2. When the snapshot is complete, `commit` is called with every description that it holds. It may be
 *    called again with the same ones, after a failure or a restart, and in another process: it MUST
 *    have the same result (idempotent). It rejects only where trying again may help; else with an error
 *    that says it is not retryable.
 * 3. A round that is given up changes nothing: its transactions are committed with the next one.
 *
 * After a restart the new writers get what the snapshot holds: `commit(restored)` comes before any
 * `write`. What older attempts wrote beyond that belongs to nobody: `recover` removes it.
 * With no snapshots at all, `prepare` and `commit` are called once, after `finish`.
 */
export interface TransactionalWriter<T> extends SinkWriter<T> {
  /** Called between two `write`s, after the last of the transaction. Empty where nothing was written. */
  prepare(round: number): Promise<readonly Json[]>
  commit(transactions: readonly Json[]): Promise<void>
  /** Withdraws what was prepared: the user has given it up. Idempotent. */
  discard(transactions: readonly Json[]): Promise<void>
  /**
   * Called once, in a restart, by the writer of subtask 0, before anything else: everything of older
   * attempts that is not in `keep` (the transactions of all subtasks) may go.
   */
  recover(keep: readonly Json[]): Promise<void>
}

export const isTransactional = <T>(writer: SinkWriter<T>): writer is TransactionalWriter<T> =>
  'prepare' in writer

/** What a sink's writer is given by the subtask it runs in. */
export interface SinkContext {
  readonly operator: string
  readonly subtask: number
  readonly parallelism: number
  /** 1 on the first start; more after a restart, which begins from the sources' beginning. */
  readonly attempt: number
  /**
   * True where this writer takes the place of one that failed while the rest of the job went on
   * (`guarantee: 'best-effort'`): nothing is replayed, so what was written stays, and is added to.
   */
  readonly continues?: boolean
  /** Names the run of the job: new with each start of the process. */
  readonly run: string
  /**
   * True where snapshots are taken: a restart goes on behind the last one. False: everything is
   * prepared and committed at the end.
   */
  readonly snapshots: boolean
  /**
   * What the snapshot holds of this sink that the restart goes on from, of all its subtasks; null
   * where it begins at the beginning.
   */
  readonly restored: readonly Json[] | null
  readonly clock: Clock
  wake(): void
  fail(error: Error): void
  /**
   * Publishes to the job handle's `results$`. Same answer as `write`: false means wait for `wake`.
   */
  publish(records: readonly unknown[]): boolean
}

/** What becomes of the output of a failed attempt, when records come again. */
export type SinkGuarantee =
  /** It stays, and they are written again. */
  | 'at-least-once'
  /** In the end all is as if written once; a reader may see records withdrawn and written again. */
  | 'idempotent'
  /** Its writers are transactional: with snapshots, each record is shown exactly once. */
  | 'exactly-once'

/** Where a stream ends. Own sinks implement it. */
export interface Sink<in T> extends SinkOf<T> {
  readonly kind: string
  readonly label: string
  readonly guarantee: SinkGuarantee
  /**
   * True where what its writers prepare are marks: they say how far output goes, and nothing is left to commit.
   * Snapshots keep the last ones of a subtask that has finished, since another life may give it more to write.
   */
  readonly marks?: boolean
  /** Subtasks by default; null: that of its input. */
  readonly parallelism: number | null
  readonly settings: JsonObject
  readonly functions: readonly ((...args: never[]) => unknown)[]
  open(context: SinkContext): SinkWriter<T>
  /**
   * Of a transactional sink, where what is prepared outlives its writer: removes what attempts of `run`
   * before `attempt` have prepared, in all subtasks, and nobody has committed; nothing of other runs. What was
   * committed stays, and `commit` still knows it: older snapshots name it. Called where no snapshot of that run
   * was ever stored, before the next attempt writes, and when the job has failed or was cancelled; and of one
   * that was restarted when it has finished, with its last attempt. What cannot be removed is left; an error is nobody's.
   */
  clearRun?(place: ClearedRun): Promise<void>
}

/** What `Sink.clearRun` is to remove. */
export interface ClearedRun {
  readonly run: string
  readonly attempt: number
}
