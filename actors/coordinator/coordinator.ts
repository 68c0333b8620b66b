/**
 * The coordinator: owns nodes, placement and jobs of a cluster.
 *
 * ```
 * coordinator
 * ├── placement            which slot of which node: actors/placement; asked by slot-desk.ts
 * ├── node registry        who is a member: protocol in actors/node
 * └── job (one per job)    one identity over many lives; each life is a job actor
 * ```
 */
import { join } from 'node:path'
import { type Clock, systemClock } from '../../lib/base/clock.js'
import { EndingClock } from '../../lib/base/ending-clock.js'
import type { Random } from '../../lib/base/random.js'
import { Subject } from '../../lib/base/rxjs.js'
import { SETTLE_MS } from '../../lib/cluster/times.js'
import type { Network } from '../../lib/transport/network.js'
import type { ControlLink, DataLink, Listener } from '../../lib/transport/node-links.js'
import type { ActorRef } from '../kernel/ref.js'
import { type ActorSystem, createActorSystem } from '../kernel/system.js'
import { createPlacement } from '../placement/placement.js'
import type { PlacementMessage } from '../placement/protocol.js'
import { SparePlanner } from '../planner/plan-module.js'
import type { Planner } from '../planner/protocol.js'
import { ClientDesk } from './client-desk.js'
import type { ClusterJob } from './cluster-job.js'
import { Cordons } from './cordons.js'
import { JobDesk } from './job-desk.js'
import { JobMaker } from './job-maker.js'
import type { JobRecord } from './job-records.js'
import { JobTable } from './job-table.js'
import { KeptSlots } from './kept-slots.js'
import { NodeDesk } from './node-desk.js'
import { NodeRegistry } from './node-registry.js'
import type {
  BundleFacts,
  ClusterEvent,
  JobView,
  NodeView,
  PlacementOptions,
  SlotView,
  SubmitOptions,
} from './protocol.js'
import { ReactiveDesk, type Room } from './reactive-desk.js'
import { Recoveries } from './recoveries.js'
import { SlotDesk } from './slot-desk.js'
import { type CoordinatorStores, openFileStores, type Records, type Shelf } from './stores.js'

export interface CoordinatorParts {
  readonly network: Network
  /** `host:port` to listen on. */
  readonly address: string
  /** Where it keeps what it must know again, and the jobs' snapshots. */
  readonly data: string
  /** Where snapshots lie instead. */
  readonly snapshots?: string
  readonly cluster: string
  readonly clock?: Clock
  readonly random?: Random
  /** Default: files below `data`. */
  readonly stores?: CoordinatorStores
  /** How job modules are planned. Default: in a worker thread each. */
  readonly planner?: Planner
}

/** So long its last answers have to leave: who gets none does not know what has become of what they asked for. */
const LAST_WORDS_MS = 10

export class Coordinator {
  readonly events$ = new Subject<ClusterEvent>()
  readonly #parts: CoordinatorParts
  readonly #clock: EndingClock
  readonly #random: Random
  readonly #system: ActorSystem
  readonly #placement: ActorRef<PlacementMessage>
  readonly #jobs = new JobTable()
  readonly #slots: SlotDesk
  readonly #nodes: NodeDesk
  readonly #asked: JobDesk
  #registry!: NodeRegistry
  #stores!: CoordinatorStores
  #kept!: KeptSlots
  #recoveries!: Recoveries
  #maker!: JobMaker
  #cordons!: Cordons
  #listener!: Listener
  #clients!: ClientDesk
  #reactive!: ReactiveDesk
  #planner!: Planner
  #term = 0
  /** Resolves when nodes of a former coordinator have let go of their work. */
  #settled: Promise<void> = Promise.resolve()
  #isStopping = false

  constructor(parts: CoordinatorParts) {
    this.#parts = parts
    this.#clock = new EndingClock(parts.clock ?? systemClock)
    this.#random = parts.random ?? Math.random
    this.#system = createActorSystem({
      name: 'coordinator',
      clock: this.#clock,
      random: this.#random,
      supervise: { decide: 'stop' },
    })
    this.#placement = this.#system.spawn('placement', createPlacement)
    this.#slots = new SlotDesk(this.#placement, {
      callsOf: (node) => this.#registry.callsOf(node),
      settled: () => this.#settled,
    })
    this.#asked = new JobDesk({
      clock: this.#clock,
      jobs: this.#jobs,
      events$: this.events$,
      records: () => this.#records,
      hasSnapshots: (directory) => this.#stores.hasSnapshots(directory),
      isStopping: () => this.#isStopping,
      settled: () => this.#settled,
      open: (record) => this.#open(record),
      roomFor: (job) => this.#roomFor(job),
      lackingFor: (...wanted) => this.#slots.lackingFor(...wanted),
    })
    this.#nodes = new NodeDesk({
      slots: this.#slots,
      events$: this.events$,
      registry: () => this.#registry,
      cordons: () => this.#cordons,
      jobs: () => this.#jobs.all,
      roomFor: (job) => this.#roomFor(job),
      vacateKept: (node) => this.#kept.vacate(node),
    })
  }

  get url(): string {
    return this.#listener.url
  }

  get term(): number {
    return this.#term
  }

  /** Resolves when it listens; jobs of a former life begin again a little later. */
  async start(): Promise<void> {
    this.#stores = this.#parts.stores ?? (await openFileStores(this.#parts.data))
    try {
      await this.#begin()
    } catch (error) {
      this.#clock.end()
      await this.#stores.close()
      throw error
    }
  }

  async #begin(): Promise<void> {
    const { network, address, cluster } = this.#parts
    this.#term = await this.#records.nextTerm()
    const records = await this.#records.all()
    this.#cordons = await Cordons.open(this.#records)
    this.#kept = new KeptSlots({
      callsOf: (node) => this.#registry.callsOf(node),
      took: (ref, node, job) => {
        this.#slots.kept(ref, node, this.job(job).wish)
      },
      left: (ref) => this.#slots.released(ref),
    })
    this.#recoveries = new Recoveries({
      clock: this.#clock,
      kept: this.#kept,
      isStopping: () => this.#isStopping,
      settled: () => this.#settled,
      open: (record) => this.#open(record),
      recovers: ({ id }) => this.events$.next({ kind: 'JobRecovered', job: id }),
      cannotBegin: ({ id }, { message }, retryMs) =>
        this.events$.next({ kind: 'JobCannotBegin', job: id, reason: message, retryMs }),
    })
    this.#registry = new NodeRegistry({
      clock: this.#clock,
      membership: { term: this.#term, cluster },
      events$: this.events$,
      bundle: (sha256, offset) => this.shelf.piece(sha256, offset),
      joined: (node, { slots, labels }) => {
        const cordoned = this.#cordons.has(node)
        this.#placement.control({ kind: 'NodeJoined', node, slots, labels, cordoned })
        if (cordoned) this.events$.next({ kind: 'NodeCordoned', node, cordoned })
      },
      left: (node, holdMs) => {
        this.#placement.control({ kind: 'NodeLeft', node, holdMs })
        this.#kept.nodeLeft(node)
      },
      wanted: (node, refs) => this.#kept.wanted(node, refs),
      kept: (node, refs) => this.#kept.arrived(node, refs),
      peerLost: (node, other) => {
        for (const job of this.#jobs.all) job.peerLost(node, other)
      },
      evacuate: (node) => this.#nodes.vacate(node),
    })
    this.#clients = new ClientDesk(this, this.#clock)
    this.#reactive = new ReactiveDesk({
      clock: this.#clock,
      jobs: () => this.#jobs.all,
      roomFor: (job) => this.#roomFor(job),
      adapt: (job, slots) => this.#asked.adapt(job, slots),
    })
    this.#planner = this.#parts.planner ?? new SparePlanner()
    this.#maker = new JobMaker({
      term: this.#term,
      clock: this.#clock,
      random: this.#random,
      stores: this.#stores,
      snapshots: this.#parts.snapshots ?? join(this.#parts.data, 'snapshots'),
      planner: this.#planner,
      slots: this.#slots,
      nodes: this.#nodes,
      registry: this.#registry,
      kept: this.#kept,
      events$: this.events$,
      couldNotBegin: (job, error) => this.#recoveries.again(this.job(job), error),
    })
    const recovered = records.map((record) => this.#recoveries.expect(record))
    if (this.#term > 1) {
      this.#settled = new Promise((resolve) => this.#clock.after(SETTLE_MS, resolve))
    }
    try {
      this.#listener = await network.listen(address, {
        onControl: (link) => this.#acceptControl(link),
        onData: (link) => this.#acceptData(link),
      })
    } catch (error) {
      await this.#closeDesks()
      throw error
    }
    for (const job of recovered) void this.#recoveries.begin(job)
  }

  /** Jobs stop behind a checkpoint where they take any, and go on when the coordinator does. */
  async stop(): Promise<void> {
    if (this.#isStopping) return
    this.#isStopping = true
    this.#asked.close()
    await Promise.allSettled(this.#jobs.all.map((job) => job.suspend()))
    await this.#asked.leave()
    await new Promise<void>((goOn) => this.#clock.after(LAST_WORDS_MS, goOn))
    const closed = this.#closeDesks()
    // At once: a node whose membership has just ended would join again meanwhile.
    this.#listener.close()
    await closed
    await this.#system.stop()
    this.#clock.end()
    await this.#stores.close()
    this.events$.complete()
  }

  #closeDesks(): Promise<void> {
    this.#clients.close()
    this.#reactive.close()
    this.#registry.close()
    return this.#planner.close()
  }

  get #records(): Records {
    return this.#stores.records
  }

  // ---- jobs -----------------------------------------------------------------------------------

  get shelf(): Shelf {
    return this.#stores.shelf
  }

  jobs(): readonly JobView[] {
    return this.#jobs.views
  }

  job(id: string): ClusterJob {
    return this.#jobs.job(id)
  }

  /** One that runs, or one of the last that have ended. */
  watched(id: string): ClusterJob {
    return this.#jobs.watched(id)
  }

  placementOf(id: string): readonly SlotView[] {
    return this.job(id).slots
  }

  /** `opened` is called before anything happens to the job. Resolves when it is planned. */
  submit(
    id: string,
    bundle: BundleFacts,
    options: SubmitOptions,
    opened: (job: ClusterJob) => void,
  ): Promise<ClusterJob> {
    return this.#asked.submit(id, bundle, options, opened)
  }

  /** It runs on until there is room: for `waitMs` at most. */
  rescale(id: string, slots: number, waitMs = 0): Promise<void> {
    return this.#asked.rescale(id, slots, waitMs)
  }

  move(id: string, placement: PlacementOptions | null): Promise<void> {
    return this.#asked.move(id, placement)
  }

  /** Resolves when it has drained, over whatever lives it has until then. Rejects where it does not under this one. */
  drain(id: string): Promise<void> {
    return this.#asked.drain(id)
  }

  #roomFor(job: ClusterJob): Promise<Room> {
    const max = job.record.options.reactive?.maxParallelism ?? job.record.slots
    return this.#slots.roomFor(job.wish, max)
  }

  /** It is listed from now on. */
  #open(record: JobRecord): ClusterJob {
    const job = this.#maker.make(record)
    this.#jobs.add(job)
    job.done.then(
      () => this.#onEnded(job),
      () => this.#onEnded(job),
    )
    return job
  }

  /** What ends because the coordinator stops is to go on with the next one. */
  #onEnded(job: ClusterJob): void {
    this.#jobs.ended(job)
    void this.#kept.giveUp(job.id)
    if (job.goesOn) {
      this.events$.next({ kind: 'JobSuspended', job: job.id })
      return
    }
    void this.#records.remove(job.id)
    this.events$.next({ kind: 'JobEnded', job: job.id, state: job.state })
  }

  // ---- nodes ----------------------------------------------------------------------------------

  nodes(): Promise<readonly NodeView[]> {
    return this.#nodes.nodes()
  }

  cordon(node: string, cordoned: boolean): Promise<void> {
    return this.#nodes.cordon(node, cordoned)
  }

  evacuate(node: string): Promise<void> {
    return this.#nodes.evacuate(node)
  }

  #acceptControl(link: ControlLink): void {
    const { party } = link.peer
    if (party === 'client') this.#clients.accept(link)
    else if (party === 'node') this.#registry.acceptControl(link)
    else link.close('role')
  }

  #acceptData(link: DataLink): void {
    if (link.peer.party === 'node') this.#registry.acceptData(link)
    else link.close('role')
  }
}
