/** Ends a job: for good, when what is there is done, behind a savepoint, or so that the next coordinator goes on. */
import { isEnded } from '../../lib/job/job-record.js'
import { atRest, withLife } from '../../lib/job/life-counts.js'
import type { Job, SnapshotSummary } from '../job/job.js'
import type { ClusterJobParts } from './cluster-job-parts.js'
import { endBehindCheckpoint } from './end-behind-checkpoint.js'
import type { JobBooks } from './job-books.js'
import type { JobCourse } from './job-course.js'
import type { JobLives } from './job-lives.js'
import type { JobMoves } from './job-moves.js'
import type { JobPlaces } from './job-places.js'
import {
  coordinatorStops,
  hasNoCheckpoint,
  hasNotBegun,
  isDraining,
  isMoving,
  isStopping,
  waitsForPlaces,
} from './job-refusals.js'
import type { StopSummary } from './protocol.js'

export interface JobStopsOwner {
  readonly books: JobBooks
  readonly places: JobPlaces
  readonly lives: JobLives
  readonly course: JobCourse
  readonly moves: JobMoves
}

type JobStopsParts = Pick<ClusterJobParts, 'world' | 'lastRound' | 'snapshots'>

/** So long the jobs of a coordinator that stops have for a last checkpoint; then the one before has to do. */
const SUSPEND_MS = 20_000

export class JobStops {
  readonly #parts: JobStopsParts
  readonly #owner: JobStopsOwner
  readonly #lives: JobLives
  readonly #id: string
  /** It is the next coordinator's affair. */
  #isLeft = false

  constructor(parts: JobStopsParts, owner: JobStopsOwner) {
    this.#parts = parts
    this.#owner = owner
    this.#lives = owner.lives
    this.#id = owner.books.record.id
  }

  /** At once, whatever it waits for. A life that makes room for the next is followed by none then. */
  async cancel(): Promise<void> {
    return this.#endAtOnce('Cancelled')
  }

  async #endAtOnce(how: 'Cancelled' | 'Stopped'): Promise<void> {
    const { course, moves } = this.#owner
    const lives = this.#lives
    if (lives.goesOn && (this.#isLeft || lives.endState !== null)) throw this.#left()
    lives.endAtOnce(how)
    const life = lives.present
    if (life === null) return course.endBeforeItBegan(how)
    await (how === 'Stopped' ? life.stopBehindLast() : life.cancel())
    await moves.settled
  }

  /** Resolves when it is durable: whatever becomes of its lives, each is drained as soon as it runs. */
  async drain(): Promise<void> {
    const { books } = this.#owner
    const lives = this.#lives
    lives.assertNotEnded()
    if (this.#isLeft) throw this.#left()
    if (lives.stops.size > 0) throw isStopping(this.#id)
    await books.drain()
    lives.drainWhereAsked()
  }

  /**
   * Ends under this coordinator, in order to go on under the next: behind a checkpoint where it takes any.
   * For whoever follows it that is no end.
   */
  async suspend(): Promise<void> {
    const lives = this.#lives
    // Whatever holds it up: a life that is to be waited for no longer ends behind the checkpoint before.
    const { clock } = this.#parts.world
    const waitNoLonger = clock.after(SUSPEND_MS, () => {
      // It ends already, for good where it was asked to: nothing ends it sooner.
      if (lives.isStopping) return
      lives.isSuspended = true
      void lives.present?.cancel()
    })
    try {
      // What stops ends for good, if it can: only what does not goes on with the next coordinator.
      if (lives.stops.size > 0) await Promise.allSettled(lives.stops)
      // What was cancelled here, waited for no longer, is to be remembered, too.
      if (isEnded(lives.state) && !lives.goesOn) return
      lives.isSuspended = true
      await this.#suspendLife()
    } finally {
      waitNoLonger()
      this.#isLeft = true
    }
  }

  #left(): Error {
    return coordinatorStops(this.#id, this.#owner.books.record.slots)
  }

  async #suspendLife(): Promise<void> {
    const { books } = this.#owner
    const lives = this.#lives
    await lives.beginning
    const life = lives.present
    if (life === null) return
    await this.#endForNow(life).catch(() => life.cancel())
    const summary = await life.done.catch(() => null)
    // What was cancelled meanwhile is forgotten, and stays so.
    if (summary === null || summary.state === 'Finished' || lives.isCancelled) return
    if (lives.hasLived(life)) await books.remember(withLife(books.before, summary))
    // One that has only been planned has not lived; one that was not even that may be forgotten by now.
    else if (lives.plan !== null) await books.remember(atRest(books.before))
  }

  async #endForNow(life: Job): Promise<void> {
    if (this.#owner.books.takesSnapshots) await endBehindCheckpoint(life, this.#lives.isWhole)
    else await life.cancel()
  }

  async savepoint(directory: string): Promise<SnapshotSummary> {
    const life = this.#lives.living()
    this.#checkMayStop()
    if (this.#lives.lacksPlaces) throw waitsForPlaces(this.#id, this.#owner.places.waitsFor!)
    return life.savepoint(directory)
  }

  /** What waits for places, or has not run yet, ends at once, behind its last checkpoint. */
  async stop(directory: string | null): Promise<StopSummary> {
    const lives = this.#lives
    lives.assertNotEnded()
    this.#checkMayStop()
    const waits = lives.isBefore || lives.lacksPlaces
    const stop = waits ? this.#stopBehindLast(directory) : this.#stopLife(directory)
    lives.stops.add(stop)
    const isOver = () => lives.stops.delete(stop)
    stop.then(isOver, isOver)
    return stop
  }

  /** Throws where its end is decided already: no other snapshot of it is taken then. */
  #checkMayStop(): void {
    if (this.#lives.stops.size > 0) throw isStopping(this.#id)
    if (this.#owner.books.record.drains === true) throw isDraining(this.#id)
    if (this.#lives.isSuspended) throw this.#left()
  }

  async #stopLife(directory: string | null): Promise<StopSummary> {
    const lives = this.#lives
    const life = lives.living()
    if (lives.move !== null) throw isMoving(this.#id)
    try {
      const taken = await (directory === null ? life.stop() : life.stop(directory))
      // Its snapshot was complete too late: it was cancelled, and goes on.
      if (lives.goesOn) throw this.#left()
      return { ...taken, isEarlier: false }
    } catch (error) {
      // Its coordinator waits no longer.
      if (lives.goesOn) throw this.#left()
      // It has lost slots before it could: as if it were asked for now.
      if (directory !== null || !lives.lacksPlaces) throw error
      return this.#stopBehindLast(null)
    }
  }

  /** It ends behind its last checkpoint, as that lies there: what that has prepared is for whoever restores it. */
  async #stopBehindLast(directory: string | null): Promise<StopSummary> {
    const { books, places } = this.#owner
    const { lastRound, snapshots } = this.#parts
    const lives = this.#lives
    const { waitsFor } = places
    if (directory !== null) {
      throw lives.isBefore ? hasNotBegun(this.#id, waitsFor) : waitsForPlaces(this.#id, waitsFor!)
    }
    const round = books.takesSnapshots ? await lastRound() : 0
    if (!lives.isBefore && !lives.lacksPlaces) return this.#stopLife(directory)
    if (round === 0) throw hasNoCheckpoint(this.#id, waitsFor)
    await this.#endAtOnce('Stopped')
    return { round, directory: snapshots, durationMs: 0, isEarlier: true }
  }

  /** It lacks places now: what waits to be written is written no more. */
  withdrawSnapshots(waitsFor: string): void {
    if (!this.#lives.lacksPlaces) return
    this.#lives.present?.withdrawSnapshots(waitsForPlaces(this.#id, waitsFor))
  }
}
