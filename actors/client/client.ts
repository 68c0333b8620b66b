/**
 * A client of a cluster: submits jobs, follows and ends them, and looks after nodes, from any machine.
 * What it holds are views: when it goes, jobs go on.
 */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { Observable, ReplaySubject, Subject } from 'rxjs'
import { type Clock, systemClock } from '../../lib/base/clock.js'
import { errorFromData, MillraceError } from '../../lib/base/errors.js'
import { watchPeer } from '../../lib/cluster/peer-watch.js'
import { CLIENT_BEAT_MS, CLIENT_SILENCE_MS } from '../../lib/cluster/times.js'
import type { Plan } from '../../lib/graph/plan.js'
import { jobIdOf } from '../../lib/job/job-id.js'
import { isEnded, type JobState } from '../../lib/job/job-record.js'
import type { Failure } from '../../lib/supervision/failure.js'
import type { Decision } from '../../lib/supervision/strategy.js'
import { type Calls, createCalls } from '../../lib/transport/calls.js'
import type { Network } from '../../lib/transport/network.js'
import type { ControlLink } from '../../lib/transport/node-links.js'
import type {
  BundleFacts,
  ClientListener,
  ClientMethods,
  ClusterEvent,
  JobNews,
  JobStanding,
  JobView,
  NodeView,
  PlacementOptions,
  SlotView,
  SubmitOptions,
  WatchOptions,
} from '../coordinator/protocol.js'
import type { JobEvent, JobMetrics, JobSummary, SnapshotSummary } from '../job/job.js'
import { bundleForSubmit } from '../planner/bundle.js'

/** What takes as long as the job takes waits for it. */
const NO_DEADLINE = { deadlineMs: null } as const
const CALL_MS = 10_000
const PIECE_BYTES = 256 * 1024

/** Decides about a failure, from afar: within 2 s, or the job's options do. If it throws, it escalates. */
export type DecideFrom = (failure: Failure) => Decision | Promise<Decision>

/** Of `submit`: what travels, and what stays here. */
export interface SubmitHere extends SubmitOptions {
  /** Asked about each failure, as long as this process is connected. */
  readonly decide?: DecideFrom
}

/** A job on a cluster, seen from a client. As the handle of `run`, but for what needs the process. */
export interface SubmittedJob {
  readonly id: string
  readonly pipeline: string
  readonly state: JobState
  readonly plan: Plan | null
  readonly events$: Observable<JobEvent>
  readonly failures$: Observable<Failure>
  readonly metrics$: Observable<JobMetrics>
  readonly results$: Observable<unknown>
  /** Rejects with the failure that ended it, or with `E_PEER_LOST` where the coordinator is gone. */
  readonly done: Promise<JobSummary>
  cancel(): Promise<void>
  drain(): Promise<void>
  savepoint(directory: string): Promise<SnapshotSummary>
  stop(directory?: string): Promise<SnapshotSummary>
  /** Moves to as many slots, behind a checkpoint. */
  rescale(slots: number): Promise<void>
  /** Lets go of its slots behind a checkpoint, and takes others, as `placement` says or as before. */
  move(placement?: PlacementOptions): Promise<void>
  /** As that of a `Job`. */
  restartRegion(region: number): Promise<void>
  /** From now on decides about its failures; whoever did before no longer does. */
  decide(by: DecideFrom): Promise<void>
  placement(): Promise<readonly SlotView[]>
}

/** A connection to a cluster. */
export interface Cluster {
  /** Nodes that come, go and are cordoned; jobs that come and end. */
  readonly events$: Observable<ClusterEvent>
  /**
   * Bundles the module, sends it where it is not there yet, and starts it. Resolves when it is planned.
   *
   * @throws MillraceError as `run` does for a module that cannot be bundled or planned.
   */
  submit(module: URL | string, options?: SubmitHere): Promise<SubmittedJob>
  /** A job that runs. */
  job(id: string): Promise<SubmittedJob>
  jobs(): Promise<readonly JobView[]>
  nodes(): Promise<readonly NodeView[]>
  /** Gives it nothing new, however often it joins anew under its name, until it is uncordoned. */
  cordon(node: string): Promise<void>
  uncordon(node: string): Promise<void>
  /** Moves its work elsewhere, and cordons it. */
  evacuate(node: string): Promise<void>
  close(): void
}

export async function connectOver(
  network: Network,
  url: string,
  clock: Clock = systemClock,
): Promise<Cluster> {
  const link = await network.dialControl(url)
  return new ClusterClient(link, clock)
}

class ClusterClient implements Cluster {
  readonly events$: Observable<ClusterEvent>
  readonly #calls: Calls<ClientMethods>
  readonly #events = new Subject<ClusterEvent>()
  readonly #jobs = new Map<string, WatchedJob>()
  #watches = false

  constructor(link: ControlLink, clock: Clock) {
    const listener: ClientListener = {
      jobNews: async (job, news) => this.#jobs.get(job)?.take(news),
      clusterEvent: (event) => this.#events.next(event),
      decide: (job, failure) => this.#decide(job, failure),
    }
    this.#calls = createCalls<ClientMethods>({
      link,
      handlers: listener,
      deadlineMs: CALL_MS,
      clock,
    })
    let silence: Error | null = null
    const stopBeats = watchPeer({
      clock,
      everyMs: CLIENT_BEAT_MS,
      silenceMs: CLIENT_SILENCE_MS,
      lastReceivedMs: () => link.lastReceivedMs,
      beat: () => void this.#calls.call('heartbeat', [], NO_DEADLINE).catch(() => {}),
      onSilent: () => {
        silence = silent()
        link.terminate('silent')
      },
    })
    this.#calls.onClose((reason) => {
      stopBeats()
      this.#events.complete()
      const error = lost(this.#calls.peer, reason ?? silence)
      for (const job of this.#jobs.values()) job.lost(error)
    })
    this.events$ = new Observable((subscriber) => {
      if (!this.#watches) {
        this.#watches = true
        this.#calls.call('watchCluster', []).catch((error) => this.#events.error(error))
      }
      return this.#events.subscribe(subscriber)
    })
  }

  async submit(module: URL | string, options: SubmitHere = {}): Promise<SubmittedJob> {
    const { file, sha256, source } = await bundleForSubmit(module)
    const bytes = await readFile(file)
    const facts = { sha256, bytes: bytes.length, name: basename(source) }
    if (!(await this.#calls.call('hasBundle', [sha256]))) {
      for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
        const piece = bytes.subarray(at, at + PIECE_BYTES)
        await this.#calls.call('putBundle', [facts, at, piece])
      }
    }
    const job = new WatchedJob(jobIdOf(facts.name, randomBytes(4).toString('hex')), this.#calls)
    this.#jobs.set(job.id, job)
    try {
      await job.submit(facts, options)
      return job
    } catch (error) {
      this.#jobs.delete(job.id)
      throw error
    }
  }

  async job(id: string): Promise<SubmittedJob> {
    const known = this.#jobs.get(id)
    if (known !== undefined) return known
    const job = new WatchedJob(id, this.#calls)
    this.#jobs.set(id, job)
    try {
      await job.watch()
    } catch (error) {
      this.#jobs.delete(id)
      throw error
    }
    return job
  }

  jobs(): Promise<readonly JobView[]> {
    return this.#calls.call('jobs', [])
  }

  nodes(): Promise<readonly NodeView[]> {
    return this.#calls.call('nodes', [])
  }

  cordon(node: string): Promise<void> {
    return this.#calls.call('cordon', [node, true])
  }

  uncordon(node: string): Promise<void> {
    return this.#calls.call('cordon', [node, false])
  }

  evacuate(node: string): Promise<void> {
    return this.#calls.call('evacuate', [node], NO_DEADLINE)
  }

  close(): void {
    this.#calls.close()
  }

  #decide(id: string, failure: Failure): Promise<Decision> {
    const job = this.#jobs.get(id)
    if (job === undefined) return Promise.reject(new Error(`nobody here decides about ${id}`))
    return job.decideNow(failure)
  }
}

class WatchedJob implements SubmittedJob {
  readonly id: string
  readonly done: Promise<JobSummary>
  plan: Plan | null = null
  readonly #calls: Calls<ClientMethods>
  readonly #events = new ReplaySubject<JobEvent>(256)
  readonly #failures = new ReplaySubject<Failure>(256)
  readonly #metrics = new Subject<JobMetrics>()
  readonly #results = new ReplaySubject<unknown>(4096)
  #settle!: { resolve(summary: JobSummary): void; reject(error: Error): void }
  #view: JobView | null = null
  #state: JobState | null = null
  #decider: DecideFrom | null = null

  constructor(id: string, calls: Calls<ClientMethods>) {
    this.id = id
    this.#calls = calls
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
    return this.#results
  }

  async submit(bundle: BundleFacts, { decide, ...options }: SubmitHere): Promise<void> {
    this.#decider = decide ?? null
    this.#stands(
      await this.#calls.call('submit', [this.id, bundle, options, this.#what], NO_DEADLINE),
    )
  }

  async watch(): Promise<void> {
    this.#stands(await this.#calls.call('watchJob', [this.id, this.#what]))
  }

  async decide(by: DecideFrom): Promise<void> {
    this.#decider = by
    await this.#calls.call('decides', [this.id])
  }

  /** Never rejects: a decider that throws has decided, too. */
  async decideNow(failure: Failure): Promise<Decision> {
    try {
      return (await this.#decider?.(failure)) ?? 'escalate'
    } catch {
      return 'escalate'
    }
  }

  get #what(): WatchOptions {
    return { metrics: true, results: true, decides: this.#decider !== null }
  }

  #stands({ view, plan }: JobStanding): void {
    this.#view = view
    this.plan = plan
  }

  take(news: JobNews): void {
    switch (news.kind) {
      case 'event':
        if (news.event.kind === 'StateChanged') this.#state = news.event.to
        return this.#events.next(news.event)
      case 'failure':
        return this.#failures.next(news.failure)
      case 'metrics':
        return this.#metrics.next(news.metrics)
      case 'results':
        for (const record of news.records) this.#results.next(record)
        return
      case 'done':
        this.#state = news.summary.state
        this.#complete()
        return this.#settle.resolve(news.summary)
      case 'failed':
        this.#state = 'Failed'
        return this.#fail(errorFromData(news.error))
    }
  }

  lost(error: Error): void {
    if (this.#state === null || !isEnded(this.#state)) this.#fail(error)
  }

  cancel(): Promise<void> {
    return this.#calls.call('cancel', [this.id], NO_DEADLINE)
  }

  drain(): Promise<void> {
    return this.#calls.call('drain', [this.id], NO_DEADLINE)
  }

  savepoint(directory: string): Promise<SnapshotSummary> {
    return this.#calls.call('savepoint', [this.id, directory], NO_DEADLINE)
  }

  stop(directory?: string): Promise<SnapshotSummary> {
    return this.#calls.call('stop', [this.id, directory ?? null], NO_DEADLINE)
  }

  rescale(slots: number): Promise<void> {
    return this.#calls.call('rescale', [this.id, slots], NO_DEADLINE)
  }

  move(placement?: PlacementOptions): Promise<void> {
    return this.#calls.call('move', [this.id, placement ?? null], NO_DEADLINE)
  }

  restartRegion(region: number): Promise<void> {
    return this.#calls.call('restartRegion', [this.id, region])
  }

  placement(): Promise<readonly SlotView[]> {
    return this.#calls.call('placement', [this.id])
  }

  #complete(): void {
    this.#events.complete()
    this.#failures.complete()
    this.#metrics.complete()
    this.#results.complete()
  }

  #fail(error: Error): void {
    this.#events.complete()
    this.#failures.complete()
    this.#metrics.complete()
    this.#results.error(error)
    this.#settle.reject(error)
  }
}

const silent = (): MillraceError =>
  new MillraceError('E_LINK_SILENT', `nothing was heard of it for ${CLIENT_SILENCE_MS / 1000} s`, {
    retryable: true,
  })

const lost = (peer: string, cause: Error | null): MillraceError =>
  new MillraceError(
    'E_PEER_LOST',
    `the connection to coordinator ${peer} is gone: ${cause?.message ?? 'it was closed on this side'}. Jobs go on; connect again to follow them`,
    { cause, retryable: true },
  )
