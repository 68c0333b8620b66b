/** Where the slots of a job are, over its lives, and which of them wait for a place. */
import { durationMs } from '../../lib/base/duration.js'
import type { Plan } from '../../lib/graph/plan.js'
import type { ClusterJobParts } from './cluster-job-parts.js'
import { ClusterPool } from './cluster-pool.js'
import type { JobRecord } from './job-records.js'
import type { SlotsWanted, SlotView } from './protocol.js'
import type { RemoteSlot } from './remote-slot.js'
import { SlotWaits } from './slot-waits.js'
import { slotWishOf } from './slot-wish.js'

export class JobPlaces {
  readonly #parts: ClusterJobParts
  readonly #slots = new Set<RemoteSlot>()
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
        const placing = place(slot.ref, wish, durationMs(wait, 'placement: wait'), (missing) => {
          const isNew = this.#waits.waits(slot.ref, missing)
          if (isNew) note(`job ${id} waits for a place: ${missing}`)
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
}
