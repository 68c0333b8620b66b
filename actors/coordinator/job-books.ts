/**
 * What is kept of a job, so that whoever comes next goes on with it: its record, and with it what its lives have
 * counted. Changes are seen at once; those that return a promise are durable when it resolves.
 */
import type { Deployment } from '../../lib/job/adoption.js'
import type { KeptFailures } from '../../lib/job/kept-failures.js'
import { deployed, type LifeCounts, livesTold } from '../../lib/job/life-counts.js'
import type { ClusterJobParts } from './cluster-job-parts.js'
import type { JobRecord } from './job-records.js'
import type { PlacementOptions } from './protocol.js'

/** What has become of the lives before is always told. */
export interface KeptJob extends JobRecord {
  readonly before: LifeCounts
}

export class JobBooks {
  readonly #parts: Pick<ClusterJobParts, 'save'>
  /** As this coordinator found it. */
  readonly #found: KeptJob
  #record: KeptJob
  #restarts: number
  #slotsKept: Promise<void> = Promise.resolve()
  /** Drains that are not durable yet. */
  #drainsToKeep = 0
  #isDrainKept: boolean

  constructor(parts: Pick<ClusterJobParts, 'record' | 'save'>) {
    const { record } = parts
    this.#parts = parts
    this.#found = { ...record, before: livesTold(record.before, record.deployment != null) }
    this.#record = this.#found
    this.#restarts = record.restarts ?? 0
    this.#isDrainKept = record.drains === true
  }

  get record(): KeptJob {
    return this.#record
  }

  /** Of the lives before the present one. */
  get before(): LifeCounts {
    return this.#record.before
  }

  get restarts(): number {
    return this.#restarts
  }

  get takesSnapshots(): boolean {
    return this.#record.options.checkpoint !== false
  }

  /** Something of it begins again, within a life. */
  restarted(): void {
    this.#restarts++
  }

  /** Before it starts: as many slots instead. */
  beginWith(slots: number): void {
    this.#record = { ...this.#record, slots }
  }

  place(placement: PlacementOptions): void {
    const { options } = this.#record
    this.#record = { ...this.#record, options: { ...options, placement } }
  }

  /** Whatever is saved meanwhile says so, too; what cannot be kept was not asked for. */
  async drain(): Promise<void> {
    this.#drainsToKeep++
    this.#record = { ...this.#record, drains: true }
    try {
      await this.#parts.save(this.#record)
      this.#isDrainKept = true
    } finally {
      this.#drainsToKeep--
      if (!this.#isDrainKept && this.#drainsToKeep === 0) {
        const { drains: _, ...record } = this.#record
        this.#record = record
      }
    }
  }

  /** Durably: its lives may be drained. */
  get isDrainKept(): boolean {
    return this.#isDrainKept
  }

  /** Before any of it is opened. It has as many slots as it had until it `runsOn` as many as these. */
  async deployed(deployment: Deployment, failures: KeptFailures): Promise<void> {
    const before = deployed(this.before)
    this.#record = { ...this.#record, before, failures, restarts: this.#restarts, deployment }
    await this.#parts.save(this.#record)
  }

  /** From now on it has as many slots. What cannot be kept is kept with the next change. */
  runsOn(slots: number): void {
    this.#record = { ...this.#record, slots }
    this.#slotsKept = this.#parts.save(this.#record).catch(() => {})
  }

  /** Resolves when the last `runsOn` is durable. */
  get slotsKept(): Promise<void> {
    return this.#slotsKept
  }

  /** Nothing of it runs. What cannot be kept is not counted, which is no reason to stop. */
  async remember(before: LifeCounts): Promise<void> {
    this.#record = { ...this.#record, before, restarts: this.#restarts, deployment: null }
    await this.#parts.save(this.#record).catch(() => {})
  }

  /** A life is to begin anew. How many slots it has is another number when it has got them. */
  async turnOver(before: LifeCounts): Promise<void> {
    const restarts = this.#restarts
    this.#record = { ...this.#record, before, restarts, failures: null, deployment: null }
    await this.#parts.save(this.#record)
  }

  /** None has begun: the life that has ended is the last one, and is counted by whoever goes on with it. */
  turnBack(before: LifeCounts): void {
    this.#record = { ...this.#record, before }
  }

  /**
   * It is tried again, by this coordinator or the next, from where it was when this one found it. What cannot be kept
   * counts a life too many, which is no reason to stop.
   */
  reopen(): void {
    const drains = this.#record.drains === true && ({ drains: true } as const)
    const restarts = this.#restarts
    this.#record = { ...this.#found, ...drains, restarts, deployment: null }
    this.#parts.save(this.#record).catch(() => {})
  }
}
