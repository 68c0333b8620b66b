/** Clients of the coordinator: what they ask, and what they have asked to be told. */
import type { Observable } from 'rxjs'
import type { Clock } from '../../lib/base/clock.js'
import { MillraceError } from '../../lib/base/errors.js'
import { Subscription } from '../../lib/base/rxjs.js'
import { watchPeer } from '../../lib/cluster/peer-watch.js'
import { CLIENT_BEAT_MS, CLIENT_SILENCE_MS } from '../../lib/cluster/times.js'
import { isEnded } from '../../lib/job/job-record.js'
import { isDecision } from '../../lib/supervision/failure.js'
import type { Ask } from '../../lib/supervision/strategy.js'
import { type Calls, createCalls } from '../../lib/transport/calls.js'
import type { ControlLink } from '../../lib/transport/node-links.js'
import { CarriedOut } from './carried-out.js'
import { checkWatch } from './check-submit.js'
import type { ClusterJob } from './cluster-job.js'
import {
  type BundleFacts,
  type ClientListener,
  type ClientMethods,
  type ClusterEvent,
  DECIDE_MS,
  type JobView,
  type NodeView,
  ONCE,
  type PlacementOptions,
  type SlotView,
  type SubmitOptions,
  type WatchOptions,
} from './protocol.js'
import { ResultTap } from './result-tap.js'
import type { Shelf } from './stores.js'

const CALL_MS = 30_000

/** What clients can ask for. */
export interface Served {
  readonly events$: Observable<ClusterEvent>
  readonly shelf: Shelf
  jobs(): readonly JobView[]
  /** One that runs. */
  job(id: string): ClusterJob
  /** One that runs, or one of the last that have ended. */
  watched(id: string): ClusterJob
  placementOf(job: string): readonly SlotView[]
  /** `opened` is called before anything happens to the job. Resolves when it is planned. */
  submit(
    id: string,
    bundle: BundleFacts,
    options: SubmitOptions,
    opened: (job: ClusterJob) => void,
  ): Promise<ClusterJob>
  rescale(job: string, slots: number, waitMs?: number): Promise<void>
  move(job: string, placement: PlacementOptions | null): Promise<void>
  drain(job: string): Promise<void>
  nodes(): Promise<readonly NodeView[]>
  cordon(node: string, cordoned: boolean): Promise<void>
  evacuate(node: string): Promise<void>
}

export class ClientDesk {
  readonly #coordinator: Served
  readonly #clock: Clock
  /** What each of them watches. */
  readonly #clients = new Map<Calls<ClientListener>, Watching>()
  readonly #carriedOut = new CarriedOut()

  constructor(coordinator: Served, clock: Clock) {
    this.#coordinator = coordinator
    this.#clock = clock
    coordinator.events$.subscribe((event) => {
      if (event.kind === 'JobEnded') this.#forget(event.job)
    })
  }

  accept(link: ControlLink): void {
    const watching = new Watching()
    const client: Calls<ClientListener> = createCalls<ClientListener>({
      link,
      handlers: this.#handlers(watching, () => client),
      deadlineMs: CALL_MS,
      clock: this.#clock,
    })
    this.#clients.set(client, watching)
    // It beats; what is heard of it is all that is asked for.
    const stopWatch = watchPeer({
      clock: this.#clock,
      everyMs: CLIENT_BEAT_MS,
      silenceMs: CLIENT_SILENCE_MS,
      lastReceivedMs: () => link.lastReceivedMs,
      beat: () => {},
      onSilent: () => link.terminate('silent'),
    })
    client.onClose(() => {
      stopWatch()
      this.#clients.delete(client)
      watching.end()
    })
  }

  close(): void {
    for (const client of this.#clients.keys()) client.close('goingAway')
  }

  /** A job has ended: nothing holds on to it for as long as a client is there. */
  #forget(job: string): void {
    for (const watching of this.#clients.values()) {
      for (const name of [job, resultsOf(job), decidesOf(job)]) watching.remove(name)
    }
  }

  #handlers(watching: Watching, self: () => Calls<ClientListener>): ClientMethods {
    const coordinator = this.#coordinator
    const follows = (job: ClusterJob, what: WatchOptions) =>
      this.#follow(watching, job, what, self())
    const handlers: ClientMethods = {
      heartbeat: async () => {},
      hasBundle: (sha256) => coordinator.shelf.has(sha256),
      putBundle: (facts, offset, bytes) => coordinator.shelf.put(facts, offset, bytes),
      async submit(id, bundle, options, watch) {
        if (watch !== null) checkWatch(watch)
        const opened = (job: ClusterJob) => {
          if (watch !== null) follows(job, watch)
        }
        const job = await coordinator.submit(id, bundle, options, opened)
        return { view: job.view, plan: job.plan }
      },
      jobs: async () => coordinator.jobs(),
      nodes: () => coordinator.nodes(),
      placement: async (job) => coordinator.placementOf(job),
      async watchJob(id, what) {
        checkWatch(what)
        const job = coordinator.watched(id)
        follows(job, what)
        return { view: job.view, plan: job.plan }
      },
      async decides(id) {
        const deciding = new Subscription(coordinator.job(id).decidedBy(asking(self(), id)))
        watching.add(decidesOf(id), deciding)
      },
      unwatchJob: async (id) => watching.remove(id),
      takeResults: async (id, take) => {
        if (take) this.#tap(watching, coordinator.job(id), self())
        else watching.remove(resultsOf(id))
      },
      async watchCluster() {
        watching.add(
          '',
          coordinator.events$.subscribe((event) => tellIfItCan(self(), 'clusterEvent', [event])),
        )
      },
      cancel: (job) => coordinator.job(job).cancel(),
      drain: (job) => coordinator.drain(job),
      savepoint: (job, directory) => coordinator.job(job).savepoint(directory),
      stop: (job, directory) => coordinator.job(job).stop(directory),
      rescale: (job, slots, waitMs) => coordinator.rescale(job, slots, waitMs),
      move: (job, placement) => coordinator.move(job, placement),
      restartRegion: (job, region) => coordinator.job(job).restartRegion(region),
      cordon: (node, cordoned) => coordinator.cordon(node, cordoned),
      evacuate: (node) => coordinator.evacuate(node),
      once: async (id, method, args) =>
        this.#carriedOut.once(id, async () => {
          if (!ONCE.includes(method)) throw notOnce(method)
          return (handlers[method] as (...args: readonly unknown[]) => Promise<unknown>)(...args)
        }),
    }
    return handlers
  }

  #follow(
    watching: Watching,
    job: ClusterJob,
    what: WatchOptions,
    client: Calls<ClientListener>,
  ): void {
    watching.add(job.id, follow(job, what, client))
    if (what.results) this.#tap(watching, job, client)
  }

  #tap(watching: Watching, job: ClusterJob, client: Calls<ClientListener>): void {
    const name = resultsOf(job.id)
    if (watching.has(name) || isEnded(job.state)) return
    const tap = new ResultTap(this.#clock, {
      records: (records, onSent) =>
        client.call('results', [job.id, records], { deadlineMs: null, onSent }),
      part: (part, onSent) =>
        client.call('resultPart', [job.id, part], { deadlineMs: null, onSent }),
    })
    const tapping = new Subscription(job.publishTo((records) => tap.take(records)))
    tapping.add(() => tap.end())
    watching.add(name, tapping)
  }
}

/** Tells a client what happens to a job, but for its results. */
function follow(job: ClusterJob, what: WatchOptions, client: Calls<ClientListener>): Subscription {
  const { event, failure } = what.after
  const following = job.news$.subscribe((news) => {
    if (news.kind === 'event' && news.seq <= event) return
    if (news.kind === 'failure' && news.seq <= failure) return
    if (news.kind === 'metrics' && !what.metrics) return
    tellIfItCan(client, 'jobNews', [job.id, news])
  })
  if (what.decides) following.add(job.decidedBy(asking(client, job.id)))
  return following
}

/** What is too large for a message, or cannot travel, is not told: looking on is no reason to fail. */
function tellIfItCan<M extends keyof ClientListener>(
  client: Calls<ClientListener>,
  method: M,
  args: Parameters<ClientListener[M]>,
): void {
  try {
    client.tell(method, args as never)
  } catch {}
}

/** Who does not answer in time, or nothing that could be done, leaves it to the job's options. */
const asking =
  (client: Calls<ClientListener>, job: string): Ask =>
  async (failure) => {
    const answering = client.call('decide', [job, failure], { deadlineMs: DECIDE_MS })
    const decision: unknown = await answering.catch(() => null)
    return isDecision(decision) ? decision : null
  }

const notOnce = (method: string): MillraceError =>
  new MillraceError('E_CALL_UNKNOWN', `"${method}" is nothing that is asked for once`)

const resultsOf = (job: string): string => `results ${job}`
const decidesOf = (job: string): string => `decides ${job}`

/** What one client watches, by job; `''`: the cluster. */
class Watching {
  readonly #subscriptions = new Map<string, Subscription>()

  add(name: string, subscription: Subscription): void {
    this.remove(name)
    // Of a job that has ended all is told at once.
    if (!subscription.closed) this.#subscriptions.set(name, subscription)
  }

  has(name: string): boolean {
    return this.#subscriptions.has(name)
  }

  remove(name: string): void {
    this.#subscriptions.get(name)?.unsubscribe()
    this.#subscriptions.delete(name)
  }

  end(): void {
    for (const name of [...this.#subscriptions.keys()]) this.remove(name)
  }
}
