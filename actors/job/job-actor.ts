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
 * Under `best-effort` a subtask that fails by itself is replaced by itself; see
 * `lib/job/replacement.ts`, and the order of commands in `worker/protocol.ts`.
 *
 * What happens comes in as messages and becomes an event of the pure protocol; the orders that come
 * back are carried out by commands to slots, whose answers are messages again.
 */
import { assert, unreachable } from '../../lib/base/assert.js'
import { type ErrorData, errorFromData, errorToData, MillraceError } from '../../lib/base/errors.js'
import { createSplitAssigner, type SplitAssigner } from '../../lib/connectors/split-assigner.js'
import type { Plan } from '../../lib/graph/plan.js'
import { subtaskName, subtasksOf } from '../../lib/graph/subtasks.js'
import {
  createJobRecord,
  isEnded,
  type JobRecord,
  type JobState,
} from '../../lib/job/job-record.js'
import { type JobOrder, type JobStepEvent, stepJob } from '../../lib/job/job-step.js'
import { BARRIER } from '../../lib/operators/signal.js'
import type { NamedNode } from '../../lib/snapshot/build-manifest.js'
import type { CheckpointSettings } from '../../lib/snapshot/checkpoint.js'
import type { Manifest, SnapshotMode, UnassignedSplits } from '../../lib/snapshot/manifest.js'
import { type RestoreOrder, restoreOrders } from '../../lib/snapshot/restore-plan.js'
import { createCheckpointActor } from '../checkpoint/checkpoint-actor.js'
import type { CheckpointMessage, SavepointRequest } from '../checkpoint/protocol.js'
import type { SnapshotStores } from '../checkpoint/snapshot-stores.js'
import type { ActorContext, Behaviour } from '../kernel/behaviour.js'
import type { ActorRef } from '../kernel/ref.js'
import type {
  JobModule,
  RuntimeSettings,
  Slot,
  SlotCommands,
  SlotEvent,
  SubtaskId,
} from '../worker/protocol.js'
import type { JobBoard } from './job-board.js'
import type { FailedRegion, JobMessage } from './protocol.js'
import type { RestartPolicy } from './restart-policy.js'

/** Makes slots and links them. */
export interface SlotPool {
  readonly size: number
  create(index: number): Slot
  connect(a: Slot, b: Slot): Promise<void>
}

export interface JobParts {
  readonly id: string
  /** Names this run in files and chunks. */
  readonly run: string
  readonly plan: Plan
  /** Names of the graph's nodes, by id. */
  readonly operators: readonly string[]
  readonly pool: SlotPool
  readonly module: JobModule
  readonly settings: RuntimeSettings
  readonly counters: SharedArrayBuffer
  readonly operatorCounters: SharedArrayBuffer
  readonly policy: RestartPolicy
  readonly board: JobBoard
  /** Null where no snapshots are taken. */
  readonly snapshots: JobSnapshots | null
}

/** What the job's snapshots are made with. */
export interface JobSnapshots {
  readonly stores: SnapshotStores
  readonly settings: CheckpointSettings
  readonly mode: SnapshotMode
  /** The graph's nodes, by id. */
  readonly nodes: readonly NamedNode[]
}

/**
 * What the neighbours of a dead slot fail with. They may be heard before the death itself, which
 * brings the cause: for so long it is waited for.
 */
const ECHOES: ReadonlySet<string | null> = new Set(['E_CHANNEL_LOST', 'E_NO_LINK'])
const DEATH_NOTICE_MS = 1000
/** An ending job asks its slots to stop; what user code has not let go of by then is killed. */
const STOP_MS = 600

interface SlotEntry {
  readonly slot: Slot
  /** Raised with each replacement, so that the voice of a dead slot is recognised. */
  readonly generation: number
  prepared: boolean
}

/** Splits of one source chain at one attempt: requests wait here until they are listed. */
interface SourceSplits {
  readonly attempt: number
  assigner: SplitAssigner | null
  concurrent: boolean
  readonly waiting: SubtaskId[]
}

type Context = ActorContext<JobMessage>

export function createJobActor(parts: JobParts): (context: Context) => Behaviour<JobMessage> {
  return (context) => new JobActor(parts, context)
}

class JobActor implements Behaviour<JobMessage> {
  readonly #parts: JobParts
  readonly #context: Context
  readonly #slots: SlotEntry[] = []
  readonly #splits = new Map<number, SourceSplits>()
  #record: JobRecord
  /** What ended the job, once something has. */
  #cause: ErrorData | null = null
  #checkpoint: ActorRef<CheckpointMessage> | null = null
  /** All regions run, as the checkpoint actor was told. */
  #isUp = false
  /** The snapshot that regions were opened from last. */
  #restoredFrom: Manifest | null = null
  /** Names of subtasks that have finished in the present attempt of their region. */
  readonly #finished = new Set<string>()

  constructor(parts: JobParts, context: Context) {
    this.#parts = parts
    this.#context = context
    this.#record = createJobRecord(regionShapes(parts.plan, parts.pool.size), parts.pool.size)
  }

  started(): void {
    const { snapshots } = this.#parts
    if (snapshots !== null) this.#checkpoint = this.#spawnCheckpoint(snapshots)
    for (let index = 0; index < this.#parts.pool.size; index++) this.#startSlot(index, 0)
  }

  receive(message: JobMessage): void {
    switch (message.kind) {
      case 'SlotSetUp':
        return this.#onSlotSetUp(message.slot, message.generation)
      case 'SlotEvent':
        if (this.#slots[message.slot]?.generation !== message.generation) return
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
        return this.#onEchoDue(message.failed, message.subtask)
      case 'StopOverdue':
        return this.#killSilent()
      case 'SplitsListed':
        return this.#onSplitsListed(message)
      case 'Drain':
        return this.#apply({ kind: 'DrainRequested' })
      case 'Cancel':
        return this.#apply({ kind: 'CancelRequested' })
      case 'Savepoint':
        return this.#onSavepoint(message.request)
      case 'SnapshotsFailed':
        return this.#fail(message.error, null)
      case 'SnapshotsSettled':
        return this.#context.stop()
      default:
        unreachable(message)
    }
  }

  async stopped(): Promise<void> {
    await Promise.all(this.#slots.map(({ slot }) => slot.kill('the job has ended')))
    await this.#parts.snapshots?.stores.close().catch(() => {})
    const { state } = this.#record
    if (isEnded(state)) this.#parts.board.ended(state, this.#cause)
  }

  // ---- slots --------------------------------------------------------------------------------

  #startSlot(index: number, generation: number): void {
    const { pool, id, run, plan, settings, counters, operatorCounters, module } = this.#parts
    const { board, snapshots } = this.#parts
    const slot = pool.create(index)
    if (snapshots !== null) {
      const { stores } = snapshots
      slot.chunks = {
        put: (round, chunk, bytes) => stores.put(round, chunk, bytes),
        get: (_round, chunk) => stores.get(chunk),
      }
    }
    slot.onEvent = (event) =>
      this.#context.self.control({ kind: 'SlotEvent', slot: index, generation, event })
    slot.onResults = (records) => board.publishResults(records)
    this.#slots[index] = { slot, generation, prepared: false }
    const setup = {
      job: id,
      run,
      slot: index,
      slots: pool.size,
      plan,
      settings,
      counters,
      operatorCounters,
    }
    this.#command('setUp', index, slot.commands.setUp(setup, module), () => ({
      kind: 'SlotSetUp',
      slot: index,
      generation,
    }))
  }

  /** Links the new slot with every other; the last link makes it ready. */
  #onSlotSetUp(index: number, generation: number): void {
    const entry = this.#slots[index]
    if (entry === undefined || entry.generation !== generation) return
    if (entry.prepared) return this.#apply({ kind: 'SlotReady', slot: index })
    entry.prepared = true
    const links = this.#slots
      .filter((other) => other !== entry && other.prepared)
      .map((other) => this.#link(entry.slot, other.slot))
    this.#command('connect', index, Promise.all(links), () => ({
      kind: 'SlotSetUp',
      slot: index,
      generation,
    }))
  }

  /** Where one of the two has died, its successor will make the link. */
  async #link(slot: Slot, other: Slot): Promise<void> {
    try {
      await this.#parts.pool.connect(slot, other)
    } catch (error) {
      if (!(error instanceof MillraceError && error.code === 'E_WORKER_DIED')) throw error
    }
  }

  #onSlotEvent(slot: number, event: SlotEvent): void {
    switch (event.kind) {
      case 'SplitsRequested':
        return this.#onSplitsRequested(event.subtask, event.attempt)
      case 'SubtaskFinished':
        this.#parts.board.subtaskFinished(this.#nameOf(event.subtask), event.subtask.index)
        this.#onFinished(event.subtask, event.attempt)
        return this.#apply({
          kind: 'SubtaskFinished',
          region: this.#regionOf(event.subtask),
          attempt: event.attempt,
        })
      case 'SubtaskFailed':
        return this.#onFailure(
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
        if (!this.#isCurrent(event.ack.subtask, event.attempt)) return
        return this.#checkpoint?.control({ kind: 'Acknowledged', ack: event.ack })
      case 'SnapshotDeclined': {
        if (!this.#isCurrent(event.subtask, event.attempt)) return
        const { round, subtask, error } = event
        return this.#checkpoint?.control({
          kind: 'Declined',
          round,
          subtask,
          reason: error.message,
        })
      }
      case 'CommitAwaited':
        if (!this.#isCurrent(event.subtask, event.attempt)) return
        return this.#checkpoint?.control({ kind: 'CommitAwaited', subtask: event.subtask })
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
    this.#slots[slot]!.prepared = false
    this.#apply({ kind: 'SlotLost', slot })
    for (const { id, attempt, slots, phase } of this.#record.regions) {
      if (!slots.includes(slot) || phase === 'Finished') continue
      this.#onFailure({
        region: id,
        attempt,
        operator: operator ?? `slot ${slot}`,
        subtask: -1,
        error,
      })
    }
  }

  // ---- snapshots ----------------------------------------------------------------------------

  #spawnCheckpoint({ stores, settings, mode, nodes }: JobSnapshots) {
    const { run, plan, board } = this.#parts
    const { self } = this.#context
    return this.#context.spawn<CheckpointMessage>(
      'checkpoint',
      createCheckpointActor({
        run,
        plan,
        nodes,
        mode,
        settings,
        stores,
        owner: {
          trigger: (round, full, stop) => this.#trigger(round.round, full, stop),
          complete: (round) => this.#completeRound(round),
          abandon: (round) => this.#tellSlots((commands) => commands.snapshotAbandoned(round)),
          failJob: (reason) =>
            self.control({ kind: 'SnapshotsFailed', error: tooManyFailed(reason) }),
          report: (report) => board.snapshot(report),
        },
      }),
    )
  }

  /** The assigners are asked in the same turn in which the orders leave: they see the same splits. */
  #trigger(round: number, full: boolean, stop: boolean): ReadonlyMap<number, UnassignedSplits> {
    const barrier = { tag: BARRIER, round, full } as const
    this.#tellSlots((commands) => commands.snapshot(barrier, stop))
    const unassigned = new Map<number, UnassignedSplits>()
    for (const [chain, { assigner, concurrent }] of this.#splits) {
      if (assigner === null) continue
      const splits = assigner.remaining.map(({ id, data }) => ({ id, data, position: null }))
      unassigned.set(this.#sourceNode(chain), { concurrent, splits })
    }
    return unassigned
  }

  async #completeRound(round: number): Promise<void> {
    const committed = this.#slots
      .filter(({ prepared }) => prepared)
      // What is not committed because its slot has died, is committed by the restart.
      .map(({ slot }) => slot.commands.snapshotCompleted(round).catch(() => {}))
    await Promise.all(committed)
  }

  #tellSlots(tell: (commands: SlotCommands) => Promise<void>): void {
    for (const [index, { slot, prepared }] of this.#slots.entries()) {
      if (prepared) this.#command('snapshot', index, tell(slot.commands), null)
    }
  }

  #onSavepoint(request: SavepointRequest): void {
    if (this.#checkpoint === null) return request.failed(noSnapshots())
    this.#checkpoint.control({ kind: 'SavepointRequested', request })
  }

  #onFinished(subtask: SubtaskId, attempt: number): void {
    if (!this.#isCurrent(subtask, attempt)) return
    this.#finished.add(subtaskName(subtask))
    this.#checkpoint?.control({ kind: 'Finished', subtask })
  }

  #isCurrent(subtask: SubtaskId, attempt: number): boolean {
    return this.#record.regions[this.#regionOf(subtask)]!.attempt === attempt
  }

  /** Rounds are taken while all regions run, and only then. */
  #tellWhetherUp(): void {
    const { regions, state } = this.#record
    const isUp =
      !isEnded(state) &&
      regions.every(({ phase }) => phase === 'Running' || phase === 'Finished') &&
      regions.some(({ phase }) => phase === 'Running')
    if (isUp === this.#isUp || this.#checkpoint === null) return
    // What ends by itself still has its last round to take.
    if (!isUp && regions.every(({ phase }) => phase === 'Finished')) return
    this.#isUp = isUp
    if (!isUp) return this.#checkpoint.control({ kind: 'Stopped', reason: 'a region has stopped' })
    const live = subtasksOf(this.#parts.plan).filter((id) => !this.#finished.has(subtaskName(id)))
    this.#checkpoint.control({ kind: 'Started', live })
  }

  /** What the region's subtasks of one slot go on from, once it is known which round is the last. */
  async #restoreOf(
    region: number,
    slot: number,
  ): Promise<ReadonlyMap<string, RestoreOrder> | null> {
    const { snapshots, plan } = this.#parts
    const checkpoint = this.#checkpoint
    if (snapshots === null || checkpoint === null) return null
    const latest = await new Promise<Manifest | null>((tell) =>
      checkpoint.control({ kind: 'WhenSettled', tell }),
    )
    this.#restoredFrom = latest
    if (latest === null) return null
    const { chains } = plan.regions[region]!
    const hosted = subtasksOf(plan).filter(
      (subtask) => chains.includes(subtask.chain) && this.#slotOf(subtask) === slot,
    )
    return restoreOrders(latest, plan, snapshots.nodes, hosted)
  }

  async #openRegion(region: number, attempt: number, slot: number): Promise<void> {
    const { commands } = this.#slots[slot]!.slot
    await commands.open(region, attempt, await this.#restoreOf(region, slot))
  }

  // ---- splits -------------------------------------------------------------------------------

  #onSplitsRequested(subtask: SubtaskId, attempt: number): void {
    const { chain } = subtask
    let splits = this.#splits.get(chain)
    if (splits === undefined || splits.attempt < attempt) {
      splits = { attempt, assigner: null, concurrent: false, waiting: [] }
      this.#splits.set(chain, splits)
      const node = this.#sourceNode(chain)
      const restored = this.#restoredSplits(node)
      if (restored !== null) {
        const { concurrent } = restored
        const listing = {
          splits: restored.splits.map(({ id, data }) => ({ id, data })),
          concurrent,
        }
        splits.waiting.push(subtask)
        return this.#onSplitsListed({ kind: 'SplitsListed', chain, attempt, listing })
      }
      const slot = this.#slotOf(subtask)
      this.#command(
        'enumerate',
        slot,
        this.#slots[slot]!.slot.commands.enumerate(node),
        (listing) => ({ kind: 'SplitsListed', chain, attempt, listing }),
        { region: this.#regionOf(subtask), attempt, operator: this.#sourceOf(chain) },
      )
    }
    if (splits.attempt > attempt) return
    if (splits.assigner === null) splits.waiting.push(subtask)
    else this.#assign(subtask, attempt, splits.assigner)
  }

  #onSplitsListed({ chain, attempt, listing }: JobMessage & { kind: 'SplitsListed' }): void {
    const splits = this.#splits.get(chain)
    if (splits === undefined || splits.attempt !== attempt) return
    const { parallelism } = this.#parts.plan.chains[chain]!
    const { concurrent } = listing
    splits.concurrent = concurrent
    splits.assigner = createSplitAssigner(listing.splits, { parallelism, concurrent })
    for (const subtask of splits.waiting) this.#assign(subtask, attempt, splits.assigner)
    splits.waiting.length = 0
  }

  #assign(subtask: SubtaskId, attempt: number, assigner: SplitAssigner): void {
    const { splits, last, isLastOfAll } = assigner.next(subtask.index)
    const slot = this.#slotOf(subtask)
    const assigned = this.#slots[slot]!.slot.commands.assign(subtask, attempt, splits, last)
    this.#command('assign', slot, assigned, null)
    if (isLastOfAll) this.#tellOthersLast(subtask, attempt)
  }

  /** Those that have not asked know at once, too: event time need not wait for what they might get. */
  #tellOthersLast({ chain, index }: SubtaskId, attempt: number): void {
    const { parallelism } = this.#parts.plan.chains[chain]!
    for (let other = 0; other < parallelism; other++) {
      if (other === index) continue
      const slot = this.#slotOf({ chain, index: other })
      const { commands } = this.#slots[slot]!.slot
      this.#command(
        'assign',
        slot,
        commands.assign({ chain, index: other }, attempt, [], true),
        null,
      )
    }
  }

  // ---- failures -----------------------------------------------------------------------------

  #onFailure(failed: FailedRegion, subtask: SubtaskId | null = null): void {
    const isEcho = ECHOES.has(failed.error.code)
    if (isEcho) this.#context.after(DEATH_NOTICE_MS, { kind: 'EchoDue', failed, subtask })
    else this.#decide(failed, subtask)
  }

  /** Where the attempt has ended meanwhile, its end was what the echo came from. */
  #onEchoDue(failed: FailedRegion, subtask: SubtaskId | null): void {
    const { phase } = this.#record.regions[failed.region]!
    if (phase !== 'Waiting') this.#decide(failed, subtask)
  }

  /**
   * Only the first failure of an attempt counts: what follows are its echoes. Under `best-effort` a
   * subtask of a running region fails alone, and has no echoes; `subtask` is null for what did not
   * begin in one.
   */
  #decide(failed: FailedRegion, subtask: SubtaskId | null): void {
    const { id, attempt, phase } = this.#record.regions[failed.region]!
    const isCurrent = phase === 'Running' || phase === 'Opening' || phase === 'Waiting'
    if (attempt !== failed.attempt || !isCurrent) return
    const { plan, policy, board } = this.#parts
    // A channel that is lost or broken has two ends, and the slot of the other may be gone.
    const isChannel = failed.error.code?.startsWith('E_CHANNEL') === true
    const isAlone = plan.demanded === 'best-effort' && phase === 'Running' && !isChannel
    const alone = isAlone ? subtask : null
    const group = alone === null ? `region ${id}` : `subtask ${subtaskName(alone)}`
    const facts = board.describeFailure(failed, policy.attemptOf(group))
    // What has never run has lost nothing that would have to be read again.
    const unrepeatable = attempt === 0 ? [] : plan.regions[id]!.unrepeatable
    const outcome = policy.decide(group, facts, unrepeatable)
    board.failure(outcome.failure)
    if (outcome.kind === 'fail') return this.#fail(outcome.failure.error, outcome.reason)
    const { delayMs } = outcome
    if (alone === null) {
      board.restarting(id, attempt, delayMs, plan.guarantee)
      return this.#apply({ kind: 'RegionFailed', region: id, attempt, delayMs })
    }
    board.replacing(this.#nameOf(alone), alone.index, delayMs)
    const slot = this.#slotOf(alone)
    this.#apply({ kind: 'SubtaskFailed', region: id, attempt, subtask: alone, slot, delayMs })
  }

  #onCommandFailed(message: JobMessage & { kind: 'CommandFailed' }): void {
    const { command, slot, generation, region, attempt, operator, error } = message
    // The death of a slot is reported by the slot itself, with its cause.
    if (this.#slots[slot]?.generation !== generation || error.code === 'E_WORKER_DIED') return
    if (region === null || attempt === null) return this.#fail(error, null)
    this.#onFailure({ region, attempt, operator: operator ?? command, subtask: -1, error })
  }

  #fail(error: ErrorData, reason: string | null): void {
    this.#cause ??= reason === null ? error : withReason(error, reason)
    this.#apply({ kind: 'JobFailed' })
  }

  // ---- the protocol -------------------------------------------------------------------------

  #apply(event: JobStepEvent): void {
    const before = this.#record.state
    const { record, orders } = stepJob(this.#record, event)
    this.#record = record
    if (record.state !== before) this.#onStateChanged(before, record.state)
    this.#tellWhetherUp()
    for (const order of orders) this.#carryOut(order)
  }

  #onStateChanged(before: JobState, state: JobState): void {
    this.#parts.board.stateChanged(before, state)
    const isEnding = state === 'Cancelling' || state === 'Failing'
    if (isEnding) this.#context.after(STOP_MS, { kind: 'StopOverdue' })
  }

  /** A thread in a long turn hears no order; that of the job's end does not wait for it. */
  #killSilent(): void {
    const silent = new Set(this.#record.regions.flatMap(({ awaited }) => awaited))
    for (const index of silent) void this.#slots[index]!.slot.kill('it did not stop in time')
  }

  #carryOut(order: JobOrder): void {
    switch (order.kind) {
      case 'OpenRegion': {
        const { region, attempt, slot } = order
        for (const subtask of subtasksOf(this.#parts.plan)) {
          if (this.#regionOf(subtask) === region) this.#finished.delete(subtaskName(subtask))
        }
        const opened = this.#openRegion(region, attempt, slot)
        const message = { kind: 'RegionOpened', region, attempt, slot } as const
        return this.#command('open', slot, opened, () => message, { region, attempt })
      }
      case 'StartRegion': {
        const { region, attempt, slot } = order
        const started = this.#slots[slot]!.slot.commands.start(region, attempt)
        return this.#command('start', slot, started, null, { region, attempt })
      }
      case 'AbortRegion': {
        const { region, attempt, slot } = order
        const aborted = this.#slots[slot]!.slot.commands.abort(region, attempt)
        const message = { kind: 'RegionAborted', region, attempt, slot } as const
        return this.#command('abort', slot, aborted, () => message, { region, attempt })
      }
      case 'StartBackoff': {
        const { region, attempt, delayMs } = order
        this.#context.after(delayMs, { kind: 'BackoffElapsed', region, attempt })
        return
      }
      case 'StartReplacementBackoff': {
        const { region, attempt, revision, delayMs } = order
        this.#context.after(delayMs, { kind: 'ReplacementDue', region, attempt, revision })
        return
      }
      case 'ReplaceSubtask': {
        const { region, attempt, revision, subtask, slot } = order
        const replaced = this.#slots[slot]!.slot.commands.replace(subtask, attempt, revision)
        const message = { kind: 'SubtaskReplaced', region, attempt, revision, slot } as const
        return this.#command('replace', slot, replaced, () => message, { region, attempt })
      }
      case 'StartSubtask': {
        const { region, attempt, subtask, slot } = order
        const started = this.#slots[slot]!.slot.commands.start(region, attempt, subtask)
        return this.#command('start', slot, started, null, { region, attempt })
      }
      case 'ReplaceSlot':
        return this.#replaceSlot(order.slot)
      case 'DrainSources':
        for (const [index, { slot, prepared }] of this.#slots.entries()) {
          if (prepared) this.#command('drain', index, slot.commands.drain(), null)
        }
        return
      case 'End':
        return this.#end()
      default:
        unreachable(order)
    }
  }

  /** A round that is being written is written; what ends by itself has one last round. */
  #end(): void {
    if (this.#checkpoint === null) return this.#context.stop()
    const { self } = this.#context
    this.#checkpoint.control({
      kind: 'WhenSettled',
      tell: () => self.control({ kind: 'SnapshotsSettled' }),
    })
  }

  #replaceSlot(index: number): void {
    const { slot, generation } = this.#slots[index]!
    void slot.kill('replaced')
    this.#startSlot(index, generation + 1)
  }

  /** Sends the answer of a command, or its failure, to the actor itself. */
  #command<R>(
    command: string,
    slot: number,
    answer: Promise<R>,
    toMessage: ((result: R) => JobMessage) | null,
    of: CommandSubject | null = null,
  ): void {
    const { self } = this.#context
    const generation = this.#slots[slot]!.generation
    const failed = (error: unknown) =>
      self.control({
        kind: 'CommandFailed',
        command,
        slot,
        generation,
        region: of?.region ?? null,
        attempt: of?.attempt ?? null,
        operator: of?.operator ?? null,
        error: errorToData(error),
      })
    answer.then((result) => {
      if (toMessage !== null) self.control(toMessage(result))
    }, failed)
  }

  // ---- the plan -----------------------------------------------------------------------------

  #regionOf(subtask: SubtaskId): number {
    const region = this.#parts.plan.regions.find(({ chains }) => chains.includes(subtask.chain))
    assert(region !== undefined, 'every chain belongs to a region')
    return region.id
  }

  #nameOf(subtask: SubtaskId): string {
    return this.#parts.plan.chains[subtask.chain]!.name
  }

  /** What the snapshot says was not handed out; null where it does not know, or there is none. */
  #restoredSplits(node: number): UnassignedSplits | null {
    const name = this.#parts.snapshots?.nodes[node]?.name
    const stored = this.#restoredFrom?.operators.find((operator) => operator.name === name)
    return stored?.unassigned ?? null
  }

  #sourceNode(chain: number): number {
    return this.#parts.plan.chains[chain]!.steps[0]!.node
  }

  #sourceOf(chain: number): string {
    return this.#parts.operators[this.#parts.plan.chains[chain]!.steps[0]!.node]!
  }

  #slotOf(subtask: SubtaskId): number {
    return subtask.index % this.#parts.pool.size
  }
}

/** What a command is about; a failure of it is theirs. */
interface CommandSubject {
  readonly region: number
  readonly attempt: number
  readonly operator?: string
}

function regionShapes(plan: Plan, slots: number) {
  return plan.regions.map(({ id, chains }) => {
    const widths = chains.map((chain) => plan.chains[chain]!.parallelism)
    const used = Math.min(slots, Math.max(...widths))
    return {
      id,
      slots: Array.from({ length: used }, (_, slot) => slot),
      subtasks: widths.reduce((sum, width) => sum + width, 0),
    }
  })
}

const noSnapshots = (): MillraceError =>
  new MillraceError(
    'E_NO_CHECKPOINTS',
    'this job takes no snapshots: run it with checkpoint: { directory } (--checkpoint-dir)',
  )

const tooManyFailed = (reason: string): ErrorData =>
  errorToData(
    new MillraceError('E_CHECKPOINTS_FAILED', `too many snapshots in a row have failed: ${reason}`),
  )

function withReason(error: ErrorData, reason: string): ErrorData {
  return errorToData(
    new MillraceError(error.code ?? 'E_JOB_FAILED', `${error.message} (${reason})`, {
      details: error.details,
      cause: errorFromData(error),
    }),
  )
}
