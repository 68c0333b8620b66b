import type { Test } from 'tap'
import type { ClusterJob } from '../../actors/coordinator/cluster-job.js'
import type { JobState } from '../../lib/job/job-record.js'

export interface StateChange {
  readonly from: JobState
  readonly to: JobState
}

/** As whoever follows the job was told of them by now. */
export function stateChangesOf(job: ClusterJob): readonly StateChange[] {
  const changes: StateChange[] = []
  const hearing = job.news$.subscribe((news) => {
    if (news.kind === 'event' && news.event.kind === 'StateChanged') changes.push(news.event)
  })
  hearing.unsubscribe()
  return changes
}

/** Nothing is told of a move but that it is over; all else goes on from what was told before. */
export function goOnFromEachOther(t: Test, changes: readonly StateChange[], when: string): void {
  for (const [i, { from, to }] of changes.entries()) {
    const told = changes[i - 1]?.to ?? 'Created'
    if (to !== 'Running') t.equal(from, told, `${when}: ${to}`)
  }
}
