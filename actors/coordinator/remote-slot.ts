/**
 * A slot on some node, as the job sees it. It asks for its place when it is set up, or was adopted there, and is
 * bound to one membership of one node for life: with that it is lost.
 */
import { errorToData, MillraceError } from '../../lib/base/errors.js'
import { REDEPLOY_MS } from '../../lib/cluster/times.js'
import type { SlotHolding } from '../../lib/job/adoption.js'
import { counterRow, operatorRow } from '../../lib/metrics/counters.js'
import type { Calls } from '../../lib/transport/calls.js'
import { PartJoiner } from '../../lib/transport/record-parts.js'
import type { CounterRows, Forwarded, NodeMethods, RemoteSetup } from '../node/protocol.js'
import type {
  AdoptedSlot,
  ChunkAccess,
  JobModule,
  SlotCommands,
  SlotEvent,
  SlotSetup,
  SlotTables,
} from '../worker/protocol.js'

/** Where a slot is: one membership of a node. */
export interface Place {
  readonly node: string
  readonly calls: Calls<NodeMethods>
}

export interface RemoteSlotParts {
  readonly index: number
  /** Never used before: `protocol.ts` of the node. */
  readonly ref: string
  readonly stallMs: number | null
  /** Resolves when a place has been found; `note` tells what it waits for. Rejects at its deadline. */
  place(slot: RemoteSlot, note: (text: string) => void): Promise<Place>
  /** Its node is there, and could not set it up; called before the slot is lost for that. */
  setUpFailed(node: string, reason: string): void
  /** The slot is no more: its place, or its wish for one, can be given up. */
  onEnded(): void
}

const noChunks: ChunkAccess = {
  put: () => Promise.reject(new Error('broken law: this job takes no snapshots')),
  get: () => Promise.reject(new Error('broken law: this job takes no snapshots')),
}

/** Opening restores state, and starts user code; a commit takes as long as what is behind the sink. */
const DEADLINE_MS: Readonly<Partial<Record<Forwarded, number | null>>> = {
  open: null,
  replace: null,
  enumerate: null,
  snapshotCompleted: null,
  abort: null,
}

/** Answered at once, or its node is lost. */
const noDeadline = { deadlineMs: null }

export class RemoteSlot implements AdoptedSlot {
  readonly index: number
  readonly ref: string
  readonly commands: SlotCommands
  onEvent: (event: SlotEvent) => void = () => {}
  onResults: (records: readonly unknown[]) => Promise<void> = async () => {}
  /** Of what its sinks publish, records that come in parts. */
  readonly parts = new PartJoiner()
  chunks: ChunkAccess = noChunks
  /** Settles when its links with other slots are as they should be; set by the pool. */
  linked: () => Promise<void> = async () => {}

  readonly #parts: RemoteSlotParts
  #place: Place | null = null
  #tables: SlotTables | null = null
  #ended = false
  #killed: Promise<void> = Promise.resolve()
  /** What an adopted slot has said before anybody has listened. */
  #early: SlotEvent[] | null = null

  constructor(parts: RemoteSlotParts) {
    this.#parts = parts
    this.index = parts.index
    this.ref = parts.ref
    this.commands = this.#commands()
  }

  /** Null until it has one, and when it is no more. */
  get place(): Place | null {
    return this.#ended ? null : this.#place
  }

  // ---- what its node tells --------------------------------------------------------------------

  event(event: SlotEvent): void {
    if (this.#ended) return
    if (event.kind === 'SlotLost') this.#end()
    this.#tell(event)
  }

  counters({ subtasks, operators }: CounterRows): void {
    if (this.#tables === null || this.#ended) return
    const { counters, operatorCounters } = this.#tables
    for (const [row, values] of subtasks) counterRow(counters, row).set(values)
    for (const [row, values] of operators) operatorRow(operatorCounters, row).set(values)
  }

  /** Its node is no more, or no longer a member. */
  lost(reason: string): void {
    if (this.#ended) return
    const node = this.#place?.node ?? 'no node'
    this.#end()
    const error = new MillraceError(
      'E_NODE_LOST',
      `slot ${this.index} was lost with node ${node}: ${reason}`,
      { retryable: true, details: { slot: this.index, node } },
    )
    this.#tell({ kind: 'SlotLost', error: errorToData(error), operator: null })
  }

  #tell(event: SlotEvent): void {
    if (this.#early === null) this.onEvent(event)
    else this.#early.push(event)
  }

  /** For the job it is lost at once: whoever waits for an answer of it hears that. */
  async kill(reason: string): Promise<void> {
    const place = this.place
    if (place === null) return this.lost(reason)
    const killed = place.calls.call('killSlot', [this.ref, reason], { deadlineMs: REDEPLOY_MS })
    this.#killed = killed.catch(() => {})
    this.lost(reason)
    await this.#killed
  }

  /**
   * Once it has ended, resolves when nothing of it runs any more, as far as that can be known: its node has said
   * so, or is no member any more; or has paused, where it has not heard in this time; where it has, a call that does
   * not end is all that is left.
   */
  get gone(): Promise<void> {
    return this.#killed
  }

  // ---- adopted --------------------------------------------------------------------------------

  /** Its node has kept it. From when this is called its events are heard, and told from `goOn` on. */
  async adopt(place: Place): Promise<SlotHolding> {
    this.#place = place
    this.#early = []
    return this.#call('adoptSlot', (calls) => calls.call('adoptSlot', [this.ref], noDeadline))
  }

  async goOn(tables: SlotTables): Promise<void> {
    this.#tables = tables
    for (const event of this.#early?.splice(0) ?? []) this.onEvent(event)
    this.#early = null
    await this.#call('goOn', (calls) => calls.call('goOn', [this.ref], noDeadline))
  }

  // ---- what the job commands ------------------------------------------------------------------

  #commands(): SlotCommands {
    const forward =
      (method: Forwarded) =>
      (...args: unknown[]) =>
        this.#forward(method, args)
    return {
      setUp: (setup, module) => this.#setUp(setup, module),
      connect: () => Promise.reject(new Error('broken law: the pool connects remote slots')),
      open: async (region, attempt, restore) => {
        await this.linked()
        await this.#forward('open', [region, attempt, restore ?? null])
      },
      start: forward('start'),
      abort: forward('abort'),
      clear: forward('clear'),
      replace: forward('replace'),
      enumerate: forward('enumerate'),
      assign: forward('assign'),
      snapshot: forward('snapshot'),
      snapshotCompleted: forward('snapshotCompleted'),
      snapshotAbandoned: forward('snapshotAbandoned'),
      snapshotHurried: forward('snapshotHurried'),
      drain: forward('drain'),
      pause: () => Promise.reject(new Error('broken law: nodes pause their slots themselves')),
      resume: () => Promise.reject(new Error('broken law: nodes pause their slots themselves')),
      close: () => this.#close(),
    } as SlotCommands
  }

  async #setUp(setup: SlotSetup, module: JobModule): Promise<void> {
    if (module.kind !== 'bundle') throw new Error('broken law: nodes take bundles only')
    const note = (message: string) =>
      this.onEvent({ kind: 'Log', level: 'warn', message, details: {} })
    const place = await this.#parts.place(this, note)
    if (this.#ended) throw this.#gone('setUp')
    this.#place = place
    const { counters, operatorCounters, ...rest } = setup
    this.#tables = { counters, operatorCounters }
    const remote: RemoteSetup = {
      ...rest,
      bundle: module.file,
      args: module.args,
      stallMs: this.#parts.stallMs,
    }
    try {
      await this.#call('startSlot', (calls) =>
        calls.call('startSlot', [this.ref, remote], { deadlineMs: null }),
      )
    } catch (error) {
      // Another node, or another try, may do better: that is for whoever restarts what it hosts.
      const { retryable, message } = error as MillraceError
      if (retryable !== true) throw error
      if (this.place !== null) this.#parts.setUpFailed(place.node, message)
      this.lost(`it could not be set up there, other nodes come first for a while: ${message}`)
      throw this.#gone('setUp')
    }
  }

  #forward(method: Forwarded, args: readonly unknown[]): Promise<unknown> {
    const deadline = DEADLINE_MS[method]
    const options = deadline === undefined ? {} : { deadlineMs: deadline }
    return this.#call(method, (calls) => calls.call('command', [this.ref, method, args], options))
  }

  async #call<R>(method: string, call: (calls: Calls<NodeMethods>) => Promise<R>): Promise<R> {
    const place = this.place
    if (place === null) throw this.#gone(method)
    try {
      return await call(place.calls)
    } catch (error) {
      const { code, message } = error as MillraceError
      if (code !== 'E_PEER_LOST' && code !== 'E_STALE_SLOT') throw error
      // Most often that has been told. Where it was lost before it was bound to this slot, nobody could.
      this.lost(message)
      throw this.#gone(method)
    }
  }

  async #close(): Promise<void> {
    const place = this.place
    if (place === null) return
    try {
      await place.calls.call('closeSlot', [this.ref])
    } finally {
      this.#end()
    }
  }

  #end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#parts.onEnded()
  }

  #gone(method: string): MillraceError {
    return new MillraceError('E_WORKER_DIED', `slot ${this.index} is gone, cannot "${method}"`, {
      retryable: true,
      details: { slot: this.index, method },
    })
  }
}
