/**
 * The job actor: owns the plan, the attempts and the regions of one job.
 *
 * ```
 * job                      decides: lib/job/job-step.ts
 * ├── checkpoint           rounds of snapshots: lib/snapshot/checkpoint.ts
 * └── slot (one per index) a worker thread, or the calling thread; replaced when it dies
 *     └── subtasks         stop at their first failure; the region restarts as one
 * ```
 *
 * What its failures lead to: `failure-desk.ts`. Under `best-effort` a subtask that fails by itself is
 * replaced by itself; see `lib/job/replacement.ts`, and the order of commands in `worker/protocol.ts`. How
 * regions are opened: `region-opening.ts`.
 *
 * What happens comes in as messages and becomes an event of the pure protocol; the orders that come
 * back are carried out by commands to slots (`job-orders.ts`), whose answers are messages again.
 */
import { unreachable } from '../../lib/base/assert.js'
import { type ErrorData, MillraceError } from '../../lib/base/errors.js'
import type { Split } from '../../lib/connectors/source.js'
import { regionOf, slotOf, subtaskOf } from '../../lib/graph/subtasks.js'
import type { Adopted } from '../../lib/job/adoption.js'
import type { JobStepEvent } from '../../lib/job/job-events.js'
import {
  createJobRecord,
  isEnded,
  isToEnd,
  type JobRecord,
  type JobState,
} from '../../lib/job/job-record.js'
import { stepJob } from '../../lib/job/job-step.js'
import type { KeptProgress } from '../../lib/job/region-progress.js'
import { regionShapes } from '../../lib/job/region-shapes.js'
import type { SavepointRequest } from '../checkpoint/protocol.js'
import type { ActorContext, Behaviour } from '../kernel/behaviour.js'
import type { AdoptedSlot, SlotEvent, SubtaskId } from '../worker/protocol.js'
import { FailureDesk, type FailureDeskParts } from './failure-desk.js'
import { JobOrders } from './job-orders.js'
import { JobRounds, type JobRoundsOwner, type JobSnapshots, type RoundEvent } from './job-rounds.js'
import type { FailedRegion, JobMessage } from './protocol.js'
import { recordsRead } from './records-read.js'
import { RegionOpening, type RegionOpeningParts } from './region-opening.js'
import { SlotTable, type SlotTableParts } from './slot-table.js'
import { SplitDesk } from './split-desk.js'

export interface JobParts extends SlotTableParts, FailureDeskParts, RegionOpeningParts {
  /** Names of the graph's nodes, by id. */
  readonly operators: readonly string[]
  /** What it goes on with; null where it begins. */
  readonly taken: TakenOver | null
  /** Of its regions, under whoever had it before. */
  readonly progress: readonly KeptProgress[]
}

/** What runs already, under a coordinator that is no more. */
export interface TakenOver {
  readonly adopted: Adopted
  /** By index. */
  readonly slots: readonly AdoptedSlot[]
}

/** What commands fail with of which the cause has been told, or will be: no failures of their own. */
const TOLD: ReadonlySet<string | null> = new Set(['E_WORKER_DIED', 'E_ABORTED'])
/** An ending job asks its slots to stop; what user code has not let go of by then is killed. */
const STOP_MS = 600

type Context = ActorContext<JobMessage>

export function createJobActor(parts: JobParts): (context: Context) => Behaviour<JobMessage> {
  return (context) => new JobActor(parts, context)
}

class JobActor implements Behaviour<JobMessage> {
  readonly #parts: JobParts
  readonly #context: Context
  readonly #slots: SlotTable
  readonly #splits: SplitDesk
  readonly #failures: FailureDesk
  readonly #opening: RegionOpening
  readonly #orders: JobOrders
  #record: JobRecord
  /** What ended the job, once something has. */
  #cause: ErrorData | null = null
  /** Null where no snapshots are taken. */
  #rounds: JobRounds | null = null
  constructor(parts: JobParts, context: Context) {
    this.#parts = parts
    this.#context = context
    this.#slots = new SlotTable(parts, context.self)
    this.#record = createJobRecord(regionShapes(parts.plan, parts.pool.size), parts.pool.size)
    this.#splits = new SplitDesk(parts.plan, {
      enumerate: (subtask, attempt) => this.#enumerate(subtask, attempt),
      assign: (...assignment) => this.#assign(...assignment),
    })
    this.#opening = new RegionOpening(parts, {
      slots: this.#slots,
      splits: this.#splits,
      record: () => this.#record,
      rounds: () => this.#rounds,
    })
    this.#orders = new JobOrders(
      {
        plan: parts.plan,
        slots: this.#slots,
        splits: this.#splits,
        opening: this.#opening,
        record: () => this.#record,
        rounds: () => this.#rounds,
      },
      context,
    )
    this.#failures = new FailureDesk(parts, context, {
      record: () => this.#record,
      restart: (...restart) => this.#restart(...restart),
      replace: (...replacement) => this.#replace(...replacement),
      fail: (error) => this.#fail(error),
    })
  }

  started(): void {
    const { snapshots, taken } = this.#parts
    if (taken !== null) this.#slots.adoptAll(taken.slots)
    if (snapshots !== null) this.#rounds = this.#openRounds(snapshots)
    if (taken === null) this.#slots.startAll()
    else this.#goOn(taken)
  }

  receive(message: JobMessage): void {
    switch (message.kind) {
      case 'SlotSetUp':
        if (!this.#slots.onSetUp(message.slot, message.generation)) return
        return this.#onSlotReady(message.slot)
      case 'SlotEvent':
        if (!this.#slots.isPresent(message.slot, message.generation)) return
        return this.#onSlotEvent(message.slot, message.event)
      case 'RegionOpened':
      case 'RegionAborted':
      case 'BackoffElapsed':
      case 'ReplacementDue':
      case 'SubtaskReplaced':
        return this.#apply(message)
      case 'CommandFailed':
        return this.#onCommandFailed(message)
      case 'EchoDue':
        return this.#failures.echoDue(message.failed, message.subtask)
      case 'Decided':
        return this.#failures.decided(message)
      case 'StopOverdue':
        return this.#killSilent()
      case 'SplitsListed':
        return this.#splits.listed(message.chain, message.attempt, message.listing)
      case 'RestartRegion':
        return this.#failures.restartAsked(message.request)
      case 'Drain':
        return this.#apply({ kind: 'DrainRequested' })
      case 'Cancel':
        return this.#apply({ kind: 'CancelRequested' })
      case 'Stop':
        return this.#apply({ kind: 'StopRequested' })
      case 'Savepoint':
        return this.#onSavepoint(message.request)
      case 'SavepointsWithdrawn':
        return this.#rounds?.withdrawRequests(message.reason)
      case 'SnapshotsFailed':
        return this.#fail(message.error)
      case 'SnapshotsSettled':
        return this.#context.stop()
      default:
        unreachable(message)
    }
  }

  async stopped(): Promise<void> {
    await this.#slots.killAll('the job has ended')
    await this.#parts.snapshots?.stores.close().catch(() => {})
    const { state } = this.#record
    if (isEnded(state)) this.#parts.board.ended(state, this.#cause)
  }

  // ---- slots --------------------------------------------------------------------------------

  /** All that is told here comes before anything that its slots do from now on. */
  #goOn({ adopted, slots }: TakenOver): void {
    this.#opening.adopted(adopted.regions.keys())
    this.#apply({ kind: 'Adopted', ...adopted })
    const attemptOf = (subtask: SubtaskId) => this.#record.regions[this.#regionOf(subtask)]!.attempt
    for (const [chain, splits] of adopted.splits) {
      this.#splits.goOn(chain, attemptOf({ chain, index: 0 }), splits)
    }
    for (const name of adopted.asking) {
      this.#splits.requested(subtaskOf(name), attemptOf(subtaskOf(name)))
    }
    for (const name of adopted.committing) {
      const subtask = subtaskOf(name)
      this.#rounds?.onEvent({ kind: 'CommitAwaited', subtask, attempt: attemptOf(subtask) })
    }
    this.#slots.goOn(slots)
  }

  #onSlotEvent(slot: number, event: SlotEvent): void {
    switch (event.kind) {
      case 'SplitsRequested':
        return this.#splits.requested(event.subtask, event.attempt)
      case 'SubtaskFinished':
        this.#parts.board.subtaskFinished(this.#nameOf(event.subtask), event.subtask.index)
        this.#onRoundEvent(event)
        return this.#apply({
          kind: 'SubtaskFinished',
          region: this.#regionOf(event.subtask),
          attempt: event.attempt,
        })
      case 'SubtaskFailed':
        return this.#failures.failed(
          {
            region: this.#regionOf(event.subtask),
            attempt: event.attempt,
            operator: event.operator,
            subtask: event.subtask.index,
            error: event.error,
          },
          event.subtask,
        )
      case 'SlotLost':
        return this.#onSlotLost(slot, event.error, event.operator)
      case 'SnapshotAcknowledged':
      case 'SnapshotDeclined':
      case 'CommitAwaited':
        return this.#onRoundEvent(event)
      case 'SubtaskStalled':
        return this.#parts.board.subtaskStalled(
          this.#nameOf(event.subtask),
          event.subtask.index,
          event.stalledMs,
          event.stack,
        )
      case 'MetricsReported':
        return this.#parts.board.metricsReported(event.reports)
      case 'Log':
        return this.#parts.board.log(event.level, event.message)
      default:
        unreachable(event)
    }
  }

  #onSlotLost(slot: number, error: ErrorData, operator: string | null): void {
    this.#slots.lost(slot)
    const before = this.#record.regions
    this.#apply({ kind: 'SlotLost', slot })
    for (const { id, attempt, slots, phase } of this.#record.regions) {
      if (!slots.includes(slot) || phase === 'Finished') continue
      if (before[id]!.accounted.includes(slot)) {
        this.#parts.board.log('warn', `slot ${slot} is lost, too: ${error.message}`)
        continue
      }
      this.#failures.failed({
        region: id,
        attempt,
        operator: operator ?? `slot ${slot}`,
        subtask: -1,
        error,
      })
    }
  }

  // ---- snapshots and splits -----------------------------------------------------------------

  #openRounds(snapshots: JobSnapshots): JobRounds {
    const { run, plan, board, taken, counters, progress } = this.#parts
    const { self } = this.#context
    const owner: JobRoundsOwner = {
      spawn: (name, setup) => this.#context.spawn(name, setup),
      tellSlots: (tell) => this.#slots.tell('snapshot', tell),
      askSlots: async (ask, among) => {
        const asked = this.#slots.prepared.filter(([index]) => among?.has(index) !== false)
        // What a slot that dies has not committed is committed by the restart.
        await Promise.all(asked.map(([, commands]) => ask(commands).catch(() => {})))
      },
      unassigned: () => this.#splits.unassigned,
      read: () => recordsRead(plan, counters),
      progressed: (region) => {
        this.#parts.policy.progressed(`region ${region}`)
      },
      progressMade: () => this.#opening.changed(),
      failed: (error) => self.control({ kind: 'SnapshotsFailed', error }),
      report: (report) => board.snapshot(report),
    }
    return new JobRounds(run, plan, snapshots, taken?.adopted ?? null, owner, progress)
  }

  #onSavepoint(request: SavepointRequest): void {
    if (this.#rounds === null) request.failed(noSnapshots())
    else this.#rounds.request(request)
  }

  #onRoundEvent(event: RoundEvent): void {
    const subtask = event.kind === 'SnapshotAcknowledged' ? event.ack.subtask : event.subtask
    const { attempt } = this.#record.regions[this.#regionOf(subtask)]!
    if (attempt === event.attempt) this.#rounds?.onEvent(event)
  }

  #enumerate(subtask: SubtaskId, attempt: number): void {
    const { chain } = subtask
    const slot = this.#slotOf(subtask)
    const { node } = this.#parts.plan.chains[chain]!.steps[0]!
    this.#slots.command(
      'enumerate',
      slot,
      this.#slots.commandsOf(slot).enumerate(node),
      (listing) => ({ kind: 'SplitsListed', chain, attempt, listing }),
      { region: this.#regionOf(subtask), attempt, operator: this.#parts.operators[node]! },
    )
  }

  #assign(subtask: SubtaskId, attempt: number, splits: readonly Split[], last: boolean): void {
    const slot = this.#slotOf(subtask)
    // Whoever has asked was lost with its slot, and its attempt ends: the next slot knows nothing of it.
    if (!this.#slots.isPrepared(slot)) return
    const assigned = this.#slots.commandsOf(slot).assign(subtask, attempt, splits, last)
    this.#slots.command('assign', slot, assigned, null)
  }

  // ---- failures -----------------------------------------------------------------------------

  #restart(region: number, attempt: number, delayMs: number): void {
    this.#rounds?.failed(region, this.#record.regions[region]!.phase === 'Running')
    this.#parts.board.restarting(region, attempt, delayMs, this.#parts.plan.guarantee)
    this.#apply({ kind: 'RegionFailed', region, attempt, delayMs })
    this.#opening.changed()
  }

  #replace({ region, attempt }: FailedRegion, subtask: SubtaskId, delayMs: number): void {
    this.#parts.board.replacing(this.#nameOf(subtask), subtask.index, delayMs)
    const slot = this.#slotOf(subtask)
    this.#apply({ kind: 'SubtaskFailed', region, attempt, subtask, slot, delayMs })
    this.#opening.changed()
  }

  #onCommandFailed(message: JobMessage & { kind: 'CommandFailed' }): void {
    const { command, slot, generation, region, attempt, operator, error } = message
    // The death of a slot is reported by the slot itself, with its cause; and an opening is aborted from here.
    if (!this.#slots.isPresent(slot, generation) || TOLD.has(error.code)) return
    if (region === null || attempt === null) return this.#fail(error)
    this.#failures.failed({ region, attempt, operator: operator ?? command, subtask: -1, error })
  }

  #fail(error: ErrorData): void {
    this.#cause ??= error
    this.#apply({ kind: 'JobFailed' })
  }

  // ---- the protocol -------------------------------------------------------------------------

  #apply(event: JobStepEvent): void {
    const before = this.#record.state
    const { record, orders } = stepJob(this.#record, event)
    this.#record = record
    if (orders.some(({ kind }) => kind === 'OpenRegion')) {
      this.#opening.attemptsGiven()
    }
    if (record.state !== before) this.#onStateChanged(before, record.state)
    this.#rounds?.regionsChanged(record)
    for (const order of orders) this.#orders.carryOut(order)
  }

  /**
   * A slot that hosts nothing is waited for by no region: its place is known later. Where it cannot be saved
   * the next coordinator begins the job again.
   */
  #onSlotReady(slot: number): void {
    const { attempts } = this.#record
    this.#apply({ kind: 'SlotReady', slot })
    if (this.#record.attempts === attempts) this.#opening.changed()
  }

  #onStateChanged(before: JobState, state: JobState): void {
    this.#parts.board.stateChanged(before, state)
    if (isToEnd(state)) this.#context.after(STOP_MS, { kind: 'StopOverdue' })
  }

  /** A thread in a long turn hears no order; that of the job's end does not wait for it. */
  #killSilent(): void {
    const silent = new Set(this.#record.regions.flatMap(({ awaited }) => awaited))
    for (const index of silent) this.#slots.kill(index, 'it did not stop in time')
  }

  // ---- the plan -----------------------------------------------------------------------------

  #regionOf(subtask: SubtaskId): number {
    return regionOf(this.#parts.plan, subtask.chain)
  }

  #nameOf(subtask: SubtaskId): string {
    return this.#parts.plan.chains[subtask.chain]!.name
  }

  #slotOf(subtask: SubtaskId): number {
    return slotOf(subtask.index, this.#parts.pool.size)
  }
}

const noSnapshots = (): MillraceError =>
  new MillraceError(
    'E_NO_CHECKPOINTS',
    'this job takes no snapshots: run it with checkpoint: { directory } (--checkpoint-dir)',
  )
