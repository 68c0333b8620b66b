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
import { Subject } from 'rxjs'
import { type Clock, systemClock } from '../../lib/base/clock.js'
import { durationMs } from '../../lib/base/duration.js'
import { MillraceError } from '../../lib/base/errors.js'
import type { Random } from '../../lib/base/random.js'
import { SETTLE_MS } from '../../lib/cluster/times.js'
import { checkJobId, jobNameIn } from '../../lib/job/job-id.js'
import { isEnded } from '../../lib/job/job-record.js'
import type { SlotWish } from '../../lib/placement/place.js'
import type { Network } from '../../lib/transport/network.js'
import type { ControlLink, DataLink, Listener } from '../../lib/transport/node-links.js'
import type { ActorRef } from '../kernel/ref.js'
import { type ActorSystem, createActorSystem } from '../kernel/system.js'
import { createPlacement } from '../placement/placement.js'
import type { PlacementMessage } from '../placement/protocol.js'
import { checkPlacement, checkSlots, checkSubmit, checkWait } from './check-submit.js'
import { ClientDesk } from './client-desk.js'
import { ClusterJob } from './cluster-job.js'
import { Cordons } from './cordons.js'
import { EndedJobs } from './ended-jobs.js'
import type { JobRecord } from './job-records.js'
import { hasEnded } from './job-refusals.js'
import { KeptSlots } from './kept-slots.js'
import { MoveDesk } from './move-desk.js'
import { NodeDesk } from './node-desk.js'
import { NodeRegistry } from './node-registry.js'
import type { PlanModule } from './prepare-life.js'
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
  readonly planModule?: PlanModule
}

export class Coordinator {
  readonly events$ = new Subject<ClusterEvent>()
  readonly #parts: CoordinatorParts
  readonly #clock: Clock
  readonly #random: Random
  readonly #system: ActorSystem
  readonly #placement: ActorRef<PlacementMessage>
  readonly #jobs = new Map<string, ClusterJob>()
  readonly #ended = new EndedJobs()
  readonly #slots: SlotDesk
  readonly #nodes: NodeDesk
  readonly #moves: MoveDesk
  #registry!: NodeRegistry
  #stores!: CoordinatorStores
  #kept!: KeptSlots
  #cordons!: Cordons
  #listener!: Listener
  #clients!: ClientDesk
  #reactive!: ReactiveDesk
  #term = 0
  #sessions = 0
  /** Resolves when nodes of a former coordinator have let go of their work. */
  #settled: Promise<void> = Promise.resolve()
  #isStopping = false

  constructor(parts: CoordinatorParts) {
    this.#parts = parts
    this.#clock = parts.clock ?? systemClock
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
    this.#moves = new MoveDesk({
      clock: this.#clock,
      lackingFor: (wish, slots) => this.#lackingFor(wish, slots),
    })
    this.#nodes = new NodeDesk({
      slots: this.#slots,
      events$: this.events$,
      registry: () => this.#registry,
      cordons: () => this.#cordons,
      jobs: () => [...this.#jobs.values()],
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
        for (const job of this.#jobs.values()) job.peerLost(node, other)
      },
      evacuate: (node) => this.#nodes.vacate(node),
    })
    this.#clients = new ClientDesk(this, this.#clock)
    this.#reactive = new ReactiveDesk({
      clock: this.#clock,
      jobs: () => [...this.#jobs.values()],
      roomFor: (job) => this.#roomFor(job),
      adapt: (job, slots) => this.#adapt(job, slots),
    })
    // Numbers of no earlier coordinator, for slots that are adopted have some of it.
    this.#sessions = (this.#term % SESSION_TERMS) * SESSIONS_PER_TERM
    const recovered = records.map((record) => this.#expect(record))
    if (this.#term > 1) {
      this.#settled = new Promise((resolve) => this.#clock.after(SETTLE_MS, resolve))
    }
    try {
      this.#listener = await network.listen(address, {
        onControl: (link) => this.#acceptControl(link),
        onData: (link) => this.#acceptData(link),
      })
    } catch (error) {
      this.#closeDesks()
      throw error
    }
    for (const job of recovered) void this.#recover(job)
  }

  /** Jobs stop behind a checkpoint where they take any, and go on when the coordinator does. */
  async stop(): Promise<void> {
    if (this.#isStopping) return
    this.#isStopping = true
    this.#moves.close()
    const stopping = [...this.#jobs.values()].map(async (job) => {
      await job.suspend()
    })
    // What has not begun has nothing to stop.
    await Promise.allSettled(stopping)
    this.#closeDesks()
    this.#listener.close()
    await this.#system.stop()
    await this.#stores.close()
    this.events$.complete()
  }

  #closeDesks(): void {
    this.#clients.close()
    this.#reactive.close()
    this.#registry.close()
  }

  get #records(): Records {
    return this.#stores.records
  }

  // ---- jobs -----------------------------------------------------------------------------------

  get shelf(): Shelf {
    return this.#stores.shelf
  }

  jobs(): readonly JobView[] {
    // One that ended may be about to begin again.
    const ended = this.#ended.views.filter(({ id }) => !this.#jobs.has(id))
    return [...ended, ...[...this.#jobs.values()].map(({ view }) => view)]
  }

  job(id: string): ClusterJob {
    const job = this.#jobs.get(id)
    if (job !== undefined) return job
    const known = [...this.#jobs.keys()]
    const list = known.length === 0 ? 'no job runs' : `running: ${known.join(', ')}`
    const ended = this.#ended.view(id)
    throw new MillraceError(
      'E_NO_SUCH_JOB',
      ended === undefined
        ? `there is no job "${id}"; ${list}`
        : `job ${id} has ended (${ended.state})`,
    )
  }

  /** One that runs, or one of the last that have ended. */
  watched(id: string): ClusterJob {
    // One that ended may have begun again.
    return this.#jobs.get(id) ?? this.#ended.job(id) ?? this.job(id)
  }

  placementOf(id: string): readonly SlotView[] {
    return this.job(id).slots
  }

  /** `opened` is called before anything happens to the job. Resolves when it is planned. */
  async submit(
    id: string,
    bundle: BundleFacts,
    options: SubmitOptions,
    opened: (job: ClusterJob) => void,
  ): Promise<ClusterJob> {
    if (this.#isStopping) throw stopping()
    checkJobId(id)
    checkSubmit(options)
    if (this.jobs().some((view) => view.id === id)) throw exists(id)
    const pipeline = jobNameIn(id)
    const slots = options.parallelism ?? 1
    const record = { id, pipeline, bundle, options, slots, submittedMs: this.#clock.wallTime() }
    const job = this.#open(record)
    this.#jobs.set(id, job)
    try {
      opened(job)
      await this.#settled
      if (options.reactive !== undefined) {
        const { slots: room } = await this.#roomFor(job)
        job.beginWith(Math.max(1, room))
      }
      // Another coordinator may have the data already.
      if (this.#isStopping) throw stopping()
      checkGoesOn(job)
      await this.#records.save(job.record)
      checkGoesOn(job)
      this.events$.next({ kind: 'JobSubmitted', job: id, pipeline })
      await job.start(false)
      return job
    } catch (error) {
      // Where it was cancelled meanwhile, another one may have its id by now.
      const other = this.#jobs.get(id)
      if (other === job) this.#jobs.delete(id)
      if (other === job || other === undefined) await this.#records.remove(id)
      throw error
    }
  }

  /** It runs on until there is room: for `waitMs` at most. */
  async rescale(id: string, slots: number, waitMs = 0): Promise<void> {
    checkSlots(slots)
    checkWait(waitMs)
    const job = this.job(id)
    await this.#moves.whenRoom(job, job.wish, slots, waitMs)
    await job.move(slots)
    this.events$.next({ kind: 'JobRescaled', job: id, slots })
  }

  async #lackingFor(wish: SlotWish, slots: number): Promise<string | null> {
    return (await this.#slots.roomFor(wish, slots)).lacking
  }

  async #adapt(job: ClusterJob, slots: number): Promise<void> {
    await (job.takesSnapshots ? job.move(slots) : job.restart(slots))
    this.events$.next({ kind: 'JobRescaled', job: job.id, slots })
  }

  #roomFor(job: ClusterJob): Promise<Room> {
    const max = job.record.options.reactive?.maxParallelism ?? job.record.slots
    return this.#slots.roomFor(job.wish, max)
  }

  async move(id: string, placement: PlacementOptions | null): Promise<void> {
    if (placement !== null) checkPlacement(placement)
    const job = this.job(id)
    const { slots } = job.record
    if (placement !== null) {
      const waitMs = durationMs(placement.wait ?? 0, 'placement: wait', 0)
      await this.#moves.whenRoom(job, job.wishWith(placement), slots, waitMs)
    }
    await job.move(slots, placement ?? undefined)
  }

  /** A job of a former life. Nodes may come with slots of it from now on. */
  #expect(record: JobRecord): ClusterJob {
    const job = this.#open(record)
    this.#jobs.set(record.id, job)
    if (record.deployment != null) {
      job.waitsToBegin('what of it still runs')
      this.#kept.expect(record.id, record.deployment)
    }
    return job
  }

  /** What all is there goes on at once; what is not may run elsewhere until it has settled. */
  async #recover(job: ClusterJob): Promise<void> {
    await Promise.race([this.#settled, this.#kept.completed(job.id)])
    if (this.#isStopping || isEnded(job.state)) return
    this.events$.next({ kind: 'JobRecovered', job: job.id })
    await job.start(true).catch(() => {})
  }

  /** A job of a former life that could not begin: it is there until it can, or is cancelled. */
  #recoverLater({ record, view }: ClusterJob): void {
    const job = this.#expect(record)
    const again = `another try in ${RECOVER_AGAIN_MS / 1000} s`
    job.waitsToBegin(view.error === null ? again : `${again}: ${view.error}`)
    this.#clock.after(RECOVER_AGAIN_MS, () => {
      if (!isEnded(job.state)) void this.#recover(job)
    })
  }

  #open(record: JobRecord): ClusterJob {
    const { data, snapshots = join(data, 'snapshots') } = this.#parts
    const directory = join(snapshots, record.id)
    const job = new ClusterJob({
      record,
      term: this.#term,
      snapshots: directory,
      hasSnapshots: () => this.#stores.hasSnapshots(directory),
      lastRound: () => this.#stores.lastRound(directory),
      bundleFile: this.shelf.fileOf(record.bundle.sha256),
      ...(this.#parts.planModule !== undefined && { planModule: this.#parts.planModule }),
      world: {
        clock: this.#clock,
        random: this.#random,
        openStore: (place) => this.#stores.openSnapshots(place),
      },
      place: (...wanted) => this.#slots.place(...wanted),
      urlOf: (node) => this.#registry.urlOf(node),
      newSession: () => ++this.#sessions,
      lackingFor: (wish, slots) => this.#lackingFor(wish, slots),
      foundApart: (...found) => this.#slots.foundApart(...found),
      setUpFailed: (node, reason) => this.#comesLast(node, reason),
      onSlot: (slot) => this.#registry.addSlot(slot),
      onSlotEnded: (slot) => {
        this.#registry.removeSlot(slot)
        this.#slots.released(slot.ref)
        this.#nodes.slotEnded()
      },
      onWaits: (wanted) => this.events$.next({ kind: 'JobWaits', job: record.id, ...wanted }),
      save: (changed) => this.#records.save(changed),
      takeKept: () => this.#kept.take(record.id),
      onAdopted: () => this.events$.next({ kind: 'JobAdopted', job: record.id }),
    })
    job.done.then(
      () => this.#onEnded(job),
      () => this.#onEnded(job),
    )
    return job
  }

  /** What ends because the coordinator stops is to go on with the next one. */
  #onEnded(job: ClusterJob): void {
    this.#jobs.delete(job.id)
    void this.#kept.giveUp(job.id)
    this.#ended.add(job)
    const hasNotBegun = job.isRecovered && !job.hasRun && job.state === 'Failed'
    const waits = hasNotBegun && !job.isCancelled
    if (waits) this.#recoverLater(job)
    else if (!job.goesOn) void this.#records.remove(job.id)
    if (job.goesOn) this.events$.next({ kind: 'JobSuspended', job: job.id })
    else this.events$.next({ kind: 'JobEnded', job: job.id, state: job.state })
  }

  #comesLast(node: string, reason: string): void {
    this.#slots.setUpFailed(node, (forMs) =>
      this.events$.next({ kind: 'NodeInDoubt', node, reason, forMs }),
    )
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

/** Numbers of sessions fit 32 bits: so many of each coordinator, and of so many of them. */
const SESSIONS_PER_TERM = 2 ** 20
const SESSION_TERMS = 2 ** 12
/** Whatever kept a recovered job from running may have passed by then. */
const RECOVER_AGAIN_MS = 30_000

/** It may be cancelled while it waits. */
function checkGoesOn({ id, state }: ClusterJob): void {
  if (isEnded(state)) throw hasEnded(id)
}

const exists = (job: string): MillraceError =>
  new MillraceError('E_JOB_EXISTS', `there is a job ${job} already: it was submitted before`)

const stopping = (): MillraceError =>
  new MillraceError('E_STOPPING', 'the coordinator stops; submit the job when it runs again', {
    retryable: true,
  })
