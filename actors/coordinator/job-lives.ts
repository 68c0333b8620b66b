/**
 * How a job stands in its lives: which is the present one, what is to follow it, and what was asked of the job
 * for good. Begun by `life-beginning.ts`, replaced by `job-moves.ts`, ended by `job-stops.ts`.
 */
import type { Plan } from '../../lib/graph/plan.js'
import { isEnded, type JobState } from '../../lib/job/job-record.js'
import type { Job } from '../job/job.js'
import type { LaunchedJob } from '../job/launch.js'
import type { ClusterPool } from './cluster-pool.js'
import type { JobBooks } from './job-books.js'
import type { JobPlaces } from './job-places.js'
import { coordinatorStops, hasEnded, hasNotBegun } from './job-refusals.js'
import type { Move } from './move.js'

export class JobLives {
  readonly #books: JobBooks
  readonly #places: JobPlaces
  #present: LaunchedJob | null = null
  #pool: ClusterPool | null = null
  #beginning: Promise<unknown> = Promise.resolve()
  /** Lives that have run under this coordinator: others count for nothing. */
  readonly #ran = new WeakSet<Job>()
  #hasRun = false
  plan: Plan | null = null
  /** It stops in order to begin again; null: it does not. */
  move: Move | null = null
  /** The life that makes room for the next: its end is not that of the job. */
  replaced: Job | null = null
  /** Stops that were asked for and are under way: none of them may end a life that another follows. */
  readonly stops = new Set<Promise<unknown>>()
  /** Goes on from what a former coordinator left. */
  isRecovered = false
  #endsAs: 'Cancelled' | 'Stopped' | null = null
  /** Its coordinator stops, and it goes on with the next one. */
  isSuspended = false
  /** For people; null: it is not known, or it has begun. */
  waitsToBegin: string | null = null
  /** Of the job, whatever lives it had; null: it has not ended. */
  endState: JobState | null = null

  constructor(books: JobBooks, places: JobPlaces) {
    this.#books = books
    this.#places = places
  }

  get state(): JobState {
    if (this.endState !== null) return this.endState
    if (this.move !== null) return 'Restarting'
    // That a try fails is no failure of the job, and who has joined before has not heard of it.
    if (this.isTriedAgain) return 'Created'
    return this.#present?.state ?? 'Created'
  }

  get present(): LaunchedJob | null {
    return this.#present
  }

  /** Its life ends behind a snapshot that is there. */
  get isStopping(): boolean {
    const state = this.#present?.state
    return state === 'Stopping' || state === 'Stopped'
  }

  /** By someone, under this coordinator. Whoever comes first says as what. */
  endAtOnce(how: 'Cancelled' | 'Stopped'): void {
    this.#endsAs ??= how
  }

  /** Nothing is to come back of it. */
  get isCancelled(): boolean {
    return this.#endsAs !== null
  }

  /** As what it is to have ended, unless its life has told of another end; null: as that ends. */
  get endsAs(): 'Cancelled' | 'Stopped' | null {
    return this.#endsAs
  }

  /** Under the next coordinator: it ends because this one stops. */
  get goesOn(): boolean {
    return this.isSuspended && this.endState !== 'Finished' && !this.isCancelled
  }

  /** Throws where the job has ended, for good or under this coordinator. */
  assertNotEnded(): void {
    const { id, slots } = this.#books.record
    if (isEnded(this.state)) throw this.goesOn ? coordinatorStops(id, slots) : hasEnded(id)
  }

  /** Throws where there is none to do anything with. */
  living(): LaunchedJob {
    const { id, slots } = this.#books.record
    this.assertNotEnded()
    if (this.#present !== null) return this.#present
    throw this.goesOn ? coordinatorStops(id, slots) : hasNotBegun(id, this.waitsToBegin)
  }

  begun(life: LaunchedJob, pool: ClusterPool): void {
    this.#present = life
    this.#pool = pool
  }

  /** All of it runs: where it was on trial, it no longer is. */
  ran(life: Job): void {
    if (this.isOnTrial) this.#books.runsOn(this.size)
    this.#hasRun = true
    this.#ran.add(life)
  }

  /** A life that fails now is not the end of the job: nothing of it has run since its coordinator was started again. */
  get isTriedAgain(): boolean {
    return this.isRecovered && !this.#hasRun && !this.mayNotBegin && this.endState === null
  }

  /** It has none until another try. */
  couldNotBegin(): void {
    this.#present = null
    this.#pool = null
    this.plan = null
  }

  hasLived(life: Job): boolean {
    return this.#ran.has(life)
  }

  /** Under this coordinator. */
  get hasRun(): boolean {
    return this.#hasRun
  }

  /** Nothing of it has run under this coordinator, so that no snapshot can be taken. */
  get isBefore(): boolean {
    const hasNothing = this.#present === null || this.isRecovered
    return !isEnded(this.state) && !this.#hasRun && hasNothing
  }

  /** A life is about to begin, or to make room for one, until that has settled. */
  begins<T>(beginning: Promise<T>): Promise<T> {
    this.#beginning = beginning.catch(() => {})
    return beginning
  }

  /** Resolves when none is. */
  get beginning(): Promise<unknown> {
    return this.#beginning
  }

  /** Nothing begins any more. */
  get mayNotBegin(): boolean {
    return this.isSuspended || this.isCancelled
  }

  /** It has asked for places, and not all that it needs are there. */
  get lacksPlaces(): boolean {
    return !this.isWhole && this.#present?.state !== 'Running'
  }

  /** None of its slots waits for a place. */
  get isWhole(): boolean {
    return this.#places.waitsFor === null
  }

  /** The present life has begun with another number of slots than the job has, and has not run with them yet. */
  get isOnTrial(): boolean {
    return this.#pool !== null && this.#pool.size !== this.#books.record.slots
  }

  /** It is the present one, on trial, and is being ended for another. */
  isGivenUp(life: Job): boolean {
    return life === this.#present && life === this.replaced && this.isOnTrial
  }

  /** How many slots the present life is to have; 0: there is none. */
  get size(): number {
    return this.#pool?.size ?? 0
  }

  /** Where the job is to drain, so is each of its lives as soon as it runs. */
  drainWhereAsked(): void {
    const life = this.#present
    if (this.#books.isDrainKept && life?.state === 'Running') void life.drain()
  }

  peerLost(node: string, other: string): void {
    this.#pool?.peerLost(node, other)
  }
}
