/** What is told of a job, over all its lives under this coordinator. Whoever comes late hears the last of it. */
import { errorToData } from '../../lib/base/errors.js'
import { Observable, ReplaySubject, Subject, Subscription } from '../../lib/base/rxjs.js'
import type { Failure } from '../../lib/supervision/failure.js'
import type { Job, JobEvent, JobSummary } from '../job/job.js'
import type { JobNews } from './protocol.js'

/** Events and failures kept for those who subscribe late. */
const KEPT = 256

export class JobFeed {
  /** What can be told late. */
  readonly #events = new ReplaySubject<JobNews>(KEPT)
  readonly #flow = new Subject<JobNews>()
  readonly #failures = new ReplaySubject<JobNews>(KEPT)
  readonly #told = [this.#failures, this.#events, this.#flow]
  readonly #watching = new Subscription()
  /** What was told so far. */
  #eventCount = 0
  #failureCount = 0

  /** The last of what has happened and failed so far comes first; completes with the job. */
  get news$(): Observable<JobNews> {
    // `merge`, but that it would load thirty files more of RxJS in each thread.
    return new Observable((hearing) => {
      const next = (news: JobNews) => hearing.next(news)
      let open = this.#told.length
      const complete = () => {
        open -= 1
        if (open === 0) hearing.complete()
      }
      for (const told of this.#told) hearing.add(told.subscribe({ next, complete }))
    })
  }

  /** Its failures and metrics are told as they are; what becomes of its events is for `onEvent` to say. */
  follow(life: Job, onEvent: (event: JobEvent) => void): void {
    const ignored = { error: () => {} }
    const { events$, failures$, metrics$ } = life
    this.#watching.add(events$.subscribe({ next: onEvent, ...ignored }))
    this.#watching.add(
      failures$.subscribe({
        next: (failure: Failure) =>
          this.#failures.next({ kind: 'failure', seq: ++this.#failureCount, failure }),
        ...ignored,
      }),
    )
    this.#watching.add(
      metrics$.subscribe({
        next: (metrics) => this.#flow.next({ kind: 'metrics', metrics }),
        ...ignored,
      }),
    )
  }

  event(event: JobEvent): void {
    this.#events.next({ kind: 'event', seq: ++this.#eventCount, event })
  }

  done(summary: JobSummary): void {
    this.#events.next({ kind: 'done', summary })
  }

  failed(error: Error): void {
    this.#events.next({ kind: 'failed', error: errorToData(error) })
  }

  /** Nothing more is heard of its lives. */
  unfollow(): void {
    this.#watching.unsubscribe()
  }

  complete(): void {
    for (const told of this.#told) told.complete()
  }
}
