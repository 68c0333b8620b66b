/**
 * The shell of joins. A record may find any number of partners, so what it gives is made in steps, as long as
 * there is room and the gate allows; what time or the end sets free likewise, before time is passed on. A joiner
 * holds only the idea.
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

/**
 * Puts results into the joiner's `Results`, where there is room for one at least whenever it goes on, and
 * yields where there is none left. Nothing else happens to the joiner until it has been run to its end.
 */
export type Steps = Iterator<void>

/**
 * Contract: each handler puts at most one result itself, for which there is room; what gives more does so
 * in steps. Null: nothing more comes of it.
 */
export interface Joiner {
  /** A record of `input`; `timeMs` is NO_TIME without event time. */
  onRecord(
    input: number,
    record: unknown,
    key: unknown,
    group: number,
    timeMs: number,
  ): Steps | null
  /** Event time has come to `timeMs`. */
  onWatermark?(timeMs: number): Steps | null
  /** The clock has come to `nowMs`. */
  onClock?(nowMs: number): Steps | null
  /** When the clock is to be looked at next; +∞: never. */
  readonly alarmMs?: number
  /** An input has ended; told once, and again after a restore. */
  onEnded?(input: number): Steps | null
  /** All inputs have ended. */
  onEnd?(): Steps | null
  /** True while records are held that time must not overtake. */
  readonly holdsTime?: boolean
  /** True once nothing can come out any more, though not all inputs have ended. */
  readonly isDone?: boolean
}

export function openJoin(
  context: OperatorContext,
  create: (results: Results) => Joiner,
): OperatorFunction<Signal, Signal> {
  return signalOperator((out) => new JoinShell(context, create, out))
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
  /** Of what was taken last, as long as they have not come to their end. */
  #steps: Steps | null = null
  #heardTimeMs = Number.NEGATIVE_INFINITY
  #saidTimeMs = Number.NEGATIVE_INFINITY
  #finished = false

  constructor(
    context: OperatorContext,
    create: (results: Results) => Joiner,
    out: Outlet<unknown>,
  ) {
    this.#context = context
    this.#out = out
    this.#results = new Results(context.keyed)
    this.#joiner = create(this.#results)
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
    this.#start(null, () => this.#sayTime())
  }

  mark(signal: Exclude<Signal, Batch>): void {
    if (this.#finished) return
    if (signal.tag === INPUT) {
      if (signal.state !== 'ended') return
      this.#start(this.#joiner.onEnded?.(signal.input), () => {
        this.#sayTime()
        if (this.#joiner.isDone === true) this.#finishEarly()
      })
    } else if (signal.tag === WATERMARK) {
      this.#heardTimeMs = signal.timeMs
      this.#start(this.#joiner.onWatermark?.(signal.timeMs), () => this.#sayTime())
    } else this.#out.emit(signal)
  }

  end(): void {
    if (this.#finished) return
    this.#start(this.#joiner.onEnd?.(), () => this.#finish())
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
    return this.#start(this.#joiner.onClock?.(this.#context.clock.wallTime()), () => {})
  }

  #setAlarm(): void {
    this.#alarm.set(this.#joiner.alarmMs ?? Number.POSITIVE_INFINITY)
  }

  #start(steps: Steps | null | undefined, done: () => void): boolean {
    this.#steps = steps ?? null
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
      if (this.#steps !== null) {
        if (this.#steps.next().done === true) this.#steps = null
      } else if (this.#input !== null) this.#steps = this.#take(this.#input, this.#at++)
      else break
    }
    const taken = results.take()
    if (taken !== null) this.#context.count(0, taken.records.length)
    return taken
  }

  #take(input: Batch, i: number): Steps | null {
    const { records, groups, times } = input
    if (this.#at === records.length) this.#input = null
    // Records of a broadcast input have no key.
    const keys = input.keys === null ? null : keysOf(this.#context, input)
    const key = keys === null ? undefined : keys[i]
    const group = groupAt(keys, groups, i, this.#context.maxParallelism)
    const timeMs = times === null ? NO_TIME : times[i]!
    return this.#joiner.onRecord(input.input, records[i], key, group, timeMs)
  }
}
