/** Lets jobs that are to move run on until there is room for them. Decides: `lib/placement/rescale-steps.ts`. */
import type { Clock } from '../../lib/base/clock.js'
import { isEnded } from '../../lib/job/job-record.js'
import type { SlotWish } from '../../lib/placement/place.js'
import { stepRescale } from '../../lib/placement/rescale-steps.js'
import type { ClusterJob } from './cluster-job.js'
import { coordinatorStops, hasEnded, noRoom, replaced } from './job-refusals.js'

export interface MoveDeskOwner {
  readonly clock: Clock
  /** What is not there for as many slots, for people; null: there is room. */
  lackingFor(wish: SlotWish, slots: number): Promise<string | null>
}

const LOOK_MS = 500

export class MoveDesk {
  readonly #owner: MoveDeskOwner
  /** What was asked for last, by job. */
  readonly #asked = new WeakMap<ClusterJob, symbol>()
  readonly #closed: Promise<'closed'>
  /** Nobody waits any more, or is answered. */
  close!: () => void

  constructor(owner: MoveDeskOwner) {
    this.#owner = owner
    this.#closed = new Promise((resolve) => {
      this.close = () => resolve('closed')
    })
  }

  /** Rejects with E_NO_SLOT where there is none in time, and when it is asked for something else meanwhile. */
  async whenRoom(job: ClusterJob, wish: SlotWish, slots: number, waitMs: number): Promise<void> {
    const { clock, lackingFor } = this.#owner
    const asked = Symbol(job.id)
    this.#asked.set(job, asked)
    const untilMs = clock.now() + waitMs
    try {
      for (;;) {
        const lacking = await this.#unlessClosed(job, lackingFor(wish, slots))
        if (this.#asked.get(job) !== asked) throw replaced(job.id)
        if (isEnded(job.state)) throw hasEnded(job.id)
        const step = stepRescale({ lacking, nowMs: clock.now(), untilMs })
        if (step === 'move') return
        if (step === 'refuse') throw noRoom(job.id, lacking!)
        job.waitsToMove(`room to move: ${lacking}`)
        const pause = new Promise<void>((look) => clock.after(LOOK_MS, look))
        await this.#unlessClosed(job, pause)
      }
    } finally {
      if (this.#asked.get(job) === asked) job.waitsToMove(null)
    }
  }

  async #unlessClosed<T>({ id, record }: ClusterJob, what: Promise<T>): Promise<T> {
    const result = await Promise.race([this.#closed, what])
    if (result === 'closed') throw coordinatorStops(id, record.slots)
    return result as T
  }
}
