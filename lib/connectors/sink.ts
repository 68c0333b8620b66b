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
 * - Errors: `write` throws, or the writer calls `context.fail`, with a `MillraceError` that names the
 *   target and what to do.
 */
import type { Clock } from '../base/clock.js'
import type { JsonObject } from '../base/json.js'
import type { SinkOf } from '../operators/stream.js'

/** Writes the records of one subtask, in one attempt. */
export interface SinkWriter<T> {
  write(records: readonly T[]): boolean
  flush(): void
  finish(): Promise<void>
  abort(): void | Promise<void>
}

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
  readonly clock: Clock
  wake(): void
  fail(error: Error): void
  /**
   * Publishes to the job handle's `results$`. Same answer as `write`: false means wait for `wake`.
   */
  publish(records: readonly unknown[]): boolean
}

/** What happens to output when a failed job is replayed from the beginning. */
export type SinkGuarantee =
  /** Output of the failed attempt stays: at least once. */
  | 'at-least-once'
  /** Output is replaced by the next attempt, or written under the same keys. */
  | 'idempotent'

/** Where a stream ends. Own sinks implement it. */
export interface Sink<in T> extends SinkOf<T> {
  readonly kind: string
  readonly label: string
  readonly guarantee: SinkGuarantee
  /** Subtasks by default; null: that of its input. */
  readonly parallelism: number | null
  readonly settings: JsonObject
  readonly functions: readonly ((...args: never[]) => unknown)[]
  open(context: SinkContext): SinkWriter<T>
}
