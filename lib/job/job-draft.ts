/** The next record of a job while it is being made. */
import type { JobOrder, JobStep } from './job-events.js'
import type { JobRecord, JobState, RegionRecord } from './job-record.js'
import type { Replacements } from './replacement.js'

export interface OfAttempt {
  readonly region: number
  readonly attempt: number
}

/** The next record while it is being made, and the orders that go with it. */
export class Draft {
  state: JobState
  attempts: number
  readonly regions: RegionRecord[]
  readonly slotReady: boolean[]
  readonly #orders: JobOrder[] = []

  constructor(record: JobRecord) {
    this.state = record.state
    this.attempts = record.attempts
    this.regions = [...record.regions]
    this.slotReady = [...record.slotReady]
  }

  /** The region if it is in this phase at this attempt, else null: then the event is stale. */
  find(event: OfAttempt, phase: RegionRecord['phase']): RegionRecord | null {
    const region = this.regions[event.region]!
    return region.attempt === event.attempt && region.phase === phase ? region : null
  }

  update(id: number, change: (region: RegionRecord) => RegionRecord): void {
    this.regions[id] = change(this.regions[id]!)
  }

  setReplacements(id: number, replacements: Replacements): void {
    this.update(id, (region) => ({ ...region, replacements }))
  }

  endBackoff(event: OfAttempt): void {
    const { attempt, backingOff } = this.regions[event.region]!
    if (attempt !== event.attempt || !backingOff) return
    this.update(event.region, (was) => ({ ...was, backingOff: false }))
  }

  setSlot(slot: number, ready: boolean): void {
    this.slotReady[slot] = ready
  }

  nextAttempt(): number {
    this.attempts++
    return this.attempts
  }

  order(order: JobOrder): void {
    this.#orders.push(order)
  }

  finish(): JobStep {
    const { state, attempts, regions, slotReady } = this
    return { record: { state, attempts, regions, slotReady }, orders: this.#orders }
  }
}
