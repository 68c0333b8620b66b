/** What the checks of transactional sinks are given. */
import type { Sink } from '../connectors/sink.js'

/** An empty place to write to. */
export interface SinkTarget<T> {
  /** Makes the sink anew, for this target. */
  sink(): Sink<T>
  /** What a reader sees there, in the form of `expected`; of each subtask in the order it was shown. */
  shown(): readonly unknown[] | Promise<readonly unknown[]>
}

/** A transactional sink to check. */
export interface TransactionalSinkCheck<T> {
  /** Called for each law: what was shown elsewhere is not shown here. */
  readonly target: () => SinkTarget<T> | Promise<SinkTarget<T>>
  /** At least twelve, all different. */
  readonly records: readonly T[]
  /** What `shown` makes of a record. Default: the record. */
  readonly expected?: (record: T) => unknown
  /** Subtasks of one sink, each with its writer. Default 2; 1 where it has only one. */
  readonly parallelism?: number
}
