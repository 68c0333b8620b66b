/** Waits for the ends of jobs that were told to drain, and says whether they have. */
import { isEnded } from '../../lib/job/job-record.js'
import type { ClusterJob } from './cluster-job.js'
import { drainsLater, notDrained } from './job-refusals.js'

export class DrainDesk {
  readonly #waiting = new Set<Promise<void>>()
  readonly #left: Promise<void>
  #leave!: () => void

  constructor() {
    this.#left = new Promise((resolve) => {
      this.#leave = resolve
    })
  }

  /** What has not ended by now is the next coordinator's affair. Resolves when all who wait are told. */
  async leave(): Promise<void> {
    this.#leave()
    await Promise.allSettled(this.#waiting)
  }

  /** Rejects where it ends otherwise, or its coordinator stops before. */
  drained(job: ClusterJob): Promise<void> {
    const waiting = this.#drained(job)
    this.#waiting.add(waiting)
    const isOver = () => this.#waiting.delete(waiting)
    waiting.then(isOver, isOver)
    return waiting
  }

  async #drained(job: ClusterJob): Promise<void> {
    await Promise.race([job.done.catch(() => {}), this.#left])
    if (job.state === 'Finished') return
    if (job.goesOn || !isEnded(job.state)) throw drainsLater(job.id)
    throw notDrained(
      job.id,
      await job.done.then(
        () => null,
        (cause: Error) => cause,
      ),
    )
  }
}
