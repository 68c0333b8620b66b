/** The jobs of a coordinator by their ids: those that are there, and the last that have ended. */
import { MillraceError } from '../../lib/base/errors.js'
import type { ClusterJob } from './cluster-job.js'
import { EndedJobs } from './ended-jobs.js'
import { coordinatorStops } from './job-refusals.js'
import type { JobView } from './protocol.js'

export class JobTable {
  readonly #jobs = new Map<string, ClusterJob>()
  readonly #ended = new EndedJobs()
  /** Those that go on under the next coordinator, and with how many slots: however many there are. */
  readonly #goOn = new Map<string, number>()

  /** That have not ended. */
  get all(): readonly ClusterJob[] {
    return [...this.#jobs.values()]
  }

  get views(): readonly JobView[] {
    return [...this.#ended.views, ...this.all.map(({ view }) => view)]
  }

  add(job: ClusterJob): void {
    this.#jobs.set(job.id, job)
  }

  /** It is listed among those that have ended from now on. */
  ended(job: ClusterJob): void {
    this.#jobs.delete(job.id)
    this.#ended.add(job)
    if (job.goesOn) this.#goOn.set(job.id, job.record.slots)
  }

  /** It is not listed any more. False where another one has its id by now. */
  remove(job: ClusterJob): boolean {
    const other = this.#jobs.get(job.id)
    if (other === job) this.#jobs.delete(job.id)
    return other === job || other === undefined
  }

  job(id: string): ClusterJob {
    const job = this.#jobs.get(id)
    if (job !== undefined) return job
    const slots = this.#goOn.get(id)
    if (slots !== undefined) throw coordinatorStops(id, slots)
    throw this.#noSuchJob(id)
  }

  /** One that runs, or one of the last that have ended. */
  watched(id: string): ClusterJob {
    return this.#jobs.get(id) ?? this.#ended.job(id) ?? this.job(id)
  }

  #noSuchJob(id: string): MillraceError {
    const known = [...this.#jobs.keys()]
    const list = known.length === 0 ? 'no job runs' : `running: ${known.join(', ')}`
    const ended = this.#ended.view(id)
    return new MillraceError(
      'E_NO_SUCH_JOB',
      ended === undefined
        ? `there is no job "${id}"; ${list}`
        : `job ${id} has ended (${ended.state})`,
    )
  }
}
