/**
 * Opens regions: first it is durable which attempt runs where, then what earlier attempts have left for
 * nobody is cleared away, then slots are told, with what they go on from where there is a snapshot.
 */
import { MillraceError } from '../../lib/base/errors.js'
import { planHash } from '../../lib/graph/fingerprint.js'
import { slotOf, subtaskOf } from '../../lib/graph/subtasks.js'
import type { Deployment } from '../../lib/job/adoption.js'
import type { JobRecord } from '../../lib/job/job-record.js'
import type { KeptFailures } from '../../lib/job/kept-failures.js'
import type { Slot } from '../worker/protocol.js'
import type { FailureDeskParts } from './failure-desk.js'
import type { JobRounds } from './job-rounds.js'
import type { SlotTable, SlotTableParts } from './slot-table.js'
import type { SplitDesk } from './split-desk.js'

export interface RegionOpeningParts
  extends Pick<SlotTableParts, 'run' | 'plan' | 'pool'>,
    Pick<FailureDeskParts, 'policy'> {
  /** Resolves when it is durable that regions are deployed so. Called before any of it is opened. */
  readonly deployed: (attempts: DeployedAttempts, slots: readonly Slot[]) => Promise<void>
}

export interface DeployedAttempts
  extends Pick<Deployment, 'run' | 'plan' | 'attempts' | 'regions'> {
  readonly failures: KeptFailures
}

export interface RegionOpeningOwner {
  readonly slots: SlotTable
  readonly splits: SplitDesk
  /** As it is now. */
  record(): JobRecord
  /** Null where no snapshots are taken. */
  rounds(): JobRounds | null
}

export class RegionOpening {
  readonly #parts: RegionOpeningParts
  readonly #owner: RegionOpeningOwner
  readonly #planHash: string
  /** Regions that have been opened without a snapshot to go on from. */
  readonly #opened = new Set<number>()
  /** Resolves when the attempts given out last are durable. */
  #deployed: Promise<void> = Promise.resolve()

  constructor(parts: RegionOpeningParts, owner: RegionOpeningOwner) {
    this.#parts = parts
    this.#owner = owner
    this.#planHash = planHash(parts.plan)
  }

  /** These run already. */
  adopted(regions: Iterable<number>): void {
    for (const region of regions) this.#opened.add(region)
  }

  /** Attempts have been given out: what is opened from now on waits until that is durable. */
  attemptsGiven(): void {
    this.#deployed = this.#save()
    // Each opening hears of it.
    this.#deployed.catch(() => {})
  }

  /**
   * Something else than attempts has changed. Nothing waits for it: where it cannot be saved the next
   * coordinator knows no better.
   */
  changed(): void {
    if (this.#owner.record().attempts > 0) this.#save().catch(() => {})
  }

  /** Where it cannot be saved, nothing is opened: the next coordinator would take it for the attempt before. */
  async #save(): Promise<void> {
    const { run, deployed, policy } = this.#parts
    const { attempts, regions } = this.#owner.record()
    const plan = this.#planHash
    const progress = this.#owner.rounds()?.kept ?? []
    const present = {
      run,
      plan,
      attempts,
      regions: regions.map(({ attempt }) => attempt),
      failures: { plan, restarts: policy.kept, progress },
    }
    try {
      await deployed(present, this.#owner.slots.all)
    } catch (error) {
      throw notDurable((error as Error).message)
    }
  }

  /** Where it goes on from a snapshot, its sources have their splits before anyone can ask. */
  async open(region: number, attempt: number, slot: number): Promise<void> {
    const { slots, splits } = this.#owner
    const commands = slots.commandsOf(slot)
    await this.#deployed
    const rounds = this.#owner.rounds()
    const latest = rounds === null ? null : await rounds.settled()
    if (latest === null && slot === 0) await this.#clear(region, attempt)
    // Aborted meanwhile: nobody would abort it once more.
    const now = this.#owner.record().regions[region]!
    if (now.attempt !== attempt || now.phase !== 'Opening') return
    if (rounds === null || latest === null) return commands.open(region, attempt)
    for (const [chain, unassigned] of rounds.unassignedIn(latest, region)) {
      splits.restore(chain, attempt, unassigned)
    }
    const hosted = [...rounds.ordersOf(latest, region)].filter(
      ([name]) => slotOf(subtaskOf(name).index, this.#parts.pool.size) === slot,
    )
    await commands.open(region, attempt, new Map(hosted))
  }

  /** What a job without result has prepared for nobody. */
  async clearAll(attempt: number): Promise<void> {
    await Promise.all([...this.#opened].map((region) => this.#clear(region, attempt)))
  }

  /**
   * What attempts before the last one have prepared late, as a host does that was paused. What a snapshot names
   * was committed when the job went on from it; what it did not go on from it has written again.
   */
  async clearFormer(): Promise<void> {
    const { regions } = this.#owner.record()
    await Promise.all(regions.map(({ attempt }, region) => this.#remove(region, attempt)))
  }

  /** What sinks have prepared in earlier attempts, and no snapshot names: nobody would ever commit it. */
  async #clear(region: number, attempt: number): Promise<void> {
    const isFirst = !this.#opened.has(region)
    this.#opened.add(region)
    if (isFirst || this.#owner.rounds()?.mayBeStored === true) return
    await this.#remove(region, attempt)
  }

  /** What stays is hidden, and in nobody's way. */
  async #remove(region: number, attempt: number): Promise<void> {
    const { slots } = this.#owner
    if (!slots.isPrepared(0)) return
    await slots
      .commandsOf(0)
      .clear(region, attempt)
      .catch(() => {})
  }
}

const notDurable = (reason: string): MillraceError =>
  new MillraceError(
    'E_NOT_DURABLE',
    `what is about to run could not be recorded, so nothing was opened: ${reason}; see that the coordinator can write to its data directory`,
    { retryable: true },
  )
