/**
 * A client of a cluster: submits jobs, follows and ends them, and looks after nodes, from any machine.
 * What it holds are views: when it goes, jobs go on.
 */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { type Clock, systemClock } from '../../lib/base/clock.js'
import type { Random } from '../../lib/base/random.js'
import { Observable, Subject } from '../../lib/base/rxjs.js'
import { refuseUnknownOptions } from '../../lib/base/unknown-option.js'
import { RECONNECT_MS } from '../../lib/cluster/times.js'
import { jobIdOf } from '../../lib/job/job-id.js'
import type { Decision, Failure } from '../../lib/supervision/failure.js'
import type { Network } from '../../lib/transport/network.js'
import {
  type BundleFacts,
  type ClientListener,
  type ClusterEvent,
  type JobView,
  type NodeView,
  SUBMIT_OPTIONS,
  SUBMIT_PARTS,
} from '../coordinator/protocol.js'
import { bundleForSubmit } from '../planner/bundle.js'
import { type Connected, type ConnectionEvent, Line } from './line.js'
import { type SubmitHere, type SubmittedJob, WatchedJob } from './watched-job.js'

const PIECE_BYTES = 256 * 1024

/**
 * A connection to a cluster. When it is lost it is tried again, as `connect` says; what is asked meanwhile
 * waits, and jobs are followed on.
 */
export interface Cluster {
  /** Nodes that come, go and are cordoned; jobs that come and end. What happens while it is lost is not told. */
  readonly events$: Observable<ClusterEvent>
  /** That the coordinator is lost, found again, or given up. Completes when this connection is over. */
  readonly connection$: Observable<ConnectionEvent>
  /**
   * Bundles the module, sends it where it is not there yet, and starts it. Resolves when it is planned.
   *
   * @throws MillraceError `E_UNKNOWN_OPTION`; as `run` does for a module that cannot be bundled or planned.
   */
  submit(module: URL | string, options?: SubmitHere): Promise<SubmittedJob>
  /** A job that runs, or one of the last that have ended. */
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

export interface ConnectParts {
  readonly clock?: Clock
  readonly random?: Random
  /** How long a lost coordinator is tried again; 0: not at all. */
  readonly reconnectMs?: number
}

export async function connectOver(
  network: Network,
  url: string,
  parts: ConnectParts = {},
): Promise<Cluster> {
  const client = new ClusterClient()
  await client.connect(network, url, parts)
  return client
}

class ClusterClient implements Cluster {
  readonly events$: Observable<ClusterEvent>
  readonly #events = new Subject<ClusterEvent>()
  readonly #connection = new Subject<ConnectionEvent>()
  readonly #jobs = new Map<string, WatchedJob>()
  #line!: Line
  #watches = false

  constructor() {
    this.events$ = new Observable((subscriber) => {
      if (!this.#watches) {
        this.#watches = true
        this.#line
          .through(({ calls }) => calls.call('watchCluster', []))
          .catch((error) => this.#events.error(error))
      }
      return this.#events.subscribe(subscriber)
    })
  }

  async connect(
    network: Network,
    url: string,
    { clock = systemClock, random = Math.random, reconnectMs = RECONNECT_MS }: ConnectParts,
  ): Promise<void> {
    const listener: ClientListener = {
      jobNews: async (job, news) => this.#jobs.get(job)?.take(news),
      results: async (job, records) => this.#jobs.get(job)?.takeResults(records),
      resultPart: async (job, part) => this.#jobs.get(job)?.takeResultPart(part),
      clusterEvent: (event) => this.#events.next(event),
      decide: (job, failure) => this.#decide(job, failure),
    }
    this.#line = await Line.dial({
      network,
      url,
      clock,
      random,
      patienceMs: reconnectMs,
      listener,
      onEvent: (event) => this.#connection.next(event),
      onFound: (connected) => this.#onFound(connected),
      onOver: (error) => this.#onOver(error),
    })
  }

  get connection$(): Observable<ConnectionEvent> {
    return this.#connection
  }

  async submit(module: URL | string, options: SubmitHere = {}): Promise<SubmittedJob> {
    refuseUnknownOptions('submit', options, [...SUBMIT_OPTIONS, 'decide'], SUBMIT_PARTS)
    const { file, sha256, source } = await bundleForSubmit(module)
    const bytes = await readFile(file)
    const facts = { sha256, bytes: bytes.length, name: basename(source) }
    const job = this.#watched(jobIdOf(facts.name, randomBytes(4).toString('hex')))
    let isAsked = false
    try {
      await this.#line.through(async (connected) => {
        // What was asked before the connection was lost may have been done.
        if (isAsked && (await isThere(connected, job.id))) return job.watch(connected)
        await send(connected, facts, bytes)
        isAsked = true
        await job.submit(connected, facts, options)
      })
      job.handOver()
      return job
    } catch (error) {
      this.#jobs.delete(job.id)
      throw error
    }
  }

  async job(id: string): Promise<SubmittedJob> {
    const known = this.#jobs.get(id)
    if (known !== undefined) return known
    const job = this.#watched(id)
    try {
      await this.#line.through((connected) => job.watch(connected))
    } catch (error) {
      this.#jobs.delete(id)
      throw error
    }
    return job
  }

  /** Known here until it has ended. */
  #watched(id: string): WatchedJob {
    const job = new WatchedJob(id, this.#line)
    this.#jobs.set(id, job)
    const forget = () => {
      if (this.#jobs.get(id) === job) this.#jobs.delete(id)
    }
    job.done.then(forget, forget)
    return job
  }

  jobs(): Promise<readonly JobView[]> {
    return this.#line.through(({ calls }) => calls.call('jobs', []))
  }

  nodes(): Promise<readonly NodeView[]> {
    return this.#line.through(({ calls }) => calls.call('nodes', []))
  }

  cordon(node: string): Promise<void> {
    return this.#line.through(({ calls }) => calls.call('cordon', [node, true]))
  }

  uncordon(node: string): Promise<void> {
    return this.#line.through(({ calls }) => calls.call('cordon', [node, false]))
  }

  evacuate(node: string): Promise<void> {
    return this.#line.once('evacuate', [node])
  }

  close(): void {
    this.#line.close()
  }

  #onFound(connected: Connected): void {
    for (const job of this.#jobs.values()) void job.rejoin(connected)
    // Where that fails, the connection is lost again.
    if (this.#watches) connected.calls.call('watchCluster', []).catch(() => {})
  }

  #onOver(error: Error): void {
    for (const job of this.#jobs.values()) job.lost(error)
    this.#events.complete()
    this.#connection.complete()
  }

  #decide(id: string, failure: Failure): Promise<Decision> {
    const job = this.#jobs.get(id)
    if (job === undefined) return Promise.reject(new Error(`nobody here decides about ${id}`))
    return job.decideNow(failure)
  }
}

async function isThere({ calls }: Connected, id: string): Promise<boolean> {
  return (await calls.call('jobs', [])).some((job) => job.id === id)
}

/** Where it is not there yet. */
async function send({ calls }: Connected, facts: BundleFacts, bytes: Uint8Array): Promise<void> {
  if (await calls.call('hasBundle', [facts.sha256])) return
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    const piece = bytes.subarray(at, at + PIECE_BYTES)
    await calls.call('putBundle', [facts, at, piece])
  }
}
