/** Lets reactive jobs follow the slots there are. Decides: `lib/placement/reactive.ts`. */
import type { Cancel, Clock } from '../../lib/base/clock.js'
import {
  createReactiveRecord,
  type ReactiveRecord,
  stepReactive,
} from '../../lib/placement/reactive.js'
import type { ClusterJob } from './cluster-job.js'

/** Slots that a job could have, and whether other jobs wait for some. */
export interface Room {
  readonly slots: number
  /** What is not there for as many as were asked about, for people; null: nothing. */
  readonly lacking: string | null
  readonly othersWait: boolean
}

export interface ReactiveOwner {
  readonly clock: Clock
  jobs(): readonly ClusterJob[]
  roomFor(job: ClusterJob): Promise<Room>
  /** With another number of slots, from a last checkpoint where that can be had, else from the one before. */
  adapt(job: ClusterJob, slots: number): Promise<void>
}

const LOOK_MS = 500

export class ReactiveDesk {
  readonly #owner: ReactiveOwner
  readonly #records = new Map<string, ReactiveRecord>()
  #stopLook: Cancel = () => {}

  constructor(owner: ReactiveOwner) {
    this.#owner = owner
    this.#look()
  }

  close(): void {
    this.#stopLook()
  }

  #look(): void {
    this.#stopLook = this.#owner.clock.after(LOOK_MS, () => {
      this.#look()
      const jobs = this.#owner.jobs().filter((job) => job.record.options.reactive !== undefined)
      const ids = new Set(jobs.map(({ id }) => id))
      for (const id of this.#records.keys()) if (!ids.has(id)) this.#records.delete(id)
      for (const job of jobs) if (job.canMove) void this.#step(job)
    })
  }

  async #step(job: ClusterJob): Promise<void> {
    const room = await this.#owner.roomFor(job)
    const nowMs = this.#owner.clock.now()
    const facts = {
      nowMs,
      slots: job.record.slots,
      room: room.slots,
      othersWait: room.othersWait,
    }
    const before = this.#records.get(job.id) ?? createReactiveRecord(nowMs)
    const { record, rescaleTo } = stepReactive(before, facts)
    this.#records.set(job.id, record)
    // What comes of it is told by the job.
    if (rescaleTo !== null && job.canMove) await this.#owner.adapt(job, rescaleTo).catch(() => {})
  }
}
