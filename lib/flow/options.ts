/** Options of a pipeline. */
import type { Guarantee } from '../graph/graph.js'
import type { RecordErrorPolicy } from '../operators/record-error.js'

/** Options of a whole pipeline. */
export interface PipelineOptions {
  /** What to do with a record on which a user function throws. Default `'fail'`. */
  readonly onRecordError?: RecordErrorPolicy
  /**
   * Refused at build time where a part is weaker. Default `'at-least-once'`: after a failure all that
   * is connected restarts from the beginning. `'best-effort'`: a subtask that fails is replaced by
   * itself while its neighbours keep their state and run on. The new one begins with empty state,
   * what was on its way to and from the old one is lost, and `JobSummary.lost` counts what is known of
   * that. A source goes on behind what it had handed out, or anew where it cannot replay; a file is
   * added to. Subtasks of a slot that dies restart with all that is connected to them, and repeat.
   */
  readonly guarantee?: Guarantee
  /** Number of key groups and limit of every parallelism, 1 to 32768. Default 128. */
  readonly maxParallelism?: number
  /** Subtasks per operator where neither the operator nor the run says. Default: that of the run. */
  readonly parallelism?: number
}

export const DEFAULT_MAX_PARALLELISM = 128

/** Their names. */
export const PIPELINE_OPTIONS = ['onRecordError', 'guarantee', 'maxParallelism', 'parallelism']
