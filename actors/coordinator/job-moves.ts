/**
 * Gives a job another life, with as many slots as it is asked for. One that gets another number is on trial until
 * all of it runs: where slots have gone meanwhile, or it fails, the job goes back to the number that it had. No
 * snapshot is taken before, so that what has run of it has left nothing behind.
 */
import type { Cancel } from '../../lib/base/clock.js'
import { isEnded } from '../../lib/job/job-record.js'
import { atRest, withLife } from '../../lib/job/life-counts.js'
import type { Job, JobSummary } from '../job/job.js'
import type { ClusterJobParts } from './cluster-job-parts.js'
import { endBehindCheckpoint } from './end-behind-checkpoint.js'
import type { JobBooks } from './job-books.js'
import type { JobCourse } from './job-course.js'
import type { JobLives } from './job-lives.js'
import {
  cannotMove,
  coordinatorStops,
  hasEnded,
  isMoving,
  isStopping,
  replaced,
  wentBack,
} from './job-refusals.js'
import type { LifeBeginning } from './life-beginning.js'
import { Move } from './move.js'
import type { PlacementOptions } from './protocol.js'
import { slotWishOf } from './slot-wish.js'
import { whenRoomIsLost } from './when-room-is-lost.js'
import { whenRunning } from './when-running.js'

export interface JobMovesOwner {
  readonly books: JobBooks
  readonly lives: JobLives
  readonly course: JobCourse
  readonly beginning: LifeBeginning
}

/** Ends a life so that the next can go on from where it was. */
type EndLife = (life: Job) => Promise<void>

export class JobMoves {
  readonly #parts: Pick<ClusterJobParts, 'world' | 'lackingFor'>
  readonly #owner: JobMovesOwner
  readonly #lives: JobLives
  readonly #id: string
  #settled: Promise<void> = Promise.resolve()

  constructor(parts: Pick<ClusterJobParts, 'world' | 'lackingFor'>, owner: JobMovesOwner) {
    this.#parts = parts
    this.#owner = owner
    this.#lives = owner.lives
    this.#id = owner.books.record.id
  }

  /** Resolves when the last move is over, however it went. */
  get settled(): Promise<void> {
    return this.#settled
  }

  get mayMove(): boolean {
    const { present, isSuspended, stops, state } = this.#lives
    const isFree = this.#isReplaceable && !isSuspended && stops.size === 0
    return present !== null && isFree && !isEnded(state)
  }

  /** From a new checkpoint where it runs, else from its last one. */
  async move(slots: number, placement?: PlacementOptions): Promise<void> {
    const { books } = this.#owner
    if (!books.takesSnapshots) throw cannotMove(this.#id)
    await this.#replace(slots, async (life) => {
      await endBehindCheckpoint(life, this.#lives.isWhole)
      if (placement !== undefined) books.place(placement)
    })
  }

  /** As above, of one that takes no checkpoints: it begins at the beginning. */
  async restart(slots: number): Promise<void> {
    await this.#replace(slots, (life) => life.cancel())
  }

  async #replace(slots: number, end: EndLife): Promise<void> {
    const lives = this.#lives
    const life = lives.living()
    if (lives.isSuspended) throw coordinatorStops(this.#id, this.#owner.books.record.slots)
    if (!this.#isReplaceable) throw isMoving(this.#id)
    if (lives.stops.size > 0) throw isStopping(this.#id)
    const move = new Move(slots)
    lives.move?.giveUp(replaced(this.#id))
    lives.move = move
    const moving = lives
      .begins(this.#replaceLife(life, slots, end))
      .then((next) => this.#arrive(next, move))
      .finally(() => {
        if (lives.move === move) lives.move = null
      })
    this.#settled = moving.catch(() => {})
    await Promise.race([moving, move.givenUp])
  }

  /** A move that waits for places is given up for a later one. */
  get #isReplaceable(): boolean {
    const { move, lacksPlaces } = this.#lives
    return move === null || (move.isArriving && lacksPlaces)
  }

  /**
   * Where the life cannot be ended it goes on; where no other can begin, the job has failed. Null where none
   * is to begin: it has finished or was cancelled meanwhile; or its coordinator stops, then the life has ended
   * for that, and is not counted yet.
   */
  async #replaceLife(life: Job, slots: number, end: EndLife): Promise<Job | null> {
    const { books, beginning, course } = this.#owner
    const lives = this.#lives
    const { before } = books
    lives.replaced = life
    const summary = await this.#endLife(life, end)
    try {
      if (summary?.state !== 'Finished' && !lives.isCancelled) {
        const hasLived = summary !== null && lives.hasLived(life)
        await books.turnOver(hasLived ? withLife(before, summary) : atRest(before))
        const next = await beginning.begin(true, slots)
        if (next !== null) return next
        books.turnBack(before)
      }
      await this.#endJobWith(life)
      return null
    } catch (error) {
      lives.replaced = null
      // As above: whoever goes on with it counts the life that has ended.
      if (life === lives.present) {
        books.turnBack(before)
        course.failed(life, error as Error)
      }
      throw error
    }
  }

  /** No other follows. */
  async #endJobWith(life: Job): Promise<void> {
    this.#lives.replaced = null
    await this.#owner.course.endWith(life)
  }

  /**
   * Rejects where it could not be ended so: it goes on, or has ended otherwise, and the job with it. Null where it
   * had failed before it had its places.
   */
  async #endLife(life: Job, end: EndLife): Promise<JobSummary | null> {
    const lives = this.#lives
    try {
      await end(life)
      return await life.done
    } catch (error) {
      if (lives.isOnTrial && isEnded(life.state)) return null
      lives.replaced = null
      // That it was stopped or cancelled by others is no failure.
      const summary = isEnded(life.state) ? await life.done.catch(() => null) : null
      if (summary !== null) this.#owner.course.ended(life, summary)
      throw error
    }
  }

  /** Resolves when it runs. Where it could not begin with as many slots as it should, it goes back. */
  async #arrive(next: Job | null, move: Move): Promise<void> {
    const lives = this.#lives
    if (next === null) return this.#checkArrival(next, move)
    move.isArriving = true
    const lost = await this.#whyItIsLost(next)
    // Another move has come in between.
    if (lives.move !== move) return
    if (lost === null) {
      await this.#owner.books.slotsKept
      return this.#checkArrival(next, move)
    }
    if (!lives.isOnTrial || lives.mayNotBegin) {
      if (lives.replaced === next) await this.#endJobWith(next)
      throw lost
    }
    move.isArriving = false
    const had = this.#owner.books.record.slots
    const back = await lives.begins(this.#goBack(next, had))
    move.giveUp(wentBack(this.#id, move.slots, had, lost))
    move.isArriving = true
    if (back !== null) await this.#untilItRuns(back)
  }

  /** Null when it runs, or has ended for other reasons. */
  async #whyItIsLost(next: Job): Promise<Error | null> {
    let lost: Error | null = null
    const stopWatch = this.#watchTrial((reason) => {
      lost = reason
      this.#lives.replaced = next
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

  #watchTrial(lose: (reason: Error) => void): Cancel {
    const lives = this.#lives
    if (!lives.isOnTrial) return () => {}
    const { world, lackingFor } = this.#parts
    const { size, present } = lives
    const trial = {
      clock: world.clock,
      isOver: () => present !== lives.present || !lives.isOnTrial,
      waits: () => lives.lacksPlaces,
      lacking: () => lackingFor(slotWishOf(this.#owner.books.record), size),
    }
    return whenRoomIsLost(trial, lose)
  }

  async #untilItRuns(life: Job): Promise<void> {
    const plan = await life.plan
    if (life === this.#lives.present) this.#lives.plan = plan
    await whenRunning(life)
  }

  /** Where none has run, the next coordinator goes on with the slots that it had. */
  #checkArrival(next: Job | null, { slots }: Move): void {
    const had = this.#owner.books.record.slots
    if (next !== null && this.#lives.hasLived(next)) return
    if (!this.#lives.isSuspended) throw hasEnded(this.#id)
    if (slots !== had) throw coordinatorStops(this.#id, had)
  }

  /** From the same checkpoint: what had begun has not run as a whole. Null: nothing begins any more. */
  async #goBack(trial: Job, slots: number): Promise<Job | null> {
    const { books, beginning } = this.#owner
    this.#lives.replaced = trial
    await trial.cancel()
    // Regions of it may have been deployed.
    await books.remember(atRest(books.before))
    const next = await beginning.begin(true, slots)
    if (next === null) await this.#endJobWith(trial)
    return next
  }
}
