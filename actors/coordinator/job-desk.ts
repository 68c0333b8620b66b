/** What is asked of the jobs of a coordinator that takes more than the job itself: records, or room. */
import type { Subject } from 'rxjs'
import type { Clock } from '../../lib/base/clock.js'
import { durationMs } from '../../lib/base/duration.js'
import { MillraceError } from '../../lib/base/errors.js'
import { checkJobId, jobNameIn } from '../../lib/job/job-id.js'
import { isEnded } from '../../lib/job/job-record.js'
import type { SlotWish } from '../../lib/placement/place.js'
import { checkPlacement, checkSlots, checkSubmit, checkWait } from './check-submit.js'
import type { ClusterJob } from './cluster-job.js'
import { DrainDesk } from './drain-desk.js'
import type { JobRecord } from './job-records.js'
import { hasEnded } from './job-refusals.js'
import type { JobTable } from './job-table.js'
import { MoveDesk } from './move-desk.js'
import type { BundleFacts, ClusterEvent, PlacementOptions, SubmitOptions } from './protocol.js'
import type { Room } from './reactive-desk.js'
import type { Records } from './stores.js'

export interface JobDeskOwner {
  readonly clock: Clock
  readonly jobs: JobTable
  readonly events$: Subject<ClusterEvent>
  /** There once it has begun. */
  records(): Records
  isStopping(): boolean
  /** Resolves when nodes of a former coordinator have let go of their work. */
  settled(): Promise<void>
  /** It is listed from now on. */
  open(record: JobRecord): ClusterJob
  roomFor(job: ClusterJob): Promise<Room>
  /** True where some are complete in that directory, or what is there cannot be read. */
  hasSnapshots(directory: string): Promise<boolean>
  /** What is not there for as many slots, for people; null: there is room. */
  lackingFor(wish: SlotWish, slots: number): Promise<string | null>
}

export class JobDesk {
  readonly #owner: JobDeskOwner
  readonly #moves: MoveDesk
  readonly #drains = new DrainDesk()
  /** Submissions under way. */
  readonly #submits = new Map<ClusterJob, Promise<void>>()
  /** Of which there may be a record. */
  readonly #kept = new WeakSet<ClusterJob>()
  readonly #closed: Promise<void>
  #close!: () => void

  constructor(owner: JobDeskOwner) {
    this.#owner = owner
    this.#moves = new MoveDesk(owner)
    this.#closed = new Promise((resolve) => {
      this.#close = resolve
    })
  }

  /** Whoever waits for room, or to be submitted, is refused. */
  close(): void {
    this.#moves.close()
    this.#close()
  }

  /** What has not ended by now is the next coordinator's affair. Resolves when all who wait for that are told. */
  leave(): Promise<void> {
    return this.#drains.leave()
  }

  /** `opened` is called before anything happens to the job. Resolves when it is planned. */
  async submit(
    id: string,
    bundle: BundleFacts,
    options: SubmitOptions,
    opened: (job: ClusterJob) => void,
  ): Promise<ClusterJob> {
    const { clock, jobs } = this.#owner
    this.#checkNotStopping()
    checkJobId(id)
    checkSubmit(options)
    this.#checkIsNew(id)
    if (options.restore !== undefined) {
      await this.#checkIsThere(options.restore)
      this.#checkNotStopping()
      this.#checkIsNew(id)
    }
    const pipeline = jobNameIn(id)
    const slots = options.parallelism ?? 1
    const record = { id, pipeline, bundle, options, slots, submittedMs: clock.wallTime() }
    const job = this.#owner.open(record)
    try {
      opened(job)
      const submitting = this.#begin(job)
      this.#submits.set(job, submitting)
      await submitting
      return job
    } catch (error) {
      // Where it was cancelled meanwhile, another one may have its id by now; and where nothing was kept of it,
      // another coordinator may have the data.
      if (jobs.remove(job) && this.#kept.has(job)) await this.#owner.records().remove(id)
      throw error
    } finally {
      this.#submits.delete(job)
    }
  }

  async #begin(job: ClusterJob): Promise<void> {
    const { settled, roomFor, records, events$ } = this.#owner
    await Promise.race([settled(), this.#closed])
    this.#checkNotStopping()
    if (job.record.options.reactive !== undefined) {
      const { slots: room } = await roomFor(job)
      job.beginWith(Math.max(1, room))
    }
    // Another coordinator may have the data already.
    this.#checkNotStopping()
    checkGoesOn(job)
    this.#kept.add(job)
    await records().save(job.record)
    checkGoesOn(job)
    events$.next({ kind: 'JobSubmitted', job: job.id, pipeline: job.record.pipeline })
    await job.start(false)
  }

  /** It runs on until there is room: for `waitMs` at most. */
  async rescale(id: string, slots: number, waitMs: number): Promise<void> {
    checkSlots(slots)
    checkWait(waitMs)
    const job = this.#owner.jobs.job(id)
    await this.#moves.whenRoom(job, job.wish, slots, waitMs)
    await job.move(slots)
    this.#rescaled(job, slots)
  }

  async adapt(job: ClusterJob, slots: number): Promise<void> {
    await (job.takesSnapshots ? job.move(slots) : job.restart(slots))
    this.#rescaled(job, slots)
  }

  async move(id: string, placement: PlacementOptions | null): Promise<void> {
    if (placement !== null) checkPlacement(placement)
    const job = this.#owner.jobs.job(id)
    const { slots } = job.record
    if (placement !== null) {
      const waitMs = durationMs(placement.wait ?? 0, 'placement: wait', 0)
      await this.#moves.whenRoom(job, job.wishWith(placement), slots, waitMs)
    }
    await job.move(slots, placement ?? undefined)
  }

  /**
   * Resolves when it has drained, over whatever lives it has until then. Rejects where it ends otherwise, or this
   * coordinator stops before.
   */
  async drain(id: string): Promise<void> {
    const asked = this.#owner.jobs.job(id)
    // Until it is submitted nothing is kept of it.
    const submitting = this.#submits.get(asked)
    if (submitting !== undefined) await submitting
    await asked.drain()
    await this.#drains.drained(asked)
  }

  #rescaled({ id }: ClusterJob, slots: number): void {
    this.#owner.events$.next({ kind: 'JobRescaled', job: id, slots })
  }

  /** What else may keep it from being restored is known when it is planned, and then the job has failed. */
  async #checkIsThere(restore: string): Promise<void> {
    if (restore !== 'latest' && !(await this.#owner.hasSnapshots(restore))) throw noneIn(restore)
  }

  #checkIsNew(id: string): void {
    if (this.#owner.jobs.views.some((view) => view.id === id)) throw exists(id)
  }

  #checkNotStopping(): void {
    if (this.#owner.isStopping()) throw stopping()
  }
}

/** It may be cancelled while it waits. */
function checkGoesOn({ id, state }: ClusterJob): void {
  if (isEnded(state)) throw hasEnded(id)
}

const exists = (job: string): MillraceError =>
  new MillraceError('E_JOB_EXISTS', `there is a job ${job} already: it was submitted before`)

const noneIn = (directory: string): MillraceError =>
  new MillraceError(
    'E_NO_SNAPSHOT',
    `there is no snapshot in ${directory}, on the machine of the coordinator, which reads it: restore takes the directory of a savepoint or of checkpoints`,
    { details: { directory } },
  )

const stopping = (): MillraceError =>
  new MillraceError('E_STOPPING', 'the coordinator stops; submit the job when it runs again', {
    retryable: true,
  })
