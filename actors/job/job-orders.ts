/**
 * Carries out what the job's protocol orders (`lib/job/job-step.ts`): by commands to slots, whose answers are
 * messages to the job actor, by times after which it is told, and by clearing away what nobody needs at its end.
 */
import { unreachable } from '../../lib/base/assert.js'
import type { Plan } from '../../lib/graph/plan.js'
import type { JobOrder } from '../../lib/job/job-events.js'
import type { JobRecord } from '../../lib/job/job-record.js'
import type { ActorContext } from '../kernel/behaviour.js'
import type { JobRounds } from './job-rounds.js'
import type { JobMessage } from './protocol.js'
import type { RegionOpening } from './region-opening.js'
import type { SlotTable } from './slot-table.js'
import type { SplitDesk } from './split-desk.js'

export interface JobOrdersOwner {
  readonly plan: Plan
  readonly slots: SlotTable
  readonly splits: SplitDesk
  readonly opening: RegionOpening
  /** As it is now. */
  record(): JobRecord
  /** Null where no snapshots are taken. */
  rounds(): JobRounds | null
}

/** What is not cleared away by then is left. */
const CLEAR_MS = 5_000

export class JobOrders {
  readonly #owner: JobOrdersOwner
  readonly #context: ActorContext<JobMessage>

  constructor(owner: JobOrdersOwner, context: ActorContext<JobMessage>) {
    this.#owner = owner
    this.#context = context
  }

  carryOut(order: JobOrder): void {
    const { slots } = this.#owner
    switch (order.kind) {
      case 'OpenRegion':
        return this.#open(order)
      case 'StartRegion': {
        const { region, attempt, slot } = order
        const started = slots.commandsOf(slot).start(region, attempt)
        return slots.command('start', slot, started, null, { region, attempt })
      }
      case 'AbortRegion': {
        const { region, attempt, slot } = order
        const aborted = slots.commandsOf(slot).abort(region, attempt)
        const message = { kind: 'RegionAborted', region, attempt, slot } as const
        return slots.command('abort', slot, aborted, () => message, { region, attempt })
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
        const replaced = slots.commandsOf(slot).replace(subtask, attempt, revision)
        const message = { kind: 'SubtaskReplaced', region, attempt, revision, slot } as const
        return slots.command('replace', slot, replaced, () => message, { region, attempt })
      }
      case 'StartSubtask': {
        const { region, attempt, subtask, slot } = order
        const started = slots.commandsOf(slot).start(region, attempt, subtask)
        return slots.command('start', slot, started, null, { region, attempt })
      }
      case 'ReplaceSlot':
        return slots.replace(order.slot)
      case 'DrainSources':
        return slots.tell('drain', (commands) => commands.drain())
      case 'End':
        return this.#end()
      default:
        unreachable(order)
    }
  }

  #open({ region, attempt, slot }: JobOrder & { readonly kind: 'OpenRegion' }): void {
    const { plan, slots, splits, opening, rounds } = this.#owner
    rounds()?.reopens(region)
    splits.begins(plan.regions[region]!.chains, attempt)
    const opened = opening.open(region, attempt, slot)
    const message = { kind: 'RegionOpened', region, attempt, slot } as const
    slots.command('open', slot, opened, () => message, { region, attempt })
  }

  /**
   * A round that is being written is written; what ends by itself has one last round. What is prepared for
   * nobody is cleared away: by a job without result, and by former attempts of one that has finished.
   */
  #end(): void {
    const { self } = this.#context
    const { opening, record } = this.#owner
    const { state, attempts, regions } = record()
    const isFinished = state === 'Finished'
    // The first attempts of all regions have numbers of their own.
    const clears = !isFinished || attempts > regions.length
    const rounds = this.#owner.rounds()
    if (rounds === null && !clears) return this.#context.stop()
    const end = async () => {
      await rounds?.settled()
      if (clears) {
        this.#context.after(CLEAR_MS, { kind: 'SnapshotsSettled' })
        await (isFinished ? opening.clearFormer() : opening.clearAll(attempts + 1))
      }
      self.control({ kind: 'SnapshotsSettled' })
    }
    void end()
  }
}
