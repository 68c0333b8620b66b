/**
 * The jobs that a coordinator has found at its start: it goes on with each of them, and where one cannot begin
 * it tries again. For whoever follows the job a try that fails is no end of it.
 */
import type { Clock } from '../../lib/base/clock.js'
import { isEnded } from '../../lib/job/job-record.js'
import type { ClusterJob } from './cluster-job.js'
import type { JobRecord } from './job-records.js'
import type { KeptSlots } from './kept-slots.js'

export interface RecoveriesOwner {
  readonly clock: Clock
  readonly kept: Pick<KeptSlots, 'expect' | 'completed' | 'giveUp'>
  isStopping(): boolean
  /** Resolves when nodes of a former coordinator have let go of their work. */
  settled(): Promise<void>
  /** It is listed from now on. */
  open(record: JobRecord): ClusterJob
  recovers(job: ClusterJob): void
  /** A try has failed; another follows after that time. */
  cannotBegin(job: ClusterJob, error: Error, retryMs: number): void
}

/** Whatever kept a recovered job from running may have passed by then. */
const AGAIN_MS = 30_000

export class Recoveries {
  readonly #owner: RecoveriesOwner

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
    const { settled, kept, recovers } = this.#owner
    await Promise.race([settled(), kept.completed(job.id)])
    if (!this.#mayBegin(job)) return
    recovers(job)
    this.#try(job)
  }

  /** It could not begin. */
  again(job: ClusterJob, error: Error): void {
    const { kept, clock, cannotBegin } = this.#owner
    void kept.giveUp(job.id)
    job.beginsAgain(error, AGAIN_MS)
    cannotBegin(job, error, AGAIN_MS)
    clock.after(AGAIN_MS, () => {
      if (this.#mayBegin(job)) this.#try(job)
    })
  }

  #mayBegin(job: ClusterJob): boolean {
    return !this.#owner.isStopping() && !isEnded(job.state)
  }

  /** Of one that fails `again` is told. */
  #try(job: ClusterJob): void {
    job.start(true).catch(() => {})
  }
}
