/** Options of a pipeline. */
import type { Guarantee } from '../graph/graph.js'
import type { RecordErrorPolicy } from '../operators/record-error.js'

/** Options of a whole pipeline. */
export interface PipelineOptions {
  /** What to do with a record on which a user function throws. Default `'fail'`. */
  readonly onRecordError?: RecordErrorPolicy
  /** Refused at build time where a part is weaker. Default `'at-least-once'`. */
  readonly guarantee?: Guarantee
  /** Number of key groups and limit of every parallelism, 1 to 32768. Default 128. */
  readonly maxParallelism?: number
  /** Subtasks per operator where neither the operator nor the run says. Default: that of the run. */
  readonly parallelism?: number
}

export const DEFAULT_MAX_PARALLELISM = 128

/** Their names. */
export const PIPELINE_OPTIONS = ['onRecordError', 'guarantee', 'maxParallelism', 'parallelism']
