/**
 * Where the slots of a job are, over its lives, and which of them wait for a place.
 *
 * What was killed may run on until its node has heard of it: a node that cannot be reached does not hear, and pauses
 * no sooner than its lease has run out. Until then no slot of the job gets a place.
 */
import { durationMs } from '../../lib/base/duration.js'
import { MillraceError } from '../../lib/base/errors.js'
import type { Plan } from '../../lib/graph/plan.js'
import type { ClusterJobParts } from './cluster-job-parts.js'
import { ClusterPool } from './cluster-pool.js'
import type { JobRecord } from './job-records.js'
import type { SlotsWanted, SlotView } from './protocol.js'
import type { Place, RemoteSlot } from './remote-slot.js'
import { SlotWaits } from './slot-waits.js'
import { slotWishOf } from './slot-wish.js'

export class JobPlaces {
  readonly #parts: ClusterJobParts
  readonly #slots = new Set<RemoteSlot>()
  /** Of those that have ended, what may still run. */
  readonly #dying = new Set<Promise<void>>()
  readonly #waits: SlotWaits

  /** `onWaits` is told again when that changes. */
  constructor(parts: ClusterJobParts, onWaits: (wanted: SlotsWanted) => void) {
    this.#parts = parts
    this.#waits = new SlotWaits(onWaits)
  }

  /** For people; null: no slot waits for a place. */
  get waitsFor(): string | null {
    return this.#waits.text
  }

  /** Nodes that host it. */
  get nodes(): ReadonlySet<string> {
    return new Set([...this.#slots].flatMap(({ place }) => (place === null ? [] : [place.node])))
  }

  /** `plan`: null where it is not known what they are to run. */
  slotsOf(plan: Plan | null): readonly SlotView[] {
    const chainsOf = (slot: number) =>
      (plan?.chains ?? []).flatMap(({ name, parallelism }) => (parallelism > slot ? [name] : []))
    return [...this.#slots]
      .map(({ index, place }) => ({
        slot: index,
        node: place?.node ?? null,
        chains: chainsOf(index),
      }))
      .toSorted((a, b) => a.slot - b.slot)
  }

  /** Of a life by that name, with as many slots as the record says. */
  openPool(life: string, record: JobRecord): ClusterPool {
    const { place, onSlot, onSlotEnded, urlOf, newSession, foundApart, setUpFailed } = this.#parts
    const { id, slots: size, options } = record
    const { wait = '5m' } = options.placement ?? {}
    const wish = slotWishOf(record)
    return new ClusterPool({
      size,
      life,
      stallMs: options.stallMs ?? null,
      place: (slot, note) => {
        const waitMs = durationMs(wait, 'placement: wait')
        const placing = this.#alone(slot, () =>
          place(slot.ref, wish, waitMs, (missing) => {
            const isNew = this.#waits.waits(slot.ref, missing)
            if (isNew) note(`job ${id} waits for a place: ${missing}`)
          }),
        )
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
        this.#dies(slot.gone)
        this.#waits.isOver(slot.ref)
        onSlotEnded(slot)
      },
    })
  }

  #dies(gone: Promise<void>): void {
    this.#dying.add(gone)
    void gone.then(() => this.#dying.delete(gone))
  }

  /** Once nothing of the job runs that was killed. */
  async #alone(slot: RemoteSlot, place: () => Promise<Place>): Promise<Place> {
    while (this.#dying.size > 0 && this.#slots.has(slot)) {
      this.#waits.waitsBriefly(slot.ref, 'a slot of the job that was ended still has to stop')
      await Promise.all(this.#dying)
    }
    this.#waits.isOver(slot.ref)
    // A wish that nobody takes back would keep its place for ever.
    if (!this.#slots.has(slot)) throw endedMeanwhile(slot.ref)
    return place()
  }
}

const endedMeanwhile = (ref: string): MillraceError =>
  new MillraceError('E_STALE_SLOT', `slot ${ref} was ended before it had a place`, {
    retryable: true,
    details: { ref },
  })
