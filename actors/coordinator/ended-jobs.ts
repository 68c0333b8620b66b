/** The last jobs that have ended: lists still show them, and of some it can still be heard how. */
import type { ClusterJob } from './cluster-job.js'
import type { JobView } from './protocol.js'

/** That lists still show. */
const VIEWS_MAX = 100
/** Of them, those of which it can still be heard how they ended. */
const WATCHED_MAX = 16

export class EndedJobs {
  #views: readonly JobView[] = []
  #jobs: readonly ClusterJob[] = []

  /** Oldest first. */
  get views(): readonly JobView[] {
    return this.#views
  }

  add(job: ClusterJob): void {
    this.#views = [...this.#views, job.view].slice(-VIEWS_MAX)
    this.#jobs = [...this.#jobs, job].slice(-WATCHED_MAX)
  }

  view(id: string): JobView | undefined {
    return this.#views.find((view) => view.id === id)
  }

  job(id: string): ClusterJob | undefined {
    return this.#jobs.find((job) => job.id === id)
  }
}
