/** What is said of a job that was cancelled or stopped before anything of it ran under its present coordinator. */
import type { JobState } from '../../lib/job/job-record.js'
import { countsOf, takenOver } from '../../lib/job/life-counts.js'
import type { JobSummary } from '../job/job.js'
import type { KeptJob } from './job-books.js'

/** The life before, if any, has died uncounted with its coordinator; no other has begun. */
export function summaryBeforeItBegan(record: KeptJob, state: JobState): JobSummary {
  const { id, pipeline, before, restarts = 0 } = record
  return {
    ...countsOf(takenOver(before)),
    job: id,
    pipeline,
    state,
    partial: true,
    restarts,
    // It was not planned: nothing better is known.
    guarantee: 'best-effort',
    chains: [],
  }
}
