/** Begins the lives of a job: from a snapshot, from the beginning, or as what a former coordinator has left running. */
import { planHash } from '../../lib/graph/fingerprint.js'
import type { Plan } from '../../lib/graph/plan.js'
import { takenOver } from '../../lib/job/life-counts.js'
import type { Job } from '../job/job.js'
import type { JobSnapshots } from '../job/job-rounds.js'
import { type FromBefore, type LaunchedJob, launch, type RunWorld } from '../job/launch.js'
import type { DeployedAttempts } from '../job/region-opening.js'
import type { Slot } from '../worker/protocol.js'
import type { ClusterJobParts } from './cluster-job-parts.js'
import type { ClusterPool } from './cluster-pool.js'
import type { JobBooks } from './job-books.js'
import type { JobCourse } from './job-course.js'
import type { JobLives } from './job-lives.js'
import type { JobPlaces } from './job-places.js'
import { givenUp } from './job-refusals.js'
import { lifeOptions } from './life-options.js'
import { prepareLife } from './prepare-life.js'
import type { RemoteSlot } from './remote-slot.js'
import { type TookOver, takeOver } from './take-over.js'

export interface LifeBeginningOwner {
  readonly books: JobBooks
  readonly places: JobPlaces
  readonly lives: JobLives
  readonly course: JobCourse
  readonly world: RunWorld
}

export class LifeBeginning {
  readonly #parts: ClusterJobParts
  readonly #owner: LifeBeginningOwner
  #begun = 0

  constructor(parts: ClusterJobParts, owner: LifeBeginningOwner) {
    this.#parts = parts
    this.#owner = owner
  }

  /** The first one under this coordinator. Null: as below. */
  async beginFirst(recovered: boolean): Promise<Job | null> {
    const { books } = this.#owner
    // Whether that life has ended turns out when it is taken over.
    const mayGoOn = books.record.deployment != null
    if (recovered && !mayGoOn) await books.remember(takenOver(books.before))
    return this.begin(recovered)
  }

  /** Null: its coordinator stops, or it was cancelled, and nothing begins any more. */
  async begin(goesOn: boolean, slots = this.#owner.books.record.slots): Promise<Job | null> {
    const { books, places, lives, course, world } = this.#owner
    const { snapshots, hasSnapshots, bundleFile, term, planner } = this.#parts
    const record = { ...books.record, slots }
    const restore =
      goesOn && books.takesSnapshots && (await hasSnapshots()) ? 'latest' : record.options.restore
    if (lives.mayNotBegin) return null
    const runOptions = lifeOptions(record, snapshots, restore)
    const pool = places.openPool(`${record.id}/${term}.${this.#begun++}`, record)
    const prepare = () =>
      prepareLife({
        record,
        runOptions,
        bundleFile,
        planner,
        pool,
        takeOver: (...what) => this.#takeOver(pool, ...what),
        deployed: (...what) => this.#deployed(life, ...what),
      })
    const life: LaunchedJob = launch(record.pipeline, runOptions, world, prepare, record.id)
    lives.begun(life, pool)
    course.follow(life)
    return life
  }

  /** Of the life before, which died with its coordinator, if it did not go on without. */
  async #takeOver(
    pool: ClusterPool,
    plan: Plan,
    snapshots: JobSnapshots | null,
    note: (text: string) => void,
  ): Promise<FromBefore> {
    const { books } = this.#owner
    const { deployment = null, failures: kept = null } = books.record
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
    await books.remember(takenOver(books.before))
    return { taken: null, failures }
  }

  /** Resolves when it is durable. Rejects where the life is on trial and was given up: nothing of it is to run. */
  async #deployed(
    life: Job,
    { failures, ...present }: DeployedAttempts,
    slots: readonly Slot[],
  ): Promise<void> {
    const { books, lives } = this.#owner
    if (life !== lives.present || lives.endState !== null) return
    // Its places may come in the turn in which it is cancelled: the job keeps the number that it goes back to.
    if (lives.isGivenUp(life)) throw givenUp(books.record.id)
    const places = slots.map((slot) => {
      const { ref, place } = slot as RemoteSlot
      return { ref, node: place?.node ?? '' }
    })
    await books.deployed({ ...present, slots: places }, failures)
  }
}
