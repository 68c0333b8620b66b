/**
 * The slots of a job: made by the pool, linked with each other, replaced when they die. What commands to
 * them are answered comes to the job actor as messages.
 */
import { errorToData, MillraceError } from '../../lib/base/errors.js'
import type { Plan } from '../../lib/graph/plan.js'
import type { ActorRef } from '../kernel/ref.js'
import type {
  AdoptedSlot,
  JobModule,
  RuntimeSettings,
  Slot,
  SlotCommands,
} from '../worker/protocol.js'
import type { JobBoard } from './job-board.js'
import type { JobSnapshots } from './job-rounds.js'
import type { JobMessage } from './protocol.js'

/** Makes slots and links them. */
export interface SlotPool {
  readonly size: number
  create(index: number): Slot
  connect(a: Slot, b: Slot): Promise<void>
}

export interface SlotTableParts {
  readonly id: string
  /** Names this run in files and chunks. */
  readonly run: string
  readonly plan: Plan
  readonly pool: SlotPool
  readonly module: JobModule
  readonly settings: RuntimeSettings
  readonly counters: SharedArrayBuffer
  readonly operatorCounters: SharedArrayBuffer
  readonly board: JobBoard
  /** Null where no snapshots are taken. */
  readonly snapshots: JobSnapshots | null
}

interface SlotEntry {
  readonly slot: Slot
  /** Raised with each replacement, so that the voice of a dead slot is recognised. */
  readonly generation: number
  prepared: boolean
}

/** What a command is about; a failure of it is theirs. */
export interface CommandSubject {
  readonly region: number
  readonly attempt: number
  readonly operator?: string
}

export class SlotTable {
  readonly #parts: SlotTableParts
  readonly #self: ActorRef<JobMessage>
  readonly #entries: SlotEntry[] = []

  constructor(parts: SlotTableParts, self: ActorRef<JobMessage>) {
    this.#parts = parts
    this.#self = self
  }

  /** By index. */
  get all(): readonly Slot[] {
    return this.#entries.map(({ slot }) => slot)
  }

  commandsOf(index: number): SlotCommands {
    return this.#entries[index]!.slot.commands
  }

  /** Those that take commands, by index. */
  get prepared(): readonly (readonly [index: number, commands: SlotCommands])[] {
    return [...this.#entries.entries()].flatMap(([index, { slot, prepared }]) =>
      prepared ? [[index, slot.commands] as const] : [],
    )
  }

  isPrepared(index: number): boolean {
    return this.#entries[index]!.prepared
  }

  isPresent(index: number, generation: number): boolean {
    return this.#entries[index]?.generation === generation
  }

  // ---- their lives ----------------------------------------------------------------------------

  /** `SlotSetUp` follows for each. */
  startAll(): void {
    for (let index = 0; index < this.#parts.pool.size; index++) this.#start(index, 0)
  }

  /** They are set up and linked. *Caller must* let them go on when it has told them what they must know. */
  adoptAll(slots: readonly AdoptedSlot[]): void {
    for (const [index, slot] of slots.entries()) this.#enter(slot, index, 0).prepared = true
  }

  goOn(slots: readonly AdoptedSlot[]): void {
    const { counters, operatorCounters } = this.#parts
    for (const [index, slot] of slots.entries()) {
      this.command('goOn', index, slot.goOn({ counters, operatorCounters }), null)
    }
  }

  replace(index: number): void {
    const { slot, generation } = this.#entries[index]!
    void slot.kill('replaced')
    this.#start(index, generation + 1)
  }

  lost(index: number): void {
    this.#entries[index]!.prepared = false
  }

  async killAll(reason: string): Promise<void> {
    await Promise.all(this.#entries.map(({ slot }) => slot.kill(reason)))
  }

  kill(index: number, reason: string): void {
    void this.#entries[index]!.slot.kill(reason)
  }

  /**
   * Links a slot that has been set up with every other; `SlotSetUp` follows once more. True where that has
   * been done: it is ready.
   */
  onSetUp(index: number, generation: number): boolean {
    const entry = this.#entries[index]
    if (entry === undefined || entry.generation !== generation) return false
    if (entry.prepared) return true
    entry.prepared = true
    const links = this.#entries
      .filter((other) => other !== entry && other.prepared)
      .map((other) => this.#link(entry.slot, other.slot))
    this.command('connect', index, Promise.all(links), () => ({
      kind: 'SlotSetUp',
      slot: index,
      generation,
    }))
    return false
  }

  #start(index: number, generation: number): void {
    const { pool, id, run, plan, settings, counters, operatorCounters, module } = this.#parts
    const { slot } = this.#enter(pool.create(index), index, generation)
    const slots = pool.size
    const setup = { job: id, run, slot: index, slots, plan, settings, counters, operatorCounters }
    this.command('setUp', index, slot.commands.setUp(setup, module), () => ({
      kind: 'SlotSetUp',
      slot: index,
      generation,
    }))
  }

  #enter(slot: Slot, index: number, generation: number): SlotEntry {
    const { board, snapshots } = this.#parts
    if (snapshots !== null) {
      const { stores } = snapshots
      slot.chunks = {
        put: (round, chunk, bytes) => stores.put(round, chunk, bytes),
        get: (_round, { id }) => stores.get(id),
      }
    }
    slot.onEvent = (event) =>
      this.#self.control({ kind: 'SlotEvent', slot: index, generation, event })
    slot.onResults = (records) => board.publishResults(records)
    const entry = { slot, generation, prepared: false }
    this.#entries[index] = entry
    return entry
  }

  /** Where one of the two has died, its successor will make the link. */
  async #link(slot: Slot, other: Slot): Promise<void> {
    try {
      await this.#parts.pool.connect(slot, other)
    } catch (error) {
      if (!(error instanceof MillraceError && error.code === 'E_WORKER_DIED')) throw error
    }
  }

  // ---- commands -------------------------------------------------------------------------------

  /** Sends the answer of a command, or its failure, to the job actor. */
  command<R>(
    command: string,
    slot: number,
    answer: Promise<R>,
    toMessage: ((result: R) => JobMessage) | null,
    of: CommandSubject | null = null,
  ): void {
    const self = this.#self
    const { generation } = this.#entries[slot]!
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

  /** To each that takes commands. */
  tell(command: string, tell: (commands: SlotCommands) => Promise<void>): void {
    for (const [index, commands] of this.prepared)
      this.command(command, index, tell(commands), null)
  }
}
