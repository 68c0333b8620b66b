/** One slot on this node: a worker thread, and the tables it counts in. */
import type { Cancel, Clock } from '../../lib/base/clock.js'
import { MillraceError } from '../../lib/base/errors.js'
import {
  operatorRowOf,
  operatorRows,
  rowOf,
  subtasksIn,
  subtasksOf,
} from '../../lib/graph/subtasks.js'
import {
  counterRow,
  createCounterTable,
  createOperatorTable,
  operatorRow,
} from '../../lib/metrics/counters.js'
import type { ChunkRef } from '../../lib/snapshot/chunk-store.js'
import type { Slot, SlotEvent, SlotPort } from '../worker/protocol.js'
import type { SlotCopies } from './node-copies.js'
import { type CounterRows, FORWARDED, type Forwarded, type RemoteSetup } from './protocol.js'
import type { SlotGround } from './slot-ground.js'

/** Between two reports of the counters. */
const COUNTERS_MS = 250

/** What becomes of what a slot says; the ref is known to whoever made these. */
export interface SlotVoice {
  event(event: SlotEvent): void
  results(records: readonly unknown[]): Promise<void>
  counters(rows: CounterRows): void
  putChunk(round: number, id: string, bytes: Uint8Array): Promise<void>
  getChunk(round: number, ref: ChunkRef): Promise<Uint8Array | null>
}

export class HostedSlot {
  readonly #clock: Clock
  readonly #slot: Slot
  readonly #counters: SharedArrayBuffer
  readonly #operatorCounters: SharedArrayBuffer
  readonly #rows: Rows
  readonly #voice: SlotVoice
  readonly #copies: SlotCopies
  #stopReports: Cancel = () => {}
  #isOver = false
  #told = ''

  constructor(setup: RemoteSetup, voice: SlotVoice, copies: SlotCopies, ground: SlotGround) {
    const { plan } = setup
    this.#copies = copies
    this.#clock = ground.clock
    this.#voice = voice
    this.#counters = createCounterTable(subtasksOf(plan).length)
    this.#operatorCounters = createOperatorTable(operatorRows(plan))
    this.#rows = rowsOf(setup)
    this.#slot = ground.open(setup)
    this.#slot.onEvent = (event) => {
      // Who hears of an event knows what had been counted by then.
      this.#report()
      copies.event(event)
      voice.event(event)
    }
    this.#slot.onResults = (records) => voice.results(records)
    this.#slot.chunks = {
      put: (round, id, bytes) => {
        copies.put(round, id, bytes)
        return voice.putChunk(round, id, bytes)
      },
      get: (round, ref) => copies.get(ref, () => voice.getChunk(round, ref)),
    }
    copies.began()
  }

  async setUp(setup: RemoteSetup, file: string): Promise<void> {
    const { bundle: _bundle, args, stallMs: _stallMs, ...rest } = setup
    const tables = { counters: this.#counters, operatorCounters: this.#operatorCounters }
    await this.#slot.commands.setUp(
      { ...rest, ...tables },
      { kind: 'bundle', file, args: args as never },
    )
    if (this.#isOver) return
    this.#stopReports = every(this.#clock, COUNTERS_MS, () => this.#report())
  }

  command(method: Forwarded, args: readonly unknown[]): Promise<unknown> {
    if (!FORWARDED.includes(method)) throw unknownCommand(method)
    this.#copies.command(method, args)
    const { commands } = this.#slot
    const answer = (commands[method] as (...args: readonly unknown[]) => Promise<unknown>)(...args)
    return method === 'open' ? answer.finally(() => this.#copies.opened()) : answer
  }

  connect(index: number, port: SlotPort, session: number): Promise<void> {
    return this.#slot.commands.connect(index, port, session)
  }

  /** A thread in a long turn pauses behind it. */
  async pause(): Promise<void> {
    await this.#slot.commands.pause()
  }

  async resume(): Promise<void> {
    await this.#slot.commands.resume()
  }

  async close(): Promise<void> {
    this.#isOver = true
    this.#copies.ended()
    await this.#slot.commands.close()
    this.#report()
    this.#stopReports()
  }

  async kill(reason: string): Promise<void> {
    this.#isOver = true
    this.#copies.ended()
    this.#stopReports()
    await this.#slot.kill(reason)
  }

  /** Whoever hears its counters from now on has heard none of them. */
  reportAnew(): void {
    this.#told = ''
  }

  /** Says what has changed since the last time. */
  #report(): void {
    const { subtasks, operators } = this.#rows
    const text = subtasks.map((row) => counterRow(this.#counters, row).join()).join(';')
    if (text === this.#told) return
    this.#told = text
    this.#voice.counters({
      subtasks: subtasks.map((row) => [row, counterRow(this.#counters, row).slice()]),
      operators: operators.map((row) => [row, operatorRow(this.#operatorCounters, row).slice()]),
    })
  }
}

interface Rows {
  readonly subtasks: readonly number[]
  readonly operators: readonly number[]
}

/** The rows that this slot writes. */
function rowsOf({ plan, slot, slots }: RemoteSetup): Rows {
  const hosted = subtasksIn(plan, slot, slots)
  return {
    subtasks: hosted.map((subtask) => rowOf(plan, subtask)),
    operators: hosted.flatMap((subtask) =>
      plan.chains[subtask.chain]!.steps.map((_, step) => operatorRowOf(plan, subtask, step)),
    ),
  }
}

function every(clock: Clock, ms: number, task: () => void): Cancel {
  let stop: Cancel = () => {}
  const next = () => {
    stop = clock.after(ms, () => {
      next()
      task()
    })
  }
  next()
  return () => stop()
}

const unknownCommand = (method: string): MillraceError =>
  new MillraceError('E_CALL_UNKNOWN', `a slot has no command "${method}"`)
