/** A job on a cluster as a client sees it, over as many connections as there are while it is followed. */
import type { Observable } from 'rxjs'
import { durationMs } from '../../lib/base/duration.js'
import { errorFromData, MillraceError } from '../../lib/base/errors.js'
import { ReplaySubject, Subject } from '../../lib/base/rxjs.js'
import { refuseUnknownOptions } from '../../lib/base/unknown-option.js'
import type { Plan } from '../../lib/graph/plan.js'
import type { JobState } from '../../lib/job/job-record.js'
import type { Decision, Failure } from '../../lib/supervision/failure.js'
import { PartJoiner, type RecordPart } from '../../lib/transport/record-parts.js'
import {
  type BundleFacts,
  type JobNews,
  type JobStanding,
  type JobView,
  PLACEMENT_OPTIONS,
  type PlacementOptions,
  RESCALE_OPTIONS,
  type RescaleOptions,
  type SlotView,
  type StopSummary,
  type SubmitOptions,
  type WatchOptions,
} from '../coordinator/protocol.js'
import type { JobEvent, JobMetrics, JobSummary, SnapshotSummary } from '../job/job.js'
import { type Connected, type Line, NO_DEADLINE } from './line.js'
import { ResultInbox } from './result-inbox.js'

/** Decides about a failure, from afar: within 2 s, or the job's options do. If it throws, it escalates. */
export type DecideFrom = (failure: Failure) => Decision | Promise<Decision>

/** Of `submit`: what travels, and what stays here. */
export interface SubmitHere extends SubmitOptions {
  /** Asked about each failure, as long as this process is connected. */
  readonly decide?: DecideFrom
}

/**
 * A job on a cluster, seen from a client. As the handle of `run`, but for what needs the process.
 *
 * While the coordinator is out of reach nothing is told. When it is reached again, `events$` and
 * `failures$` go on behind what was told last; where more has happened meanwhile than the coordinator
 * keeps (256 of each), an event of kind `Log` says how much is missing. Of `metrics$` and `results$`
 * nothing comes later.
 */
export interface SubmittedJob {
  readonly id: string
  readonly pipeline: string
  readonly state: JobState
  readonly plan: Plan | null
  readonly events$: Observable<JobEvent>
  readonly failures$: Observable<Failure>
  readonly metrics$: Observable<JobMetrics>
  /**
   * What `results()` sinks publish, as of a `Job`: from the beginning for whoever subscribes as soon as
   * `submit` resolves, else from then on. A subscriber that is slow slows the job down, as far as it takes
   * records synchronously; without any, nothing is sent and nothing waits. Before the subscriber has taken
   * a record, it counts as written for the job: what was on its way to a client that is lost is lost.
   */
  readonly results$: Observable<unknown>
  /**
   * Rejects with the failure that ended it; with `E_PEER_LOST` where the coordinator is lost and not found
   * again; with `E_NO_SUCH_JOB` where it is found and no longer knows the job.
   */
  readonly done: Promise<JobSummary>
  /** As all that follows: rejects with `E_OUTCOME_UNKNOWN` where the coordinator died meanwhile. */
  cancel(): Promise<void>
  /** Resolves when it has drained, over moves and failures. Rejects where it ends otherwise, or its coordinator stops. */
  drain(): Promise<void>
  savepoint(directory: string): Promise<SnapshotSummary>
  /** One that waits for slots ends at once, behind its last checkpoint; with a `directory` it rejects. */
  stop(directory?: string): Promise<StopSummary>
  /**
   * Moves to as many slots, behind a checkpoint. Where they are not there it runs on: for as long as `wait` says,
   * until they are, else it rejects at once (E_NO_SLOT).
   */
  rescale(slots: number, options?: RescaleOptions): Promise<void>
  /**
   * Lets go of its slots behind a checkpoint, and takes others, as `placement` says or as before. Where there are
   * none it runs on, for as long as `placement.wait` says; then it rejects with E_NO_SLOT.
   */
  move(placement?: PlacementOptions): Promise<void>
  /** As that of a `Job`. */
  restartRegion(region: number): Promise<void>
  /** From now on decides about its failures; whoever did before no longer does. */
  decide(by: DecideFrom): Promise<void>
  placement(): Promise<readonly SlotView[]>
}

/** Numbers of what was told last, by the coordinator that counted them. */
interface Told {
  readonly coordinator: string
  readonly event: number
  readonly failure: number
}

export class WatchedJob implements SubmittedJob {
  readonly id: string
  readonly done: Promise<JobSummary>
  plan: Plan | null = null
  readonly #line: Line
  readonly #events = new ReplaySubject<JobEvent>(256)
  readonly #failures = new ReplaySubject<Failure>(256)
  readonly #metrics = new Subject<JobMetrics>()
  readonly #results: ResultInbox
  #parts = new PartJoiner()
  #settle!: { resolve(summary: JobSummary): void; reject(error: Error): void }
  #view: JobView | null = null
  #state: JobState | null = null
  #hasEnded = false
  #decider: DecideFrom | null = null
  #told: Told = { coordinator: '', event: 0, failure: 0 }

  constructor(id: string, line: Line) {
    this.id = id
    this.#line = line
    this.#results = new ResultInbox(line.clock, () => this.#wishResults())
    this.done = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
    this.done.catch(() => {})
  }

  get pipeline(): string {
    return this.#view?.pipeline ?? ''
  }

  get state(): JobState {
    return this.#state ?? this.#view?.state ?? 'Created'
  }

  get events$(): Observable<JobEvent> {
    return this.#events
  }

  get failures$(): Observable<Failure> {
    return this.#failures
  }

  get metrics$(): Observable<JobMetrics> {
    return this.#metrics
  }

  get results$(): Observable<unknown> {
    return this.#results.results$
  }

  // ---- how it is followed ---------------------------------------------------------------------

  async submit(
    { calls, coordinator }: Connected,
    bundle: BundleFacts,
    { decide, ...options }: SubmitHere,
  ): Promise<void> {
    this.#decider = decide ?? null
    this.#results.hold()
    const what = this.#what(coordinator)
    this.#stands(await calls.call('submit', [this.id, bundle, options, what], NO_DEADLINE))
  }

  /** It is handed to whoever has submitted it, who subscribes now or later. */
  handOver(): void {
    this.#line.clock.soon(() => this.#results.release())
  }

  async watch({ calls, coordinator }: Connected): Promise<void> {
    const what = this.#what(coordinator)
    this.#stands(await calls.call('watchJob', [this.id, what], NO_DEADLINE))
  }

  /** Goes on to be followed on another connection, where it has been. */
  async rejoin(connected: Connected): Promise<void> {
    if (this.#view === null || this.#hasEnded) return
    try {
      await this.watch(connected)
    } catch (error) {
      // Where the connection is lost again, the next one does better.
      if (!connected.calls.isClosed) this.lost(endedUnseen(this.id, error as Error))
    }
  }

  async decide(by: DecideFrom): Promise<void> {
    this.#decider = by
    await this.#line.through(({ calls }) => calls.call('decides', [this.id]))
  }

  /** Never rejects: a decider that throws has decided, too. */
  async decideNow(failure: Failure): Promise<Decision> {
    try {
      return (await this.#decider?.(failure)) ?? 'escalate'
    } catch {
      return 'escalate'
    }
  }

  #what(coordinator: string): WatchOptions {
    if (this.#told.coordinator !== coordinator) this.#told = { coordinator, event: 0, failure: 0 }
    const { event, failure } = this.#told
    return {
      metrics: true,
      results: this.#results.isWanted,
      decides: this.#decider !== null,
      after: { event, failure },
    }
  }

  #stands({ view, plan }: JobStanding): void {
    this.#view = view
    if (!this.#hasEnded) this.#state = view.state
    this.plan ??= plan
  }

  take(news: JobNews): void {
    if (this.#hasEnded) return
    switch (news.kind) {
      case 'event':
        if (this.#isNew('event', news.seq)) this.#takeEvent(news.event)
        return
      case 'failure':
        if (this.#isNew('failure', news.seq)) this.#failures.next(news.failure)
        return
      case 'metrics':
        return this.#metrics.next(news.metrics)
      case 'done':
        this.#state = news.summary.state
        this.#complete()
        return this.#settle.resolve(news.summary)
      case 'failed':
        this.#state = 'Failed'
        return this.#fail(errorFromData(news.error))
    }
  }

  takeResults(records: readonly unknown[]): Promise<void> {
    return this.#results.take(records)
  }

  async takeResultPart(part: RecordPart): Promise<void> {
    // One after the other: what has come of another one came over a connection that is no more.
    if (part.at === 0) this.#parts = new PartJoiner()
    const whole = this.#parts.join(part)
    if (whole !== null) await this.#results.take([whole.decode()])
  }

  /** Where it cannot be said now, it is said with `watchJob` on the next connection. */
  #wishResults(): void {
    if (this.#hasEnded) return
    this.#line
      .through(({ calls }) => calls.call('takeResults', [this.id, this.#results.isWanted]))
      .catch(() => {})
  }

  /** The connection is over. */
  lost(error: Error): void {
    if (!this.#hasEnded) this.#fail(error)
  }

  /** Of what is followed from the beginning, or again, none is to be missed in silence. */
  #isNew(kind: 'event' | 'failure', seq: number): boolean {
    const last = this.#told[kind]
    if (seq <= last) return false
    const missed = seq - last - 1
    // Whoever comes late hears the last of what was: that is known.
    if (missed > 0 && this.#view !== null) this.#events.next(missing(missed, kind))
    this.#told = { ...this.#told, [kind]: seq }
    return true
  }

  #takeEvent(event: JobEvent): void {
    if (event.kind === 'StateChanged') this.#state = event.to
    this.#events.next(event)
  }

  // ---- what is asked of it --------------------------------------------------------------------

  cancel(): Promise<void> {
    return this.#line.once('cancel', [this.id])
  }

  drain(): Promise<void> {
    return this.#line.once('drain', [this.id])
  }

  savepoint(directory: string): Promise<SnapshotSummary> {
    return this.#line.once('savepoint', [this.id, directory])
  }

  stop(directory?: string): Promise<StopSummary> {
    return this.#line.once('stop', [this.id, directory ?? null])
  }

  async rescale(slots: number, options: RescaleOptions = {}): Promise<void> {
    refuseUnknownOptions('rescale', options, RESCALE_OPTIONS)
    const waitMs = durationMs(options.wait ?? 0, 'rescale: wait', 0)
    return this.#line.once('rescale', [this.id, slots, waitMs])
  }

  async move(placement?: PlacementOptions): Promise<void> {
    if (placement !== undefined) refuseUnknownOptions('move', placement, PLACEMENT_OPTIONS)
    return this.#line.once('move', [this.id, placement ?? null])
  }

  restartRegion(region: number): Promise<void> {
    return this.#line.once('restartRegion', [this.id, region])
  }

  placement(): Promise<readonly SlotView[]> {
    return this.#line.through(({ calls }) => calls.call('placement', [this.id]))
  }

  // ---- its end --------------------------------------------------------------------------------

  #complete(): void {
    this.#hasEnded = true
    this.#events.complete()
    this.#failures.complete()
    this.#metrics.complete()
    this.#results.end(null)
  }

  #fail(error: Error): void {
    this.#hasEnded = true
    this.#events.complete()
    this.#failures.complete()
    this.#metrics.complete()
    this.#results.end(error)
    this.#settle.reject(error)
  }
}

const missing = (count: number, kind: 'event' | 'failure'): JobEvent => ({
  kind: 'Log',
  atMs: 0,
  level: 'warn',
  message: `${count} ${kind}s are not told: the coordinator was out of reach, and keeps the last ones only`,
})

const endedUnseen = (job: string, cause: Error): MillraceError =>
  new MillraceError(
    'E_NO_SUCH_JOB',
    `job ${job} has ended while the coordinator was out of reach, and how is not known any more: ${cause.message}`,
    { cause, details: { job } },
  )
