/**
 * The jobs that a coordinator has found at its start: it goes on with each of them, and where one cannot begin
 * it tries again. Each try is a job of its own, under the same id, with the same record.
 */
import type { Clock } from '../../lib/base/clock.js'
import { isEnded } from '../../lib/job/job-record.js'
import type { ClusterJob } from './cluster-job.js'
import type { JobRecord } from './job-records.js'
import type { KeptSlots } from './kept-slots.js'

export interface RecoveriesOwner {
  readonly clock: Clock
  readonly kept: Pick<KeptSlots, 'expect' | 'completed'>
  isStopping(): boolean
  /** Resolves when nodes of a former coordinator have let go of their work. */
  settled(): Promise<void>
  /** It is listed from now on. */
  open(record: JobRecord): ClusterJob
  recovers(job: ClusterJob): void
}

/** Whatever kept a recovered job from running may have passed by then. */
const AGAIN_MS = 30_000

export class Recoveries {
  readonly #owner: RecoveriesOwner
  /** The try after each that could not begin. */
  readonly #next = new WeakMap<ClusterJob, ClusterJob>()

  constructor(owner: RecoveriesOwner) {
    this.#owner = owner
  }

  /** Nodes may come with slots of it from now on. */
  expect(record: JobRecord): ClusterJob {
    const job = this.#owner.open(record)
    if (record.deployment != null) {
      job.waitsToBegin('what of it still runs')
      this.#owner.kept.expect(record.id, record.deployment)
    }
    return job
  }

  /** What all is there goes on at once; what is not may run elsewhere until it has settled. */
  async begin(job: ClusterJob): Promise<void> {
    const { settled, kept, isStopping, recovers } = this.#owner
    await Promise.race([settled(), kept.completed(job.id)])
    if (isStopping() || isEnded(job.state)) return
    recovers(job)
    await job.start(true).catch(() => {})
  }

  /** It has ended. False where it is not to be tried again: it has begun, or somebody has cancelled it. */
  triesAgain(job: ClusterJob): boolean {
    const couldNotBegin = job.isRecovered && !job.hasRun && job.state === 'Failed'
    if (!couldNotBegin || job.isCancelled) return false
    const { error } = job.view
    const next = this.expect(job.record)
    this.#next.set(job, next)
    const again = `another try in ${AGAIN_MS / 1000} s`
    next.waitsToBegin(error === null ? again : `${again}: ${error}`)
    this.#owner.clock.after(AGAIN_MS, () => {
      if (!isEnded(next.state)) void this.begin(next)
    })
    return true
  }

  /** Resolves when nothing of it is tried any more, or it is left to the next coordinator, with the last try. */
  async over(job: ClusterJob, left: Promise<void>): Promise<ClusterJob> {
    for (let last = job; ; ) {
      await Promise.race([last.done.catch(() => {}), left])
      const next = this.#next.get(last)
      if (next === undefined) return last
      last = next
    }
  }
}
