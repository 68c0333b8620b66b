/**
 * A job on a cluster: one identity over many lives. A life is a job as `run` makes it, on slots of
 * nodes; rescaling and evacuating begin another, from the last snapshot. So does the coordinator's own death,
 * but where all that ran is still there: then the life goes on under the next one.
 */
import type { Observable } from 'rxjs'
import type { Cancel } from '../../lib/base/clock.js'
import { durationMs } from '../../lib/base/duration.js'
import { planHash } from '../../lib/graph/fingerprint.js'
import type { Plan } from '../../lib/graph/plan.js'
import { isEnded, type JobState } from '../../lib/job/job-record.js'
import {
  type LifeCounts,
  NO_LIVES,
  summed,
  takenOver,
  withLife,
} from '../../lib/job/life-counts.js'
import type { SlotWish } from '../../lib/placement/place.js'
import type { Failure } from '../../lib/supervision/failure.js'
import type { Ask } from '../../lib/supervision/strategy.js'
import type { Job, JobEvent, JobSummary, SnapshotSummary } from '../job/job.js'
import type { JobSnapshots } from '../job/job-rounds.js'
import { type FromBefore, launch } from '../job/launch.js'
import type { DeployedAttempts } from '../job/region-opening.js'
import type { Slot } from '../worker/protocol.js'
import type { ClusterJobParts } from './cluster-job-parts.js'
import { ClusterPool } from './cluster-pool.js'
import { endBehindCheckpoint } from './end-behind-checkpoint.js'
import { JobFeed } from './job-feed.js'
import type { JobRecord } from './job-records.js'
import {
  cannotMove,
  hasEnded,
  hasNoCheckpoint,
  hasNotBegun,
  isMoving,
  isStopping,
} from './job-refusals.js'
import { lifeOptions } from './life-options.js'
import { prepareLife } from './prepare-life.js'
import type { JobNews, JobView, PlacementOptions, SlotView } from './protocol.js'
import type { RemoteSlot } from './remote-slot.js'
import { ResultTakers, type TakeResults } from './result-takers.js'
import { SlotWaits } from './slot-waits.js'
import { slotWishOf } from './slot-wish.js'
import { summaryBeforeItBegan } from './summary-before-it-began.js'
import { type TookOver, takeOver } from './take-over.js'
import { whenRunning } from './when-running.js'

export class ClusterJob {
  readonly #parts: ClusterJobParts
  readonly #feed = new JobFeed()
  readonly #slots = new Set<RemoteSlot>()
  readonly #waits: SlotWaits
  readonly done: Promise<JobSummary>
  #settle!: { resolve(summary: JobSummary): void; reject(error: Error): void }
  #record: JobRecord
  #life: Job | null = null
  #lives = 0
  #pool: ClusterPool | null = null
  #restarts = 0
  #plan: Plan | null = null
  readonly #takers = new ResultTakers()
  /** It stops in order to begin again. */
  #isMoving = false
  /** Stops that were asked for and are under way: none of them may end a life that another follows. */
  readonly #stops = new Set<Promise<unknown>>()
  /** The life that makes room for the next: its end is not that of the job. */
  #replaced: Job | null = null
  #isRecovered = false
  #hasRun = false
  #moving: Promise<void> = Promise.resolve()
  /** Resolves when no life is about to begin, or to make room for one. */
  #beginning: Promise<unknown> = Promise.resolve()
  #isCancelled = false
  /** Its coordinator stops, and it goes on with the next one. */
  #isSuspended = false
  #error: string | null = null
  /** For people; null: it is not known, or it has begun. */
  #waitsToBegin: string | null = null
  #endState: JobState | null = null
  /** Who is asked about its failures first: the last one that has said so. */
  #decider: Ask | null = null

  constructor(parts: ClusterJobParts) {
    this.#parts = parts
    this.#record = parts.record
    this.#restarts = parts.record.restarts ?? 0
    this.#waits = new SlotWaits((wanted) => parts.onWaits(wanted))
    this.done = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
    this.done.catch(() => {})
  }

  get id(): string {
    return this.#record.id
  }

  get record(): JobRecord {
    return this.#record
  }

  get #before(): LifeCounts {
    return this.#record.before ?? NO_LIVES
  }

  get state(): JobState {
    return this.#endState ?? (this.#isMoving ? 'Restarting' : (this.#life?.state ?? 'Created'))
  }

  get plan(): Plan | null {
    return this.#plan
  }

  /** Everything that is told of it; the last of what has happened and failed so far comes first. */
  get news$(): Observable<JobNews> {
    return this.#feed.news$
  }

  get view(): JobView {
    const { id, pipeline, slots, submittedMs } = this.#record
    return {
      id,
      pipeline,
      state: this.state,
      slots,
      restarts: this.#restarts,
      sinceMs: submittedMs,
      waitsFor: isEnded(this.state) ? null : this.#waitsFor,
      error: this.#error,
    }
  }

  get #waitsFor(): string | null {
    const begins = this.#isMoving ? 'its next life to begin' : null
    return this.#waits.text ?? this.#waitsToBegin ?? begins
  }

  get slots(): readonly SlotView[] {
    const chainsOf = (slot: number) =>
      (this.#plan?.chains ?? []).flatMap(({ name, parallelism }) =>
        parallelism > slot ? [name] : [],
      )
    return [...this.#slots]
      .map(({ index, place }) => ({
        slot: index,
        node: place?.node ?? null,
        chains: chainsOf(index),
      }))
      .toSorted((a, b) => a.slot - b.slot)
  }

  /** Nodes that host it. */
  get nodes(): ReadonlySet<string> {
    return new Set([...this.#slots].flatMap(({ place }) => (place === null ? [] : [place.node])))
  }

  get takesSnapshots(): boolean {
    return this.#record.options.checkpoint !== false
  }

  /** Goes on from what a former coordinator left. */
  get isRecovered(): boolean {
    return this.#isRecovered
  }

  /** Under this coordinator. */
  get hasRun(): boolean {
    return this.#hasRun
  }

  /** By someone, under this coordinator. */
  get isCancelled(): boolean {
    return this.#isCancelled
  }

  /** Before it starts: what it waits for, for people. */
  waitsToBegin(waitsFor: string): void {
    this.#waitsToBegin = waitsFor
  }

  /** Before it starts: as many slots instead. */
  beginWith(slots: number): void {
    this.#record = { ...this.#record, slots }
  }

  /** Rejects where it cannot be planned; then nothing has run. Does nothing where it has ended before. */
  async start(recovered: boolean): Promise<void> {
    if (this.#endState !== null) return
    this.#waitsToBegin = null
    this.#isRecovered = recovered
    const beginning = this.#beginFirst(recovered)
    this.#beginning = beginning.catch(() => {})
    const life = await beginning
    if (life !== null) this.#plan = await life.plan
  }

  async #beginFirst(recovered: boolean): Promise<Job | null> {
    const before = this.#before
    // Whether that life has ended turns out when it is taken over.
    const mayGoOn = this.#record.deployment != null
    if (recovered && !mayGoOn) await this.#remember(takenOver(before))
    const life = await this.#begin(recovered)
    // The next coordinator takes over what this one has found.
    if (this.#isSuspended && life === null && recovered && !mayGoOn) await this.#remember(before)
    return life
  }

  /** Nothing of it runs. What cannot be kept is not counted, which is no reason to stop. */
  async #remember(before: LifeCounts): Promise<void> {
    this.#record = { ...this.#record, before, restarts: this.#restarts, deployment: null }
    await this.#parts.save(this.#record).catch(() => {})
  }

  /** Of the life before, which died with its coordinator, if it did not go on without. */
  async #takeOver(
    pool: ClusterPool,
    plan: Plan,
    snapshots: JobSnapshots | null,
    note: (text: string) => void,
  ): Promise<FromBefore> {
    const { deployment = null, failures: kept = null } = this.#record
    const failures = kept?.plan === planHash(plan) ? kept : null
    if (deployment === null) return { taken: null, failures }
    const places = this.#parts.takeKept()
    const outcome: TookOver =
      places === null
        ? { kind: 'refused', reason: 'not all of its nodes are back' }
        : await takeOver({ deployment, plan, snapshots, pool, places })
    if (outcome.kind === 'taken') {
      this.#parts.onAdopted()
      return { taken: { ...outcome.taken, run: deployment.run }, failures }
    }
    note(`what ran under the coordinator before begins again: ${outcome.reason}`)
    await this.#remember(takenOver(this.#before))
    return { taken: null, failures }
  }

  /** Resolves when it is durable. */
  async #deployed(
    life: Job,
    { failures, ...present }: DeployedAttempts,
    slots: readonly Slot[],
  ): Promise<void> {
    if (life !== this.#life || this.#endState !== null) return
    const places = slots.map((slot) => {
      const { ref, place } = slot as RemoteSlot
      return { ref, node: place?.node ?? '' }
    })
    const deployment = { ...present, slots: places }
    this.#record = { ...this.#record, failures, restarts: this.#restarts, deployment }
    await this.#parts.save(this.#record)
  }

  /** From now on this one is asked about failures, before the job's options decide. */
  decidedBy(ask: Ask): Cancel {
    this.#decider = ask
    return () => {
      if (this.#decider === ask) this.#decider = null
    }
  }

  /** From now on what its sinks publish is given to this one, too. */
  publishTo(take: TakeResults): Cancel {
    return this.#takers.add(take)
  }

  /** It can be given other slots now. */
  get canMove(): boolean {
    const isFree = !this.#isMoving && !this.#isSuspended && this.#stops.size === 0
    return this.#life !== null && isFree && !isEnded(this.state)
  }

  /** Resolves when it is neither being moved nor being stopped. */
  get settled(): Promise<void> {
    return Promise.allSettled([this.#moving, ...this.#stops]).then(() => {})
  }

  async restartRegion(region: number): Promise<void> {
    return this.#living().restartRegion(region)
  }

  /** At once, whatever it waits for. A life that makes room for the next is followed by none then. */
  async cancel(): Promise<void> {
    this.#isCancelled = true
    if (this.#life === null) return this.#endBeforeItBegan()
    await this.#life.cancel()
    await this.#moving
  }

  /** Durable, so that it drains whatever becomes of its lives: each is drained as soon as it runs. */
  async drain(): Promise<void> {
    if (isEnded(this.state)) throw hasEnded(this.id)
    this.#record = { ...this.#record, drains: true }
    await this.#parts.save(this.#record)
    this.#drainLife()
    await this.done.catch(() => {})
  }

  #drainLife(): void {
    const life = this.#life
    if (this.#record.drains === true && life?.state === 'Running') void life.drain()
  }

  /**
   * Ends under this coordinator, in order to go on under the next: behind a checkpoint where it takes any.
   * For whoever follows it that is no end.
   */
  async suspend(): Promise<void> {
    this.#isSuspended = true
    await this.#beginning
    const life = this.#life
    if (life === null) return
    const stop = async () => (this.takesSnapshots ? this.#endBehindCheckpoint(life) : life.cancel())
    await stop().catch(() => life.cancel())
    const summary = await life.done.catch(() => null)
    if (summary === null || summary.state === 'Finished') return
    if (this.#hasRun) await this.#remember(withLife(this.#before, summary, true))
    // One that has only been planned has not lived; one that was not even that may be forgotten by now.
    else if (this.#plan !== null) await this.#remember({ ...this.#before, isAtRest: true })
  }

  async savepoint(directory: string): Promise<SnapshotSummary> {
    return this.#living().savepoint(directory)
  }

  async stop(directory: string | null): Promise<SnapshotSummary> {
    if (this.#isBefore) return this.#stopBefore(directory)
    const life = this.#living()
    if (this.#isMoving) throw isMoving(this.id)
    const stop = directory === null ? life.stop() : life.stop(directory)
    this.#stops.add(stop)
    const isOver = () => this.#stops.delete(stop)
    stop.then(isOver, isOver)
    return stop
  }

  /** Nothing of it has run under this coordinator, so that no snapshot can be taken. */
  get #isBefore(): boolean {
    return !isEnded(this.state) && !this.#hasRun && (this.#life === null || this.#isRecovered)
  }

  /** It ends behind its last checkpoint, as that lies there: what that has prepared is for whoever restores it. */
  async #stopBefore(directory: string | null): Promise<SnapshotSummary> {
    if (directory !== null) throw hasNotBegun(this.id)
    const round = this.takesSnapshots ? await this.#parts.lastRound() : 0
    if (!this.#isBefore) return this.stop(directory)
    if (round === 0) throw hasNoCheckpoint(this.id)
    await this.cancel()
    return { round, directory: this.#parts.snapshots, durationMs: 0 }
  }

  /** Another life, with as many slots, from a new checkpoint where it runs, else from its last one. */
  async move(slots: number, placement?: PlacementOptions): Promise<void> {
    if (!this.takesSnapshots) throw cannotMove(this.id)
    await this.#replace(slots, async (life) => {
      await this.#endBehindCheckpoint(life)
      if (placement !== undefined) this.#place(placement)
    })
  }

  #endBehindCheckpoint(life: Job): Promise<void> {
    return endBehindCheckpoint(life, this.#waits.text === null)
  }

  /** As `move`, of one that takes no checkpoints: it begins at the beginning. */
  async restart(slots: number): Promise<void> {
    await this.#replace(slots, (life) => life.cancel())
  }

  async #replace(slots: number, end: (life: Job) => Promise<void>): Promise<void> {
    const life = this.#living()
    if (this.#isMoving || this.#isSuspended) throw isMoving(this.id)
    if (this.#stops.size > 0) throw isStopping(this.id)
    this.#isMoving = true
    const beginning = this.#replaceLife(life, slots, end)
    this.#beginning = beginning.catch(() => {})
    const replacing = beginning
      .then((next) => this.#arrive(next))
      .finally(() => {
        this.#isMoving = false
      })
    this.#moving = replacing.catch(() => {})
    await replacing
  }

  /**
   * Where the life cannot be ended it goes on; where no other can begin, the job has failed. Null where none
   * is to begin: it has finished or was cancelled meanwhile; or its coordinator stops, then the life has ended
   * for that, and is not counted yet.
   */
  async #replaceLife(
    life: Job,
    slots: number,
    end: (life: Job) => Promise<void>,
  ): Promise<Job | null> {
    const before = this.#before
    this.#replaced = life
    const summary = await this.#endLife(life, end)
    try {
      if (summary.state !== 'Finished' && !this.#isCancelled) {
        const counted = withLife(before, summary, false)
        const restarts = this.#restarts
        this.#record = {
          ...this.#record,
          slots,
          before: counted,
          restarts,
          failures: null,
          deployment: null,
        }
        await this.#parts.save(this.#record)
        const next = await this.#begin(true)
        if (next !== null) return next
        this.#record = { ...this.#record, before }
      }
      this.#replaced = null
      this.#onDone(life, summary, null)
      return null
    } catch (error) {
      this.#replaced = null
      // As above: whoever goes on with it counts the life that has ended.
      if (life === this.#life) {
        this.#record = { ...this.#record, before }
        this.#onDone(life, null, error as Error)
      }
      throw error
    }
  }

  /** Rejects where it could not be ended so: it goes on, or has ended otherwise, and the job with it. */
  async #endLife(life: Job, end: (life: Job) => Promise<void>): Promise<JobSummary> {
    try {
      await end(life)
      return await life.done
    } catch (error) {
      this.#replaced = null
      // That it was stopped or cancelled by others is no failure.
      const summary = isEnded(life.state) ? await life.done.catch(() => null) : null
      if (summary !== null) this.#onDone(life, summary, null)
      throw error
    }
  }

  peerLost(node: string, other: string): void {
    this.#pool?.peerLost(node, other)
  }

  #place(placement: PlacementOptions): void {
    const { options } = this.#record
    this.#record = { ...this.#record, options: { ...options, placement } }
  }

  /** Resolves when it runs. Where none has begun, it runs so under the next coordinator. */
  async #arrive(next: Job | null): Promise<void> {
    if (next === null) {
      if (this.#isSuspended) return
      throw hasEnded(this.id)
    }
    this.#plan = await next.plan
    await whenRunning(next)
  }

  /** Null: its coordinator stops, or it was cancelled, and nothing begins any more. */
  async #begin(goesOn: boolean): Promise<Job | null> {
    const { record, snapshots, hasSnapshots, bundleFile, term } = {
      ...this.#parts,
      record: this.#record,
    }
    const { options, slots } = record
    const restore =
      goesOn && this.takesSnapshots && (await hasSnapshots()) ? 'latest' : options.restore
    if (this.#isSuspended || this.#isCancelled) return null
    const runOptions = lifeOptions(record, snapshots, restore)
    const pool = this.#openPool(`${record.id}/${term}.${this.#lives++}`, slots)
    this.#pool = pool
    const world = {
      ...this.#parts.world,
      ask: (failure: Failure) => this.#decider?.(failure) ?? null,
      deliver: (records: readonly unknown[]) => this.#takers.deliver(records),
    }
    const prepare = () =>
      prepareLife({
        record,
        runOptions,
        bundleFile,
        planModule: this.#parts.planModule,
        pool,
        takeOver: (...what) => this.#takeOver(pool, ...what),
        deployed: (...what) => this.#deployed(life, ...what),
      })
    const life: Job = launch(record.pipeline, runOptions, world, prepare, record.id)
    this.#life = life
    this.#follow(life)
    return life
  }

  /** What each of its slots asks of a node. */
  get wish(): SlotWish {
    return slotWishOf(this.#record)
  }

  #openPool(life: string, size: number): ClusterPool {
    const { place, onSlot, onSlotEnded, urlOf, newSession, foundApart, setUpFailed } = this.#parts
    const { wait = '5m' } = this.#record.options.placement ?? {}
    const { wish } = this
    return new ClusterPool({
      size,
      life,
      stallMs: this.#record.options.stallMs ?? null,
      place: (slot, note) => {
        const placing = place(slot.ref, wish, durationMs(wait, 'placement: wait'), (missing) => {
          this.#waits.waits(slot.ref, missing)
          note(`slot ${slot.index} of job ${this.id} waits for a place: ${missing}`)
        })
        const isOver = () => this.#waits.isOver(slot.ref)
        placing.then(isOver, isOver)
        return placing
      },
      urlOf,
      newSession,
      setUpFailed,
      foundApart: (pair, leave) => foundApart(pair, wish, leave),
      onSlot: (slot) => {
        this.#slots.add(slot)
        onSlot(slot)
      },
      onEnded: (slot) => {
        this.#slots.delete(slot)
        this.#waits.isOver(slot.ref)
        onSlotEnded(slot)
      },
    })
  }

  #follow(life: Job): void {
    this.#feed.follow(life, (event) => this.#onEvent(life, event))
    life.done.then(
      (summary) => this.#onDone(life, summary, null),
      (error: Error) => this.#onDone(life, null, error),
    )
  }

  #onEvent(life: Job, event: JobEvent): void {
    if (life !== this.#life) return
    if (event.kind === 'RegionRestarting' || event.kind === 'SubtaskReplacing') this.#restarts++
    if (event.kind === 'StateChanged' && event.to === 'Running') {
      this.#hasRun = true
      this.#drainLife()
    }
    // That a life ends in order to make room for the next is no end of the job.
    const isNoEnd = this.#isMoving || this.#isSuspended
    if (isNoEnd && event.kind === 'StateChanged' && event.to !== 'Running') return
    this.#feed.event(event)
  }

  #onDone(life: Job, summary: JobSummary | null, error: Error | null): void {
    const makesRoom = life === this.#replaced && error === null
    if (life !== this.#life || makesRoom || this.#endState !== null) return
    this.#endState = error === null ? life.state : 'Failed'
    // It is tried again from where it was.
    if (error !== null && this.#isRecovered && !this.#hasRun) {
      const drains = this.#record.drains === true && ({ drains: true } as const)
      const restarts = this.#restarts
      this.#record = { ...this.#parts.record, ...drains, restarts, deployment: null }
    }
    this.#feed.unfollow()
    const goesOn = this.#isSuspended && this.#endState !== 'Finished'
    if (error !== null) {
      this.#error = error.message
      if (!goesOn) this.#feed.failed(error)
      this.#settle.reject(error)
    } else {
      const whole = { ...summed(summary!, this.#before), restarts: this.#restarts }
      if (!goesOn) this.#feed.done(whole)
      this.#settle.resolve(whole)
    }
    this.#feed.complete()
  }

  /** Nothing of it runs, so that nothing has to be waited for. */
  #endBeforeItBegan(): void {
    if (this.#endState !== null) return
    this.#endState = 'Cancelled'
    const summary = summaryBeforeItBegan(this.#record)
    this.#feed.done(summary)
    this.#settle.resolve(summary)
    this.#feed.complete()
  }

  #living(): Job {
    if (isEnded(this.state)) throw hasEnded(this.id)
    if (this.#life === null) throw hasNotBegun(this.id)
    return this.#life
  }
}
