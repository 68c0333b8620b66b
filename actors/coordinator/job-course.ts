/** Makes one course of the lives of a job: what is told of them, and which end is that of the job. */
import type { Observable } from 'rxjs'
import { isEnded, isEnding, type JobState } from '../../lib/job/job-record.js'
import { summed } from '../../lib/job/life-counts.js'
import type { Job, JobEvent, JobSummary } from '../job/job.js'
import type { ClusterJobParts } from './cluster-job-parts.js'
import type { JobBooks } from './job-books.js'
import { JobFeed } from './job-feed.js'
import type { JobLives } from './job-lives.js'
import type { JobNews } from './protocol.js'
import { summaryBeforeItBegan } from './summary-before-it-began.js'

type JobCourseParts = Pick<ClusterJobParts, 'world' | 'onCouldNotBegin'>

export class JobCourse {
  readonly #books: JobBooks
  readonly #lives: JobLives
  readonly #parts: JobCourseParts
  readonly #feed = new JobFeed()
  readonly done: Promise<JobSummary>
  #settle!: { resolve(summary: JobSummary): void; reject(error: Error): void }
  /** How many slots whoever follows it knows of. */
  #toldSlots: number | null = null
  /** What a try that may fail begins with: told when it runs, since only the last try counts. */
  #restored: JobEvent | null = null
  #warned = ''
  /** As whoever follows it knows it. */
  #toldState: JobState = 'Created'
  #error: string | null = null

  constructor(books: JobBooks, lives: JobLives, parts: JobCourseParts) {
    this.#books = books
    this.#parts = parts
    this.#lives = lives
    this.done = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
    this.done.catch(() => {})
  }

  /** Everything that is told of it; the last of what has happened and failed so far comes first. */
  get news$(): Observable<JobNews> {
    return this.#feed.news$
  }

  /** Why it has failed; null: it has not. */
  get error(): string | null {
    return this.#error
  }

  follow(life: Job): void {
    this.#toldSlots ??= this.#books.record.slots
    this.#feed.follow(life, (event) => this.#onEvent(life, event))
    void this.endWith(life)
  }

  /** What ends it ends the job, unless another life follows. */
  async endWith(life: Job): Promise<void> {
    await life.done.then(
      (summary) => this.ended(life, summary),
      (error: Error) => this.failed(life, error),
    )
  }

  ended(life: Job, summary: JobSummary): void {
    if (this.#hasFollower(life) || life === this.#lives.replaced) return
    const stands = summary.state === 'Finished' || isEnded(this.#toldState)
    const state = stands ? summary.state : (this.#lives.endsAs ?? summary.state)
    this.#lives.endState = state
    this.#feed.unfollow()
    const { restarts, before } = this.#books
    this.#finish({ ...summed(summary, before), restarts, state })
  }

  failed(life: Job, error: Error): void {
    const { isOnTrial, isRecovered, isTriedAgain, hasRun, mayNotBegin } = this.#lives
    // Another one follows, with as many slots as it had.
    const goesBack = isOnTrial && !mayNotBegin
    if (this.#hasFollower(life) || goesBack) return
    if (isTriedAgain) return this.couldNotBegin(error)
    if (isRecovered && !hasRun) this.#books.reopen()
    this.#lives.endState = 'Failed'
    this.#feed.unfollow()
    this.#error = error.message
    if (!this.#lives.goesOn) {
      this.#tellEnd('Failed')
      this.#feed.failed(error)
    }
    this.#settle.reject(error)
    this.#feed.complete()
  }

  /** It has not ended, but waits for another try. */
  couldNotBegin(error: Error): void {
    this.#books.reopen()
    this.#lives.couldNotBegin()
    this.#restored = null
    this.#parts.onCouldNotBegin(error)
  }

  /** What is said again and again is told once, since whoever comes late hears so much and no more. */
  warn(message: string): void {
    if (message === this.#warned) return
    this.#warned = message
    const atMs = this.#parts.world.clock.now()
    this.#feed.event({ kind: 'Log', atMs, level: 'warn', message })
  }

  /** Nothing of it runs, so that nothing has to be waited for. */
  endBeforeItBegan(state: 'Cancelled' | 'Stopped'): void {
    if (this.#lives.endState !== null) return
    this.#lives.endState = state
    this.#finish(summaryBeforeItBegan(this.#books.record, state))
  }

  #hasFollower(life: Job): boolean {
    return life !== this.#lives.present || this.#lives.endState !== null
  }

  #finish(summary: JobSummary): void {
    if (!this.#lives.goesOn) {
      this.#tellEnd(summary.state)
      this.#feed.done(summary)
    }
    this.#settle.resolve(summary)
    this.#feed.complete()
  }

  /** Where no life did: what it had makes room for another, or there is none. */
  #tellEnd(to: JobState): void {
    if (isEnded(this.#toldState)) return
    const atMs = this.#parts.world.clock.now()
    this.#tell({ kind: 'StateChanged', atMs, from: this.#toldState, to })
  }

  #tell(event: JobEvent): void {
    if (event.kind !== 'StateChanged') return this.#feed.event(event)
    // Of changes of its lives some are not told. (That it runs says from where.)
    const from = event.to === 'Running' ? event.from : this.#toldState
    this.#toldState = event.to
    this.#feed.event({ ...event, from })
  }

  #onEvent(life: Job, event: JobEvent): void {
    if (life !== this.#lives.present) return
    const { move, isSuspended, isTriedAgain } = this.#lives
    if (event.kind === 'RegionRestarting' || event.kind === 'SubtaskReplacing') {
      this.#books.restarted()
    }
    if (event.kind === 'StateChanged' && event.to === 'Running') {
      this.#onRunning(life, event)
      return
    }
    // That a life ends in order to make room for the next, or before another try, is no end of the job.
    const goesOn = move !== null || isSuspended || isTriedAgain
    if (goesOn && event.kind === 'StateChanged' && isEnding(event.to)) return
    if (isTriedAgain && event.kind === 'Restored') this.#restored = event
    else this.#tell(event)
  }

  /** A life that follows others begins where the job was. */
  #onRunning(life: Job, event: JobEvent & { readonly kind: 'StateChanged' }): void {
    const isFirst = !this.#lives.hasRun
    this.#lives.ran(life)
    const { slots } = this.#books.record
    const had = this.#toldSlots ?? slots
    this.#toldSlots = slots
    if (this.#restored !== null) this.#feed.event(this.#restored)
    this.#restored = null
    if (slots !== had) this.#feed.event({ kind: 'Rescaled', atMs: event.atMs, slots, had })
    const goesOn = !isFirst && event.from === 'Created'
    this.#tell(goesOn ? { ...event, from: 'Restarting' } : event)
    this.#lives.drainWhereAsked()
  }
}
