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
import { unreachable } from '../../lib/base/assert.js'
import { type ErrorData, errorFromData, errorToData, MillraceError } from '../../lib/base/errors.js'
import type { Split } from '../../lib/connectors/source.js'
import { planHash } from '../../lib/graph/fingerprint.js'
import type { Plan } from '../../lib/graph/plan.js'
import {
  regionOf,
  rowOf,
  slotOf,
  subtaskName,
  subtaskOf,
  subtasksOf,
} from '../../lib/graph/subtasks.js'
import type { Adopted, Deployment } from '../../lib/job/adoption.js'
import {
  createJobRecord,
  isEnded,
  type JobRecord,
  type JobState,
} from '../../lib/job/job-record.js'
import { type JobOrder, type JobStepEvent, stepJob } from '../../lib/job/job-step.js'
import { column, counterRow } from '../../lib/metrics/counters.js'
import type { Failure } from '../../lib/supervision/failure.js'
import type { Ask, Decision } from '../../lib/supervision/strategy.js'
import type { SavepointRequest } from '../checkpoint/protocol.js'
import type { ActorContext, Behaviour } from '../kernel/behaviour.js'
import type { AdoptedSlot, Slot, SlotEvent, SubtaskId } from '../worker/protocol.js'
import { JobRounds, type JobSnapshots, type RoundEvent } from './job-rounds.js'
import type { FailedRegion, JobMessage, RestartRequest } from './protocol.js'
import type { RestartPolicy } from './restart-policy.js'
import { SlotTable, type SlotTableParts } from './slot-table.js'
import { SplitDesk } from './split-desk.js'

export interface JobParts extends SlotTableParts {
  /** Names of the graph's nodes, by id. */
  readonly operators: readonly string[]
  readonly policy: RestartPolicy
  /** Asked before the policy. */
  readonly ask: Ask
  /** What it goes on with; null where it begins. */
  readonly taken: TakenOver | null
  /** Resolves when it is durable that regions are deployed so. Called before any of it is opened. */
  readonly deployed: (attempts: DeployedAttempts, slots: readonly Slot[]) => Promise<void>
}

/** What runs already, under a coordinator that is no more. */
export interface TakenOver {
  readonly adopted: Adopted
  /** By index. */
  readonly slots: readonly AdoptedSlot[]
}

export type DeployedAttempts = Pick<Deployment, 'run' | 'plan' | 'attempts' | 'regions'>

/**
 * What the neighbours of a dead slot fail with. They may be heard before the death itself, which
 * brings the cause: for so long it is waited for.
 */
const ECHOES: ReadonlySet<string | null> = new Set(['E_CHANNEL_LOST', 'E_NO_LINK'])
const DEATH_NOTICE_MS = 1000
/** What commands fail with of which the cause has been told, or will be: no failures of their own. */
const TOLD: ReadonlySet<string | null> = new Set(['E_WORKER_DIED', 'E_ABORTED'])
/** An ending job asks its slots to stop; what user code has not let go of by then is killed. */
const STOP_MS = 600
/** What is not cleared away by then is left. */
const CLEAR_MS = 5_000

type Context = ActorContext<JobMessage>

export function createJobActor(parts: JobParts): (context: Context) => Behaviour<JobMessage> {
  return (context) => new JobActor(parts, context)
}

class JobActor implements Behaviour<JobMessage> {
  readonly #parts: JobParts
  readonly #context: Context
  readonly #slots: SlotTable
  readonly #splits: SplitDesk
  #record: JobRecord
  /** What ended the job, once something has. */
  #cause: ErrorData | null = null
  /** Null where no snapshots are taken. */
  #rounds: JobRounds | null = null
  /** Regions that have been opened without a snapshot to go on from. */
  readonly #opened = new Set<number>()
  /** What somebody has been asked about, by group and attempt. */
  readonly #asked = new Set<string>()
  /** Resolves when the attempts given out last are durable. */
  #deployed: Promise<void> = Promise.resolve()
  readonly #planHash: string

  constructor(parts: JobParts, context: Context) {
    this.#parts = parts
    this.#context = context
    this.#slots = new SlotTable(parts, context.self)
    this.#planHash = planHash(parts.plan)
    this.#record = createJobRecord(regionShapes(parts.plan, parts.pool.size), parts.pool.size)
    this.#splits = new SplitDesk(parts.plan, {
      enumerate: (subtask, attempt) => this.#enumerate(subtask, attempt),
      assign: (...assignment) => this.#assign(...assignment),
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
        return this.#onEchoDue(message.failed, message.subtask)
      case 'Decided':
        return this.#onDecided(message)
      case 'StopOverdue':
        return this.#killSilent()
      case 'SplitsListed':
        return this.#splits.listed(message.chain, message.attempt, message.listing)
      case 'RestartRegion':
        return this.#onRestartRegion(message.request)
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
    await this.#slots.killAll('the job has ended')
    await this.#parts.snapshots?.stores.close().catch(() => {})
    const { state } = this.#record
    if (isEnded(state)) this.#parts.board.ended(state, this.#cause)
  }

  // ---- slots --------------------------------------------------------------------------------

  /** All that is told here comes before anything that its slots do from now on. */
  #goOn({ adopted, slots }: TakenOver): void {
    for (const region of adopted.regions.keys()) this.#opened.add(region)
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
      this.#onFailure({
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
    const { run, plan, board, taken } = this.#parts
    const { self } = this.#context
    return new JobRounds(run, plan, snapshots, taken?.adopted ?? null, {
      spawn: (name, setup) => this.#context.spawn(name, setup),
      tellSlots: (tell) => this.#slots.tell('snapshot', tell),
      askSlots: async (ask, among) => {
        const asked = this.#slots.prepared.filter(([index]) => among?.has(index) !== false)
        // What a slot that dies has not committed is committed by the restart.
        await Promise.all(asked.map(([, commands]) => ask(commands).catch(() => {})))
      },
      unassigned: () => this.#splits.unassigned,
      read: () => plan.regions.map(({ chains }) => this.#readIn(chains)),
      progressed: (region) => this.#parts.policy.progressed(`region ${region}`),
      failed: (reason, isStoreLost) => {
        const error = errorToData(isStoreLost ? storeLost(reason) : tooManyFailed(reason))
        self.control({ kind: 'SnapshotsFailed', error })
      },
      report: (report) => board.snapshot(report),
    })
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

  /** Where it goes on from a snapshot, its sources have their splits before anyone can ask. */
  async #openRegion(region: number, attempt: number, slot: number): Promise<void> {
    const commands = this.#slots.commandsOf(slot)
    await this.#deployed
    const rounds = this.#rounds
    const latest = rounds === null ? null : await rounds.settled()
    if (latest === null && slot === 0) await this.#clear(region, attempt)
    // Aborted meanwhile: nobody would abort it once more.
    if (this.#record.regions[region]!.attempt !== attempt) return
    if (this.#record.regions[region]!.phase !== 'Opening') return
    if (rounds === null || latest === null) return commands.open(region, attempt)
    for (const [chain, splits] of rounds.unassignedIn(latest, region)) {
      this.#splits.restore(chain, attempt, splits)
    }
    const hosted = [...rounds.ordersOf(latest, region)].filter(
      ([name]) => this.#slotOf(subtaskOf(name)) === slot,
    )
    await commands.open(region, attempt, new Map(hosted))
  }

  /** What sinks have prepared in earlier attempts, and no snapshot names: nobody would ever commit it. */
  async #clear(region: number, attempt: number): Promise<void> {
    const isFirst = !this.#opened.has(region)
    this.#opened.add(region)
    if (isFirst || this.#rounds?.mayBeStored === true) return
    // What stays is hidden, and in nobody's way.
    if (!this.#slots.isPrepared(0)) return
    await this.#slots
      .commandsOf(0)
      .clear(region, attempt)
      .catch(() => {})
  }

  /** Records that the sources among these chains have read. */
  #readIn(chains: readonly number[]): number {
    const { plan, counters } = this.#parts
    let read = 0
    for (const subtask of subtasksOf(plan)) {
      if (!chains.includes(subtask.chain) || plan.chains[subtask.chain]!.inputs.length > 0) continue
      read += counterRow(counters, rowOf(plan, subtask))[column.recordsIn]!
    }
    return read
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
    const assigned = this.#slots.commandsOf(slot).assign(subtask, attempt, splits, last)
    this.#slots.command('assign', slot, assigned, null)
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
    const alone = this.#isCurrent(failed) ? this.#aloneIn(failed, subtask) : null
    const group = groupOf(failed, alone)
    const question = `${group} ${failed.attempt}`
    if (!this.#isCurrent(failed) || this.#asked.has(question)) return
    const { ask, policy, board } = this.#parts
    const facts = board.describeFailure(failed, policy.attemptOf(group))
    const asked = ask(facts)
    if (asked === null) return this.#judge(failed, alone, facts, null)
    this.#asked.add(question)
    const { self } = this.#context
    void asked.then((decision) => {
      self.control({ kind: 'Decided', failed, subtask: alone, facts, decision })
    })
  }

  #onDecided({ failed, subtask, facts, decision }: JobMessage & { kind: 'Decided' }): void {
    this.#asked.delete(`${groupOf(failed, subtask)} ${failed.attempt}`)
    if (this.#isCurrent(failed)) this.#judge(failed, subtask, facts, decision)
  }

  #isCurrent({ region, attempt }: FailedRegion): boolean {
    const now = this.#record.regions[region]!
    const isAlive = now.phase === 'Running' || now.phase === 'Opening' || now.phase === 'Waiting'
    return now.attempt === attempt && isAlive
  }

  /** The subtask, where it fails without its region. */
  #aloneIn({ region, error }: FailedRegion, subtask: SubtaskId | null): SubtaskId | null {
    // A channel that is lost or broken has two ends, and the slot of the other may be gone.
    const isChannel = error.code?.startsWith('E_CHANNEL') === true
    const isRunning = this.#record.regions[region]!.phase === 'Running'
    return this.#parts.plan.demanded === 'best-effort' && isRunning && !isChannel ? subtask : null
  }

  /** `alone`: the subtask that fails without its region. */
  #judge(
    failed: FailedRegion,
    alone: SubtaskId | null,
    facts: Failure,
    told: Decision | null,
  ): void {
    const { region, attempt } = failed
    const { policy, board } = this.#parts
    const outcome = policy.decide(groupOf(failed, alone), facts, this.#unrepeatable(region), told)
    board.failure(outcome.failure)
    if (outcome.kind === 'fail') return this.#fail(outcome.failure.error, outcome.reason)
    const { delayMs } = outcome
    if (alone === null) return this.#restart(region, delayMs)
    board.replacing(this.#nameOf(alone), alone.index, delayMs)
    const slot = this.#slotOf(alone)
    this.#apply({ kind: 'SubtaskFailed', region, attempt, subtask: alone, slot, delayMs })
  }

  /** What has never run has lost nothing that would have to be read again. */
  #unrepeatable(region: number): readonly string[] {
    const { attempt } = this.#record.regions[region]!
    return attempt === 0 ? [] : this.#parts.plan.regions[region]!.unrepeatable
  }

  #restart(region: number, delayMs: number): void {
    const { attempt } = this.#record.regions[region]!
    this.#rounds?.failed(region)
    this.#parts.board.restarting(region, attempt, delayMs, this.#parts.plan.guarantee)
    this.#apply({ kind: 'RegionFailed', region, attempt, delayMs })
  }

  #onRestartRegion({ region, done, refused }: RestartRequest): void {
    if (this.#record.regions[region]?.phase !== 'Running') return refused(notRunning(region))
    const unrepeatable = this.#unrepeatable(region)
    if (unrepeatable.length > 0) return refused(cannotRepeat(region, unrepeatable))
    this.#restart(region, 0)
    done()
  }

  #onCommandFailed(message: JobMessage & { kind: 'CommandFailed' }): void {
    const { command, slot, generation, region, attempt, operator, error } = message
    // The death of a slot is reported by the slot itself, with its cause; and an opening is aborted from here.
    if (!this.#slots.isPresent(slot, generation) || TOLD.has(error.code)) return
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
    if (orders.some(({ kind }) => kind === 'OpenRegion')) {
      this.#deployed = this.#saveDeployed()
      // Each opening hears of it.
      this.#deployed.catch(() => {})
    }
    if (record.state !== before) this.#onStateChanged(before, record.state)
    this.#rounds?.regionsChanged(record)
    for (const order of orders) this.#carryOut(order)
  }

  /**
   * A slot that hosts nothing is waited for by no region: its place is known later. Where it cannot be saved
   * the next coordinator begins the job again.
   */
  #onSlotReady(slot: number): void {
    const { attempts } = this.#record
    this.#apply({ kind: 'SlotReady', slot })
    if (attempts > 0 && this.#record.attempts === attempts) this.#saveDeployed().catch(() => {})
  }

  /** Where it cannot be saved, nothing is opened: the next coordinator would take it for the attempt before. */
  async #saveDeployed(): Promise<void> {
    const { run, deployed } = this.#parts
    const { attempts, regions } = this.#record
    const present = {
      run,
      plan: this.#planHash,
      attempts,
      regions: regions.map(({ attempt }) => attempt),
    }
    try {
      await deployed(present, this.#slots.all)
    } catch (error) {
      throw notDurable((error as Error).message)
    }
  }

  #onStateChanged(before: JobState, state: JobState): void {
    this.#parts.board.stateChanged(before, state)
    const isEnding = state === 'Cancelling' || state === 'Failing'
    if (isEnding) this.#context.after(STOP_MS, { kind: 'StopOverdue' })
  }

  /** A thread in a long turn hears no order; that of the job's end does not wait for it. */
  #killSilent(): void {
    const silent = new Set(this.#record.regions.flatMap(({ awaited }) => awaited))
    for (const index of silent) this.#slots.kill(index, 'it did not stop in time')
  }

  #carryOut(order: JobOrder): void {
    switch (order.kind) {
      case 'OpenRegion': {
        const { region, attempt, slot } = order
        this.#rounds?.reopens(region)
        this.#splits.begins(this.#parts.plan.regions[region]!.chains, attempt)
        const opened = this.#openRegion(region, attempt, slot)
        const message = { kind: 'RegionOpened', region, attempt, slot } as const
        return this.#slots.command('open', slot, opened, () => message, { region, attempt })
      }
      case 'StartRegion': {
        const { region, attempt, slot } = order
        const started = this.#slots.commandsOf(slot).start(region, attempt)
        return this.#slots.command('start', slot, started, null, { region, attempt })
      }
      case 'AbortRegion': {
        const { region, attempt, slot } = order
        const aborted = this.#slots.commandsOf(slot).abort(region, attempt)
        const message = { kind: 'RegionAborted', region, attempt, slot } as const
        return this.#slots.command('abort', slot, aborted, () => message, { region, attempt })
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
        const replaced = this.#slots.commandsOf(slot).replace(subtask, attempt, revision)
        const message = { kind: 'SubtaskReplaced', region, attempt, revision, slot } as const
        return this.#slots.command('replace', slot, replaced, () => message, { region, attempt })
      }
      case 'StartSubtask': {
        const { region, attempt, subtask, slot } = order
        const started = this.#slots.commandsOf(slot).start(region, attempt, subtask)
        return this.#slots.command('start', slot, started, null, { region, attempt })
      }
      case 'ReplaceSlot':
        return this.#slots.replace(order.slot)
      case 'DrainSources':
        return this.#slots.tell('drain', (commands) => commands.drain())
      case 'End':
        return this.#end()
      default:
        unreachable(order)
    }
  }

  /**
   * A round that is being written is written; what ends by itself has one last round. What a job without
   * result has prepared for nobody is cleared away.
   */
  #end(): void {
    const { self } = this.#context
    const settled = this.#rounds?.settled() ?? Promise.resolve(null)
    if (this.#record.state === 'Finished') {
      if (this.#rounds === null) return this.#context.stop()
      return void settled.then(() => self.control({ kind: 'SnapshotsSettled' }))
    }
    const end = async () => {
      await settled
      this.#context.after(CLEAR_MS, { kind: 'SnapshotsSettled' })
      const { attempts } = this.#record
      await Promise.all([...this.#opened].map((region) => this.#clear(region, attempts + 1)))
      self.control({ kind: 'SnapshotsSettled' })
    }
    void end()
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

/** What restarts together, and is counted together. */
const groupOf = ({ region }: FailedRegion, alone: SubtaskId | null): string =>
  alone === null ? `region ${region}` : `subtask ${subtaskName(alone)}`

const notRunning = (region: number): MillraceError =>
  new MillraceError('E_NO_SUCH_REGION', `region ${region} does not run, so it cannot be restarted`)

const cannotRepeat = (region: number, sources: readonly string[]): MillraceError =>
  new MillraceError(
    'E_CANNOT_REPEAT',
    `region ${region} cannot be restarted: ${sources.join(', ')} cannot be read again from the beginning, and there is no checkpoint`,
  )

const noSnapshots = (): MillraceError =>
  new MillraceError(
    'E_NO_CHECKPOINTS',
    'this job takes no snapshots: run it with checkpoint: { directory } (--checkpoint-dir)',
  )

const notDurable = (reason: string): MillraceError =>
  new MillraceError(
    'E_NOT_DURABLE',
    `what is about to run could not be recorded, so nothing was opened: ${reason}; see that the coordinator can write to its data directory`,
    { retryable: true },
  )

const tooManyFailed = (reason: string): MillraceError =>
  new MillraceError('E_CHECKPOINTS_FAILED', `too many snapshots in a row have failed: ${reason}`)

const storeLost = (reason: string): MillraceError =>
  new MillraceError(
    'E_CHECKPOINTS_FAILED',
    `no snapshot can be stored any more: ${reason}. See to that, and go on from the last one that was stored, ` +
      "with restore: 'latest' (--restore latest)",
  )

function withReason(error: ErrorData, reason: string): ErrorData {
  return errorToData(
    new MillraceError(error.code ?? 'E_JOB_FAILED', `${error.message} (${reason})`, {
      details: error.details,
      cause: errorFromData(error),
    }),
  )
}
