/**
 * The job's side of snapshots: starts the checkpoint actor, tells it when all regions run and what has
 * finished, carries its orders to the slots, and knows what a region that opens goes on from.
 */
import { type ErrorData, errorToData, MillraceError } from '../../lib/base/errors.js'
import type { Plan } from '../../lib/graph/plan.js'
import { type SubtaskId, subtaskName, subtasksOf } from '../../lib/graph/subtasks.js'
import type { Adopted, NewestSnapshot } from '../../lib/job/adoption.js'
import { isEnded, type JobRecord } from '../../lib/job/job-record.js'
import { type KeptProgress, RegionProgress } from '../../lib/job/region-progress.js'
import type { Barrier } from '../../lib/operators/signal.js'
import type { NamedNode } from '../../lib/snapshot/build-manifest.js'
import type { CheckpointSettings } from '../../lib/snapshot/checkpoint.js'
import type { Manifest, SnapshotMode, UnassignedSplits } from '../../lib/snapshot/manifest.js'
import { type RestoreOrder, restoreOrders } from '../../lib/snapshot/restore-plan.js'
import { isStoreLost } from '../../lib/snapshot/store-error.js'
import { createCheckpointActor } from '../checkpoint/checkpoint-actor.js'
import type {
  CheckpointMessage,
  CheckpointReport,
  SavepointRequest,
} from '../checkpoint/protocol.js'
import type { SnapshotStores } from '../checkpoint/snapshot-stores.js'
import type { Setup } from '../kernel/behaviour.js'
import type { ActorRef } from '../kernel/ref.js'
import type { SlotCommands, SlotEvent } from '../worker/protocol.js'

/** What the job's snapshots are made with. */
export interface JobSnapshots {
  readonly stores: SnapshotStores
  readonly settings: CheckpointSettings
  readonly mode: SnapshotMode
  /** The graph's nodes, by id. */
  readonly nodes: readonly NamedNode[]
}

export interface JobRoundsOwner {
  spawn(name: string, setup: Setup<CheckpointMessage>): ActorRef<CheckpointMessage>
  /** Commands to every slot that can take them; what they reject with is the job's affair. */
  tellSlots(tell: (commands: SlotCommands) => Promise<void>): void
  /** Resolves when every slot, or each of these, has answered, or has died. */
  askSlots(
    ask: (commands: SlotCommands) => Promise<void>,
    among?: ReadonlySet<number>,
  ): Promise<void>
  /** Records that the sources of each region have read in its present attempt. */
  read(): readonly number[]
  /** A checkpoint lies beyond what the region failed at last. */
  progressed(region: number): void
  /** A checkpoint lies nearer to what regions failed at last, or beyond: `kept` has changed. */
  progressMade(): void
  /** Splits not handed out, by chain. */
  unassigned(): ReadonlyMap<number, UnassignedSplits>
  failed(error: ErrorData): void
  report(report: CheckpointReport): void
}

export class JobRounds {
  readonly #plan: Plan
  readonly #snapshots: JobSnapshots
  readonly #owner: JobRoundsOwner
  readonly #checkpoint: ActorRef<CheckpointMessage>
  readonly #progress: RegionProgress
  readonly #isAdopted: boolean
  /** All regions run, as the checkpoint actor was told. */
  #isUp = false
  /** Names of subtasks that have finished in the present attempt of their region. */
  readonly #finished = new Set<string>()
  /** Of the present attempts too: those that have only to commit, until they finish. */
  readonly #committing = new Set<string>()

  /** `adopted`: what the job goes on with, if anything. `kept`: as of `RegionProgress`. */
  constructor(
    run: string,
    plan: Plan,
    snapshots: JobSnapshots,
    adopted: Adopted | null,
    owner: JobRoundsOwner,
    kept: readonly KeptProgress[] = [],
  ) {
    this.#plan = plan
    this.#snapshots = snapshots
    this.#owner = owner
    this.#progress = new RegionProgress(plan.regions.length, kept, adopted !== null)
    this.#isAdopted = adopted !== null
    const parts = {
      run,
      plan,
      ...snapshots,
      lastRound: Math.max(snapshots.stores.lastRound, adopted?.lastRound ?? 0),
      owner: {
        trigger: (barrier: Barrier, stop: boolean) => this.#trigger(barrier, stop),
        hurry: (round: number) => owner.tellSlots((slot) => slot.snapshotHurried(round)),
        complete: (round: number) => this.#complete(round),
        abandon: (round: number) => {
          this.#progress.abandoned(round)
          owner.tellSlots((slot) => slot.snapshotAbandoned(round))
        },
        failJob: (reason: string, isStoreLost: boolean) =>
          owner.failed(errorToData(isStoreLost ? storeLost(reason) : tooManyFailed(reason))),
        report: owner.report,
      },
    }
    this.#checkpoint = owner.spawn('checkpoint', createCheckpointActor(parts))
    if (adopted !== null) this.#adopt(adopted)
  }

  /** Before it is told that all regions run: what slots were told of rounds is brought to its end. */
  #adopt({ finished, rounds, unheard }: Adopted): void {
    for (const name of finished) this.#finished.add(name)
    for (const round of rounds) this.#owner.tellSlots((slot) => slot.snapshotAbandoned(round))
    if (unheard === null) return
    const { round, slots } = unheard
    // A slot that does not commit fails, and is told of.
    void this.#owner.askSlots((slot) => slot.snapshotCompleted(round), slots)
  }

  /** Rounds are taken while all regions run, and only then. */
  regionsChanged({ regions, state }: JobRecord): void {
    const isUp =
      !isEnded(state) &&
      regions.every(({ phase }) => phase === 'Running' || phase === 'Finished') &&
      regions.some(({ phase }) => phase === 'Running')
    if (isUp === this.#isUp) return
    // What ends by itself still has its last round to take.
    if (!isUp && regions.every(({ phase }) => phase === 'Finished')) return
    this.#isUp = isUp
    if (!isUp) return this.#checkpoint.control({ kind: 'Stopped', reason: 'a region has stopped' })
    const live = subtasksOf(this.#plan).filter((id) => !this.#finished.has(subtaskName(id)))
    const committing = live.filter((id) => this.#committing.has(subtaskName(id)))
    this.#checkpoint.control({ kind: 'Started', live, committing })
  }

  /** Of the present attempt: caller has looked. */
  onEvent(event: RoundEvent): void {
    switch (event.kind) {
      case 'SubtaskFinished':
        this.#finished.add(subtaskName(event.subtask))
        this.#committing.delete(subtaskName(event.subtask))
        return this.#checkpoint.control({ kind: 'Finished', subtask: event.subtask })
      case 'SnapshotAcknowledged':
        return this.#checkpoint.control({ kind: 'Acknowledged', ack: event.ack })
      case 'SnapshotDeclined': {
        const { round, subtask, error } = event
        const lost = isStoreLost(error)
        const reason = error.message
        return this.#checkpoint.control({
          kind: 'Declined',
          round,
          subtask,
          reason,
          isStoreLost: lost,
        })
      }
      case 'CommitAwaited':
        this.#committing.add(subtaskName(event.subtask))
        return this.#checkpoint.control({ kind: 'CommitAwaited', subtask: event.subtask })
    }
  }

  /** The attempt of a region has failed. `hasRead`: it has run. */
  failed(region: number, hasRead: boolean): void {
    this.#progress.failed(region, hasRead ? this.#owner.read()[region]! : 0)
  }

  /** Where regions have failed last. */
  get kept(): readonly KeptProgress[] {
    return this.#progress.kept
  }

  request(request: SavepointRequest): void {
    this.#checkpoint.control({ kind: 'SavepointRequested', request })
  }

  /** Those that have not begun. */
  withdrawRequests(reason: Error): void {
    this.#checkpoint.control({ kind: 'RequestsWithdrawn', reason })
  }

  /** The newest complete snapshot, once it is known which that is. */
  settled(): Promise<Manifest | null> {
    return new Promise((tell) => this.#checkpoint.control({ kind: 'WhenSettled', tell }))
  }

  /** Something that was prepared may be named by a snapshot; of savepoints under an earlier coordinator nobody knows. */
  get mayBeStored(): boolean {
    return this.#isAdopted || this.#snapshots.stores.mayBeStored
  }

  /** The region begins anew: none of its subtasks has finished, or has only to commit. */
  reopens(region: number): void {
    for (const name of this.#subtasksOf(region).map(subtaskName)) {
      this.#finished.delete(name)
      this.#committing.delete(name)
    }
  }

  /** What the region's subtasks go on from, by name. */
  ordersOf(manifest: Manifest, region: number): ReadonlyMap<string, RestoreOrder> {
    return restoreOrders(manifest, this.#plan, this.#snapshots.nodes, this.#subtasksOf(region))
  }

  /** Splits that were not handed out, by source chain of the region; those that are not known are left out. */
  unassignedIn(manifest: Manifest, region: number): ReadonlyMap<number, UnassignedSplits> {
    const { chains } = this.#plan.regions[region]!
    return unassignedOf(manifest, this.#plan, this.#snapshots.nodes, chains)
  }

  /** The splits are asked for in the same turn in which the orders leave: both see the same. */
  #trigger(barrier: Barrier, stop: boolean): ReadonlyMap<number, UnassignedSplits> {
    this.#progress.triggered(barrier.round, this.#owner.read())
    this.#owner.tellSlots((slot) => slot.snapshot(barrier, stop))
    const nodeOf = (chain: number) => this.#plan.chains[chain]!.steps[0]!.node
    return new Map([...this.#owner.unassigned()].map(([chain, splits]) => [nodeOf(chain), splits]))
  }

  #complete(round: number): Promise<void> {
    const { hasFailed } = this.#progress
    for (const region of this.#progress.completed(round)) this.#owner.progressed(region)
    if (hasFailed) this.#owner.progressMade()
    return this.#owner.askSlots((slot) => slot.snapshotCompleted(round))
  }

  #subtasksOf(region: number): readonly SubtaskId[] {
    const { chains } = this.#plan.regions[region]!
    return subtasksOf(this.#plan).filter(({ chain }) => chains.includes(chain))
  }
}

function unassignedOf(
  manifest: Manifest,
  plan: Plan,
  nodes: readonly NamedNode[],
  chains: readonly number[],
): ReadonlyMap<number, UnassignedSplits> {
  const stored = new Map(manifest.operators.map((operator) => [operator.name, operator]))
  const unassigned = new Map<number, UnassignedSplits>()
  for (const chain of chains) {
    const { name } = nodes[plan.chains[chain]!.steps[0]!.node]!
    const splits = stored.get(name)?.unassigned ?? null
    if (splits !== null) unassigned.set(chain, splits)
  }
  return unassigned
}

/** What an adoption has to know of the newest snapshot; null where there is none. */
export function newestOf({ stores, nodes }: JobSnapshots, plan: Plan): NewestSnapshot | null {
  const { restored } = stores
  if (restored === null) return null
  const chains = plan.chains.map(({ id }) => id)
  return { round: restored.round, unassigned: unassignedOf(restored, plan, nodes, chains) }
}

export type RoundEvent = Extract<
  SlotEvent,
  { kind: 'SubtaskFinished' | 'SnapshotAcknowledged' | 'SnapshotDeclined' | 'CommitAwaited' }
>

const tooManyFailed = (reason: string): MillraceError =>
  new MillraceError('E_CHECKPOINTS_FAILED', `too many snapshots in a row have failed: ${reason}`)

const storeLost = (reason: string): MillraceError =>
  new MillraceError(
    'E_CHECKPOINTS_FAILED',
    `no snapshot can be stored any more: ${reason}. See to that, and go on from the last one that was stored, ` +
      "with restore: 'latest' (--restore latest)",
  )
