/**
 * The shell of operators that look at the sequence of records, per key or of the whole stream, and may
 * have something to do at a time of the clock, or at the end. A sequence holds only the idea.
 *
 * - A record or a timer gives few results at once; what the beginning or the end sets free is asked for
 *   a batch at a time, as the gate allows.
 * - Timers are of processing time and lie in the state. They ring outside of a turn; what they set free
 *   is emitted in the operator's own turn.
 * - Where a sequence still waits for timers at the end (`pending`), the end waits too.
 */
import type { OperatorFunction } from 'rxjs'
import type { Timer } from '../../time/timer.js'
import type { Timers } from '../../time/timers.js'
import { type Alarm, createAlarm } from '../alarm.js'
import { groupAt, keysOf } from '../cells.js'
import { NO_TIME, Results } from '../combine/results.js'
import type { Deferred, OperatorContext, OperatorTraits } from '../operator.js'
import { recordWiseTraits } from '../record-wise.js'
import { type Batch, end, type Signal } from '../signal.js'
import {
  createPump,
  type Outlet,
  type Pump,
  type SignalHandlers,
  signalOperator,
} from '../signal-operator.js'

/** Puts results into `results` as far as there is room; true when nothing is left. */
export type Release = () => boolean

/** Releases one entry after the other: `give` puts at most `resultsMax` results for each. */
export function releaseEach<V>(
  results: Results,
  entries: Iterator<readonly [key: unknown, value: V]>,
  give: (key: unknown, value: V) => void,
  resultsMax = 1,
): Release {
  return () => {
    while (results.room >= resultsMax) {
      const next = entries.next()
      if (next.done) return true
      give(...next.value)
    }
    return false
  }
}

export interface Sequence {
  /** `key` is undefined and `group` 0 without keys; `timeMs` is NO_TIME without event time. */
  onRecord(record: unknown, key: unknown, group: number, timeMs: number): void
  /** A timer that it has registered is due. */
  onTimer?(timer: Timer): void
  /** What comes before the first record, when the stream is opened for the first time. */
  onBegin?(): Release | null
  /** What the end sets free. */
  onEnd?(): Release | null
  /** True once nothing can come out any more, without keys. Asked after each batch. */
  isDone?(): boolean
  /** Results that one record may give at once. Default 1. */
  readonly resultsMax?: number
  /** True while the end has to wait for a timer. */
  pending?(): boolean
}

/** What a sequence is made with. */
export interface Sequencing {
  readonly context: OperatorContext
  readonly results: Results
  /** Of processing time (wall clock), in ms. */
  readonly timers: Timers
  nowMs(): number
}

/** State per key; without one it depends on the order of the whole stream. Keeps key and time. */
export const sequenceTraits: OperatorTraits = {
  ...recordWiseTraits,
  stateful: true,
  orderSensitive: true,
}

/**
 * Traits of a sequence that gives records later than they came: the watermark has gone on meanwhile, and
 * they would be late.
 */
export const delayingTraits: OperatorTraits = { ...sequenceTraits, timeAfter: 'ended' }

/** Of sequences that say what their stream has ended with. */
export const endingTraits: OperatorTraits = {
  ...delayingTraits,
  speaksAtEnd: true,
  insteadOfEnd: 'end it before, by take(…), takeWhile(…) or takeUntil(…)',
}

/** Traits of a sequence that speaks of its key: `[key, result]`, without a time. */
export const resultTraits: OperatorTraits = {
  ...sequenceTraits,
  keyAfter: 'ended',
  timeAfter: 'ended',
}

export interface SequenceOptions {
  /** False where results are `[key, result]` pairs, or have no key. Default: they keep their keys. */
  readonly keepsKeys?: boolean
}

export function openSequence(
  context: OperatorContext,
  create: (sequencing: Sequencing) => Sequence,
  { keepsKeys = true }: SequenceOptions = {},
): OperatorFunction<Signal, Signal> {
  return signalOperator((out) => new SequenceShell(context, create, keepsKeys, out))
}

class SequenceShell implements SignalHandlers<unknown> {
  readonly #context: OperatorContext
  readonly #out: Outlet<unknown>
  readonly #results: Results
  readonly #sequence: Sequence
  readonly #timers: Timers
  readonly #alarm: Alarm
  readonly #pump: Pump<unknown>
  readonly #work: Deferred
  /** To come out before anything else. */
  #release: Release | null = null
  /** The input batch, as far as it has not been looked at. */
  #input: Batch | null = null
  #at = 0
  /** The input has ended; what that sets free has been asked for. */
  #ending = false
  #freed = false
  #finished = false

  constructor(
    context: OperatorContext,
    create: (sequencing: Sequencing) => Sequence,
    keepsKeys: boolean,
    out: Outlet<unknown>,
  ) {
    this.#context = context
    this.#out = out
    this.#pump = createPump(context.gate, out)
    this.#results = new Results(context.keyed && keepsKeys)
    this.#timers = context.state.timers('processing')
    this.#work = out.deferred(() => this.#turn())
    this.#alarm = createAlarm(context.clock, () => context.wake(this.#work))
    const nowMs = () => context.clock.wallTime()
    this.#sequence = create({ context, results: this.#results, timers: this.#timers, nowMs })
    this.#begin()
    this.#alarm.set(this.#timers.nextMs)
    // Restored behind its last result: it ends at its first turn, not while the chain is put together.
    if (this.#sequence.isDone?.() === true) context.wake(this.#work)
  }

  batch(input: Batch): void {
    if (this.#finished) return
    this.#input = input
    this.#at = 0
    this.#context.count(input.records.length, 0)
    this.#turn()
  }

  mark(signal: Exclude<Signal, Batch>): void {
    if (!this.#finished) this.#out.emit(signal)
  }

  end(): void {
    this.#ending = true
    this.#turn()
  }

  close(): void {
    this.#alarm.cancel()
  }

  /** Begins once in the life of the stream: after a restore it has begun. */
  #begin(): void {
    if (this.#sequence.onBegin === undefined) return
    const begun = this.#context.state.single<true>('begun')
    if (begun.has()) return
    begun.set(true)
    this.#release = this.#sequence.onBegin()
    if (this.#release !== null) this.#context.wake(this.#work)
  }

  /** Does all that can be done now; true when nothing is left to do. */
  #turn(): boolean {
    if (this.#finished) return true
    const done = this.#pump.busy || this.#pump.start(this.#next, this.#settle)
    return done && !this.#isWaiting
  }

  get #isWaiting(): boolean {
    return this.#ending && !this.#finished && !this.#pump.busy
  }

  /** One batch of what is due by now, or null. */
  readonly #next = (): Batch | null => {
    if (this.#release?.() === true) this.#release = null
    if (this.#release === null && !this.#freed) {
      this.#fireDue()
      this.#look()
    }
    const taken = this.#results.take()
    if (taken !== null) this.#context.count(0, taken.records.length)
    return taken
  }

  #fireDue(): void {
    const { onTimer } = this.#sequence
    if (onTimer === undefined) return
    const nowMs = this.#context.clock.wallTime()
    while (this.#results.room > 0) {
      const timer = this.#timers.takeDue(nowMs)
      if (timer === null) return
      onTimer.call(this.#sequence, timer)
    }
  }

  /** Looks at records while their results have room. */
  #look(): void {
    const input = this.#input
    if (input === null) return
    const { records, groups, times } = input
    const { maxParallelism } = this.#context
    const { resultsMax = 1 } = this.#sequence
    const keys = keysOf(this.#context, input)
    while (this.#at < records.length && this.#results.room >= resultsMax) {
      if (this.#sequence.isDone?.() === true) break
      const i = this.#at++
      const key = keys === null ? undefined : keys[i]
      const group = groupAt(keys, groups, i, maxParallelism)
      this.#sequence.onRecord(records[i], key, group, times === null ? NO_TIME : times[i]!)
    }
    if (this.#at === records.length) this.#input = null
  }

  readonly #settle = (): void => {
    if (this.#finished) return
    if (this.#freed) return this.#finish()
    if (this.#sequence.isDone?.() === true) return this.#finishEarly()
    this.#alarm.set(this.#timers.nextMs)
    if (!this.#ending) return
    if (this.#sequence.pending?.() === true) {
      // Nothing can be done before the alarm; the end stays where it is.
      this.#context.gate.defer(this.#work)
      return
    }
    this.#freed = true
    this.#release = this.#sequence.onEnd?.() ?? null
    this.#pump.start(this.#next, this.#settle)
  }

  #finish(): void {
    this.#finished = true
    this.#alarm.cancel()
    this.#out.emit(end)
  }

  /** Ends before its input does: that need not go on. */
  #finishEarly(): void {
    this.#finish()
    this.#context.complete()
    this.#out.stop()
  }
}
