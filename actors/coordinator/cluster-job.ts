/**
 * A job on a cluster: one identity over many lives. A life is a job as `run` makes it, on slots of
 * nodes; rescaling and evacuating begin another, from the last snapshot. So does the coordinator's own death,
 * but where all that ran is still there: then the life goes on under the next one.
 *
 * This is what is asked of it. `job-lives.ts` says how it stands in its lives, for all who change that:
 *
 *     life-beginning.ts   begins them, or takes over what still runs
 *     job-moves.ts        replaces one by the next, and goes back where there is no room
 *     job-stops.ts        ends them, and with them the job
 *     job-course.ts       tells of them, and says which end is that of the job
 *     job-books.ts        is what the next coordinator knows of it
 *     job-places.ts       is where its slots are, and which of them wait
 */
import type { Observable } from 'rxjs'
import type { Cancel } from '../../lib/base/clock.js'
import type { Plan } from '../../lib/graph/plan.js'
import type { JobState } from '../../lib/job/job-record.js'
import type { SlotWish } from '../../lib/placement/place.js'
import type { Ask } from '../../lib/supervision/strategy.js'
import type { Job, JobSummary, SnapshotSummary } from '../job/job.js'
import type { RunWorld } from '../job/launch.js'
import type { ClusterJobParts } from './cluster-job-parts.js'
import { JobBooks } from './job-books.js'
import { JobCourse } from './job-course.js'
import { JobLives } from './job-lives.js'
import { JobMoves } from './job-moves.js'
import { JobPlaces } from './job-places.js'
import type { JobRecord } from './job-records.js'
import { JobStops } from './job-stops.js'
import { viewOf } from './job-view.js'
import { LifeBeginning } from './life-beginning.js'
import type { JobNews, JobView, PlacementOptions, SlotView, StopSummary } from './protocol.js'
import { ResultTakers, type TakeResults } from './result-takers.js'
import { waitsText } from './slot-waits.js'
import { slotWishOf } from './slot-wish.js'

export class ClusterJob {
  readonly #books: JobBooks
  readonly #places: JobPlaces
  readonly #lives: JobLives
  readonly #course: JobCourse
  readonly #beginning: LifeBeginning
  readonly #moves: JobMoves
  readonly #stops: JobStops
  readonly #takers = new ResultTakers()
  /** Who is asked about its failures first: the last one that has said so. */
  #decider: Ask | null = null
  /** For people, of one that runs on until it can be moved; null: it is not known. */
  #waitsToMove: string | null = null

  constructor(parts: ClusterJobParts) {
    const world: RunWorld = {
      ...parts.world,
      ask: (failure) => this.#decider?.(failure) ?? null,
      deliver: (records) => this.#takers.deliver(records),
    }
    const books = new JobBooks(parts)
    const places = new JobPlaces(parts, (wanted) => {
      parts.onWaits(wanted)
      this.#stops.withdrawSnapshots(waitsText(wanted))
    })
    const lives = new JobLives(books, places)
    const course = new JobCourse(books, lives, parts)
    const beginning = new LifeBeginning(parts, { books, places, lives, course, world })
    const moves = new JobMoves(parts, { books, lives, course, beginning })
    this.#books = books
    this.#places = places
    this.#lives = lives
    this.#course = course
    this.#beginning = beginning
    this.#moves = moves
    this.#stops = new JobStops(parts, { books, places, lives, course, moves })
  }

  get id(): string {
    return this.#books.record.id
  }

  get record(): JobRecord {
    return this.#books.record
  }

  get state(): JobState {
    return this.#lives.state
  }

  get plan(): Plan | null {
    return this.#lives.plan
  }

  get done(): Promise<JobSummary> {
    return this.#course.done
  }

  /** Everything that is told of it; the last of what has happened and failed so far comes first. */
  get news$(): Observable<JobNews> {
    return this.#course.news$
  }

  get view(): JobView {
    return viewOf({
      books: this.#books,
      places: this.#places,
      lives: this.#lives,
      error: this.#course.error,
      waitsToMove: this.#waitsToMove,
    })
  }

  get slots(): readonly SlotView[] {
    return this.#places.slotsOf(this.plan)
  }

  /** Nodes that host it. */
  get nodes(): ReadonlySet<string> {
    return this.#places.nodes
  }

  get takesSnapshots(): boolean {
    return this.#books.takesSnapshots
  }

  /** Under the next coordinator: it ends because this one stops. */
  get goesOn(): boolean {
    return this.#lives.goesOn
  }

  /** It can be given other slots now. */
  get canMove(): boolean {
    return this.#moves.mayMove
  }

  /** Resolves when it is neither being moved nor being stopped. */
  get settled(): Promise<void> {
    return Promise.allSettled([this.#moves.settled, ...this.#lives.stops]).then(() => {})
  }

  /** What each of its slots asks of a node. */
  get wish(): SlotWish {
    return slotWishOf(this.#books.record)
  }

  /** As it would be with that placement. */
  wishWith(placement: PlacementOptions): SlotWish {
    const { record } = this.#books
    return slotWishOf({ ...record, options: { ...record.options, placement } })
  }

  /** Before it starts: what it waits for, for people. */
  waitsToBegin(waitsFor: string): void {
    this.#lives.waitsToBegin = waitsFor
  }

  /** It could not begin; the next try does after that time. */
  beginsAgain(error: Error, afterMs: number): void {
    const seconds = afterMs / 1000
    this.#lives.waitsToBegin = `another try in ${seconds} s: ${error.message}`
    this.#course.warn(`it could not begin, and is tried every ${seconds} s: ${error.message}`)
  }

  /** It runs on meanwhile. */
  waitsToMove(waitsFor: string | null): void {
    this.#waitsToMove = waitsFor
  }

  /** Before it starts: as many slots instead. */
  beginWith(slots: number): void {
    this.#books.beginWith(slots)
  }

  /** Rejects where it cannot be planned; then nothing has run. Does nothing where it has ended before. */
  async start(recovered: boolean): Promise<void> {
    const lives = this.#lives
    if (lives.endState !== null) return
    lives.waitsToBegin = null
    lives.isRecovered = recovered
    const life = await lives.begins(this.#beginFirst(recovered))
    if (life !== null) lives.plan = await life.plan
  }

  /** Where there is not even a life it could not begin either. */
  async #beginFirst(recovered: boolean): Promise<Job | null> {
    try {
      return await this.#beginning.beginFirst(recovered)
    } catch (error) {
      if (this.#lives.isTriedAgain) this.#course.couldNotBegin(error as Error)
      throw error
    }
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

  peerLost(node: string, other: string): void {
    this.#lives.peerLost(node, other)
  }

  async restartRegion(region: number): Promise<void> {
    return this.#lives.living().restartRegion(region)
  }

  /** Another life, with as many slots, from a new checkpoint where it runs, else from its last one. */
  async move(slots: number, placement?: PlacementOptions): Promise<void> {
    return this.#moves.move(slots, placement)
  }

  /** As `move`, of one that takes no checkpoints: it begins at the beginning. */
  async restart(slots: number): Promise<void> {
    return this.#moves.restart(slots)
  }

  async savepoint(directory: string): Promise<SnapshotSummary> {
    return this.#stops.savepoint(directory)
  }

  /** What waits for places, or has not run yet, ends at once, behind its last checkpoint. */
  async stop(directory: string | null): Promise<StopSummary> {
    return this.#stops.stop(directory)
  }

  /** Resolves when it is durable: whatever becomes of its lives, it ends with what is there done. */
  async drain(): Promise<void> {
    return this.#stops.drain()
  }

  /** At once, whatever it waits for. */
  async cancel(): Promise<void> {
    return this.#stops.cancel()
  }

  /** Ends under this coordinator, in order to go on under the next. */
  async suspend(): Promise<void> {
    return this.#stops.suspend()
  }
}
