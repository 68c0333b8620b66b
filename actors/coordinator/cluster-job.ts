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
import { type FromBefore, type LaunchedJob, launch } from '../job/launch.js'
import type { DeployedAttempts } from '../job/region-opening.js'
import type { Slot } from '../worker/protocol.js'
import type { ClusterJobParts } from './cluster-job-parts.js'
import { ClusterPool } from './cluster-pool.js'
import { endBehindCheckpoint } from './end-behind-checkpoint.js'
import { JobFeed } from './job-feed.js'
import type { JobRecord } from './job-records.js'
import {
  cannotMove,
  coordinatorStops,
  hasEnded,
  hasNoCheckpoint,
  hasNotBegun,
  isMoving,
  isStopping,
  replaced,
  waitsForPlaces,
  wentBack,
} from './job-refusals.js'
import { lifeOptions } from './life-options.js'
import { Move } from './move.js'
import { prepareLife } from './prepare-life.js'
import type {
  JobNews,
  JobView,
  PlacementOptions,
  SlotsWanted,
  SlotView,
  StopSummary,
} from './protocol.js'
import type { RemoteSlot } from './remote-slot.js'
import { ResultTakers, type TakeResults } from './result-takers.js'
import { SlotWaits, waitsText } from './slot-waits.js'
import { slotWishOf } from './slot-wish.js'
import { summaryBeforeItBegan } from './summary-before-it-began.js'
import { type TookOver, takeOver } from './take-over.js'
import { whenRoomIsLost } from './when-room-is-lost.js'
import { whenRunning } from './when-running.js'

export class ClusterJob {
  readonly #parts: ClusterJobParts
  readonly #feed = new JobFeed()
  readonly #slots = new Set<RemoteSlot>()
  readonly #waits: SlotWaits
  readonly done: Promise<JobSummary>
  #settle!: { resolve(summary: JobSummary): void; reject(error: Error): void }
  #record: JobRecord
  #life: LaunchedJob | null = null
  #lives = 0
  #pool: ClusterPool | null = null
  #restarts = 0
  #plan: Plan | null = null
  readonly #takers = new ResultTakers()
  /** It stops in order to begin again; null: it does not. */
  #move: Move | null = null
  /** Stops that were asked for and are under way: none of them may end a life that another follows. */
  readonly #stops = new Set<Promise<unknown>>()
  /** The life that makes room for the next: its end is not that of the job. */
  #replaced: Job | null = null
  #isRecovered = false
  /** Lives that have run under this coordinator: others count for nothing. */
  readonly #ran = new WeakSet<Job>()
  #hasRun = false
  /** How many slots whoever follows it knows of. */
  #toldSlots: number
  #moving: Promise<void> = Promise.resolve()
  /** Resolves when no life is about to begin, or to make room for one. */
  #beginning: Promise<unknown> = Promise.resolve()
  #isCancelled = false
  /** Its coordinator stops, and it goes on with the next one. */
  #isSuspended = false
  #error: string | null = null
  /** For people; null: it is not known, or it has begun. */
  #waitsToBegin: string | null = null
  /** As above, of one that runs on until it can be moved. */
  #waitsToMove: string | null = null
  #endState: JobState | null = null
  /** Who is asked about its failures first: the last one that has said so. */
  #decider: Ask | null = null

  constructor(parts: ClusterJobParts) {
    this.#parts = parts
    this.#record = parts.record
    this.#toldSlots = parts.record.slots
    this.#restarts = parts.record.restarts ?? 0
    this.#waits = new SlotWaits((wanted) => this.#onWaits(wanted))
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
    return this.#endState ?? (this.#move !== null ? 'Restarting' : (this.#life?.state ?? 'Created'))
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
    const moves = this.#move === null ? this.#waitsToMove : 'its next life to begin'
    return this.#waits.text ?? this.#waitsToBegin ?? moves
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

  /** Under the next coordinator: it ends because this one stops. */
  get goesOn(): boolean {
    const isOver = this.#endState === 'Finished' || this.#isCancelled
    return this.#isSuspended && !isOver
  }

  /** By someone, under this coordinator. */
  get isCancelled(): boolean {
    return this.#isCancelled
  }

  /** Before it starts: what it waits for, for people. */
  waitsToBegin(waitsFor: string): void {
    this.#waitsToBegin = waitsFor
  }

  /** It runs on meanwhile. */
  waitsToMove(waitsFor: string | null): void {
    this.#waitsToMove = waitsFor
  }

  /** Before it starts: as many slots instead. */
  beginWith(slots: number): void {
    this.#record = { ...this.#record, slots }
    this.#toldSlots = slots
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
    // From now on it has as many, whatever was asked for before.
    const { size } = this.#pool!
    this.#record = { ...this.#record, slots: size, failures, restarts: this.#restarts, deployment }
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
    const isFree = this.#isReplaceable && !this.#isSuspended && this.#stops.size === 0
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
    // Whatever holds it up: a life that is to be waited for no longer ends behind the checkpoint before.
    const { clock } = this.#parts.world
    const waitNoLonger = clock.after(SUSPEND_MS, () => void this.#life?.cancel())
    try {
      await this.#suspendLife()
    } finally {
      waitNoLonger()
    }
  }

  async #suspendLife(): Promise<void> {
    await this.#beginning
    const life = this.#life
    if (life === null) return
    const stop = async () => (this.takesSnapshots ? this.#endBehindCheckpoint(life) : life.cancel())
    await stop().catch(() => life.cancel())
    const summary = await life.done.catch(() => null)
    if (summary === null || summary.state === 'Finished') return
    if (this.#ran.has(life)) await this.#remember(withLife(this.#before, summary, true))
    // One that has only been planned has not lived; one that was not even that may be forgotten by now.
    else if (this.#plan !== null) await this.#remember({ ...this.#before, isAtRest: true })
  }

  async savepoint(directory: string): Promise<SnapshotSummary> {
    const life = this.#living()
    if (this.#lacksPlaces) throw waitsForPlaces(this.id, this.#waits.text!)
    return life.savepoint(directory)
  }

  /** What waits for places, or has not run yet, ends at once, behind its last checkpoint. */
  async stop(directory: string | null): Promise<StopSummary> {
    if (this.#isBefore || this.#lacksPlaces) return this.#stopBehindLast(directory)
    const life = this.#living()
    if (this.#move !== null) throw isMoving(this.id)
    const stop = directory === null ? life.stop() : life.stop(directory)
    this.#stops.add(stop)
    const isOver = () => this.#stops.delete(stop)
    stop.then(isOver, isOver)
    try {
      return { ...(await stop), isEarlier: false }
    } catch (error) {
      // It has lost slots before it could: as if it were asked for now.
      if (directory !== null || !this.#lacksPlaces) throw error
      return this.#stopBehindLast(null)
    }
  }

  /** It has asked for places, and not all that it needs are there. */
  get #lacksPlaces(): boolean {
    return this.#waits.text !== null && this.#life?.state !== 'Running'
  }

  #onWaits(wanted: SlotsWanted): void {
    this.#parts.onWaits(wanted)
    if (!this.#lacksPlaces) return
    this.#life?.withdrawSnapshots(waitsForPlaces(this.id, waitsText(wanted)))
  }

  /** Nothing of it has run under this coordinator, so that no snapshot can be taken. */
  get #isBefore(): boolean {
    return !isEnded(this.state) && !this.#hasRun && (this.#life === null || this.#isRecovered)
  }

  /** It ends behind its last checkpoint, as that lies there: what that has prepared is for whoever restores it. */
  async #stopBehindLast(directory: string | null): Promise<StopSummary> {
    const waitsFor = this.#waits.text
    if (directory !== null) {
      throw this.#isBefore ? hasNotBegun(this.id, waitsFor) : waitsForPlaces(this.id, waitsFor!)
    }
    const round = this.takesSnapshots ? await this.#parts.lastRound() : 0
    if (!this.#isBefore && !this.#lacksPlaces) return this.stop(directory)
    if (round === 0) throw hasNoCheckpoint(this.id, waitsFor)
    await this.cancel()
    return { round, directory: this.#parts.snapshots, durationMs: 0, isEarlier: true }
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
    if (!this.#isReplaceable || this.#isSuspended) throw isMoving(this.id)
    if (this.#stops.size > 0) throw isStopping(this.id)
    const move = new Move(slots)
    this.#move?.giveUp(replaced(this.id))
    this.#move = move
    const beginning = this.#replaceLife(life, slots, end)
    this.#beginning = beginning.catch(() => {})
    const moving = beginning
      .then((next) => this.#arrive(next, move))
      .finally(() => {
        if (this.#move === move) this.#move = null
      })
    this.#moving = moving.catch(() => {})
    await Promise.race([moving, move.givenUp])
  }

  /** A move that waits for places is given up for a later one. */
  get #isReplaceable(): boolean {
    return this.#move === null || (this.#move.isArriving && this.#lacksPlaces)
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
      if (summary?.state !== 'Finished' && !this.#isCancelled) {
        const hasRun = summary !== null && this.#ran.has(life)
        const counted = hasRun ? withLife(before, summary, false) : before
        const restarts = this.#restarts
        // How many slots it has is another number when it has got them.
        this.#record = {
          ...this.#record,
          before: counted,
          restarts,
          failures: null,
          deployment: null,
        }
        await this.#parts.save(this.#record)
        const next = await this.#begin(true, slots)
        if (next !== null) return next
        this.#record = { ...this.#record, before }
      }
      await this.#endWith(life)
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

  /** What has ended it has ended the job. */
  async #endWith(life: Job): Promise<void> {
    this.#replaced = null
    await life.done.then(
      (summary) => this.#onDone(life, summary, null),
      (error: Error) => this.#onDone(life, null, error),
    )
  }

  /**
   * Rejects where it could not be ended so: it goes on, or has ended otherwise, and the job with it. Null where it
   * had failed before it had its places.
   */
  async #endLife(life: Job, end: (life: Job) => Promise<void>): Promise<JobSummary | null> {
    try {
      await end(life)
      return await life.done
    } catch (error) {
      if (this.#isOnTrial && isEnded(life.state)) return null
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

  /** Resolves when it runs. Where it could not begin with as many slots as it should, it goes back. */
  async #arrive(next: Job | null, move: Move): Promise<void> {
    if (next === null) return this.#checkArrival(next, move)
    move.isArriving = true
    const lost = await this.#whyItIsLost(next)
    // Another move has come in between.
    if (this.#move !== move) return
    if (lost === null) return this.#checkArrival(next, move)
    if (!this.#isOnTrial || this.#mayNotBegin) {
      if (this.#replaced === next) await this.#endWith(next)
      throw lost
    }
    move.isArriving = false
    const had = this.#record.slots
    const back = await this.#goBack(next, had)
    move.giveUp(wentBack(this.id, move.slots, had, lost))
    move.isArriving = true
    if (back !== null) await this.#untilItRuns(back)
  }

  /** Null when it runs, or has ended for other reasons. */
  async #whyItIsLost(next: Job): Promise<Error | null> {
    let lost: Error | null = null
    const stopWatch = this.#watchTrial((reason) => {
      lost = reason
      this.#replaced = next
      void next.cancel()
    })
    try {
      await this.#untilItRuns(next)
      return lost
    } catch (error) {
      return lost ?? (error as Error)
    } finally {
      stopWatch()
    }
  }

  async #untilItRuns(life: Job): Promise<void> {
    const plan = await life.plan
    if (life === this.#life) this.#plan = plan
    await whenRunning(life)
  }

  /** Where none has run, the next coordinator goes on with the slots that it had. */
  #checkArrival(next: Job | null, { slots }: Move): void {
    if (next !== null && this.#ran.has(next)) return
    if (!this.#isSuspended) throw hasEnded(this.id)
    if (slots !== this.#record.slots) throw coordinatorStops(this.id, this.#record.slots)
  }

  /** The present life has begun with another number of slots than the job had, and has not got them yet. */
  get #isOnTrial(): boolean {
    return this.#pool !== null && this.#pool.size !== this.#record.slots
  }

  get #mayNotBegin(): boolean {
    return this.#isSuspended || this.#isCancelled
  }

  #watchTrial(lose: (reason: Error) => void): Cancel {
    if (!this.#isOnTrial) return () => {}
    const { world, lackingFor } = this.#parts
    const { size } = this.#pool!
    const life = this.#life
    const trial = {
      clock: world.clock,
      isOver: () => life !== this.#life || !this.#isOnTrial,
      waits: () => this.#lacksPlaces,
      lacking: () => lackingFor(this.wish, size),
    }
    return whenRoomIsLost(trial, lose)
  }

  /** From the same checkpoint: what had begun has not run. Null: nothing begins any more. */
  async #goBack(trial: Job, slots: number): Promise<Job | null> {
    const beginning = this.#replaceTrial(trial, slots)
    this.#beginning = beginning.catch(() => {})
    return beginning
  }

  async #replaceTrial(trial: Job, slots: number): Promise<Job | null> {
    this.#replaced = trial
    await trial.cancel()
    const next = await this.#begin(true, slots)
    if (next === null) await this.#endWith(trial)
    return next
  }

  /** Null: its coordinator stops, or it was cancelled, and nothing begins any more. */
  async #begin(goesOn: boolean, slots = this.#record.slots): Promise<LaunchedJob | null> {
    const { record, snapshots, hasSnapshots, bundleFile, term } = {
      ...this.#parts,
      record: { ...this.#record, slots },
    }
    const { options } = record
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
    const life: LaunchedJob = launch(record.pipeline, runOptions, world, prepare, record.id)
    this.#life = life
    this.#follow(life)
    return life
  }

  /** What each of its slots asks of a node. */
  get wish(): SlotWish {
    return slotWishOf(this.#record)
  }

  /** As it would be with that placement. */
  wishWith(placement: PlacementOptions): SlotWish {
    const { options } = this.#record
    return slotWishOf({ ...this.#record, options: { ...options, placement } })
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
          const isNew = this.#waits.waits(slot.ref, missing)
          if (isNew) note(`job ${this.id} waits for a place: ${missing}`)
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
      this.#onRunning(life, event)
      return
    }
    // That a life ends in order to make room for the next is no end of the job.
    const isNoEnd = this.#move !== null || this.#isSuspended
    if (isNoEnd && event.kind === 'StateChanged') return
    this.#feed.event(event)
  }

  /** A life that follows others begins where the job was. */
  #onRunning(life: Job, event: JobEvent & { readonly kind: 'StateChanged' }): void {
    const isFirst = !this.#hasRun
    this.#hasRun = true
    this.#ran.add(life)
    const { slots } = this.#record
    const had = this.#toldSlots
    this.#toldSlots = slots
    if (slots !== had) this.#feed.event({ kind: 'Rescaled', atMs: event.atMs, slots, had })
    const goesOn = !isFirst && event.from === 'Created'
    this.#feed.event(goesOn ? { ...event, from: 'Restarting' } : event)
    this.#drainLife()
  }

  #onDone(life: Job, summary: JobSummary | null, error: Error | null): void {
    const makesRoom = life === this.#replaced && error === null
    // Another one follows, with as many slots as it had.
    const goesBack = error !== null && this.#isOnTrial && !this.#mayNotBegin
    if (life !== this.#life || makesRoom || goesBack || this.#endState !== null) return
    this.#endState = error === null ? life.state : 'Failed'
    // It is tried again from where it was.
    if (error !== null && this.#isRecovered && !this.#hasRun) {
      const drains = this.#record.drains === true && ({ drains: true } as const)
      const restarts = this.#restarts
      this.#record = { ...this.#parts.record, ...drains, restarts, deployment: null }
    }
    this.#feed.unfollow()
    const { goesOn } = this
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
    if (this.#life === null) throw hasNotBegun(this.id, this.#waitsToBegin)
    return this.#life
  }
}

/** So long the jobs of a coordinator that stops have for a last checkpoint; then the one before has to do. */
const SUSPEND_MS = 20_000
