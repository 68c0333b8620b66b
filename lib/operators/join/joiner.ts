/**
 * The shell of joins: a record may find any number of partners, so its results are asked for one batch at
 * a time, as the gate allows; what time or the end sets free likewise, before time is passed on. A
 * joiner holds only the idea, and where it stands.
 */
import type { OperatorFunction } from 'rxjs'
import { type Alarm, createAlarm } from '../alarm.js'
import { groupAt, keysOf } from '../cells.js'
import { NO_TIME, Results } from '../combine/results.js'
import type { Deferred, OperatorContext } from '../operator.js'
import { type Batch, end, INPUT, type Signal, WATERMARK } from '../signal.js'
import {
  createPump,
  type Outlet,
  type Pump,
  type SignalHandlers,
  signalOperator,
} from '../signal-operator.js'

export interface Joiner {
  /** Takes a record of `input`; its results are asked for next. */
  take(input: number, record: unknown, key: unknown, group: number, timeMs: number): void
  /** Puts results of what was taken, or has come due, into `results`; true when nothing is left. */
  give(results: Results): boolean
  /** Event time has come to `timeMs`. */
  onWatermark?(timeMs: number): void
  /** The clock has come to `nowMs`. */
  onClock?(nowMs: number): void
  /** When the clock is to be looked at next; +∞: never. */
  readonly alarmMs?: number
  /** An input has ended; told once, and again after a restore. */
  onEnded?(input: number): void
  /** All inputs have ended. */
  onEnd?(): void
  /** True while records are held that time must not overtake. */
  readonly holdsTime?: boolean
  /** True once nothing can come out any more, though not all inputs have ended. */
  readonly isDone?: boolean
}

export function openJoin(
  context: OperatorContext,
  create: (context: OperatorContext) => Joiner,
): OperatorFunction<Signal, Signal> {
  return signalOperator((out) => new JoinShell(context, create(context), out))
}

class JoinShell implements SignalHandlers<unknown> {
  readonly #context: OperatorContext
  readonly #joiner: Joiner
  readonly #out: Outlet<unknown>
  readonly #results: Results
  readonly #pump: Pump<unknown>
  readonly #work: Deferred
  readonly #alarm: Alarm
  #input: Batch | null = null
  #at = 0
  /** What was taken has not given all its results. */
  #giving = false
  #heardTimeMs = Number.NEGATIVE_INFINITY
  #saidTimeMs = Number.NEGATIVE_INFINITY
  #finished = false

  constructor(context: OperatorContext, joiner: Joiner, out: Outlet<unknown>) {
    this.#context = context
    this.#joiner = joiner
    this.#out = out
    this.#results = new Results(context.keyed)
    this.#pump = createPump(context.gate, out)
    this.#work = out.deferred(() => this.#pump.busy || this.#onClock())
    this.#alarm = createAlarm(context.clock, () => context.wake(this.#work))
    this.#setAlarm()
  }

  batch(input: Batch): void {
    if (this.#finished) return
    this.#input = input
    this.#at = 0
    this.#context.count(input.records.length, 0)
    this.#start(() => this.#sayTime())
  }

  mark(signal: Exclude<Signal, Batch>): void {
    if (this.#finished) return
    if (signal.tag === INPUT) {
      if (signal.state !== 'ended') return
      this.#joiner.onEnded?.(signal.input)
      this.#giving = true
      this.#start(() => {
        this.#sayTime()
        if (this.#joiner.isDone === true) this.#finishEarly()
      })
    } else if (signal.tag === WATERMARK) {
      this.#heardTimeMs = signal.timeMs
      this.#joiner.onWatermark?.(signal.timeMs)
      this.#giving = true
      this.#start(() => this.#sayTime())
    } else this.#out.emit(signal)
  }

  end(): void {
    if (this.#finished) return
    this.#joiner.onEnd?.()
    this.#giving = true
    this.#start(() => this.#finish())
  }

  close(): void {
    this.#alarm.cancel()
  }

  #sayTime(): void {
    if (this.#joiner.holdsTime === true || this.#heardTimeMs <= this.#saidTimeMs) return
    this.#saidTimeMs = this.#heardTimeMs
    this.#out.emit({ tag: WATERMARK, timeMs: this.#saidTimeMs })
  }

  #finish(): void {
    this.#finished = true
    this.#alarm.cancel()
    this.#out.emit(end)
  }

  /** Ends before all of its inputs do: they need not go on. */
  #finishEarly(): void {
    this.#finish()
    this.#context.complete()
    this.#out.stop()
  }

  #onClock(): boolean {
    if (this.#finished) return true
    this.#joiner.onClock?.(this.#context.clock.wallTime())
    this.#giving = true
    return this.#start(() => {})
  }

  #setAlarm(): void {
    this.#alarm.set(this.#joiner.alarmMs ?? Number.POSITIVE_INFINITY)
  }

  #start(done: () => void): boolean {
    return this.#pump.start(
      () => this.#next(),
      () => {
        // It may have rung while results waited for the gate.
        this.#setAlarm()
        done()
      },
    )
  }

  #next(): Batch | null {
    const results = this.#results
    while (results.room > 0) {
      if (this.#giving) {
        if (!this.#joiner.give(results)) break
        this.#giving = false
      }
      const input = this.#input
      if (input === null) break
      this.#take(input, this.#at++)
      if (this.#at === input.records.length) this.#input = null
      this.#giving = true
    }
    const taken = results.take()
    if (taken !== null) this.#context.count(0, taken.records.length)
    return taken
  }

  #take(input: Batch, i: number): void {
    const { records, groups, times } = input
    // Records of a broadcast input have no key.
    const keys = input.keys === null ? null : keysOf(this.#context, input)
    const key = keys === null ? undefined : keys[i]
    const group = groupAt(keys, groups, i, this.#context.maxParallelism)
    this.#joiner.take(input.input, records[i], key, group, times === null ? NO_TIME : times[i]!)
  }
}

/** Results that were made at once and wait for room. */
export class Made {
  #made: { readonly value: unknown; readonly timeMs: number; key: unknown; group: number }[] = []
  #next = 0

  add(value: unknown, key: unknown, group: number, timeMs: number): void {
    this.#made.push({ value, timeMs, key, group })
  }

  give(results: Results): boolean {
    while (this.#next < this.#made.length) {
      if (results.room === 0) return false
      const { value, key, group, timeMs } = this.#made[this.#next++]!
      results.push(value, key, group, timeMs)
    }
    this.#made = []
    this.#next = 0
    return true
  }
}
