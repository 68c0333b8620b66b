/**
 * What has failed of a job, and has made no progress since: durable with its attempts, so that whoever goes on
 * with the job goes on counting.
 */
import type { KeptRestarts } from '../supervision/kept-restarts.js'
import type { KeptProgress } from './region-progress.js'

export interface KeptFailures {
  /** `planHash`: of what is planned otherwise, regions are others. */
  readonly plan: string
  readonly restarts: readonly KeptRestarts[]
  /** By region. */
  readonly progress: readonly KeptProgress[]
}
