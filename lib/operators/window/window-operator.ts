/**
 * The shell around windows: hands them records, watermarks and the clock, and their results to the gate.
 *
 * A batch may make windows speak in its middle (late records, triggers): then the rest of it waits for
 * room, with a cursor. A watermark, and the end, is passed on after all results that it causes.
 */
import type { OperatorFunction } from 'rxjs'
import { assert } from '../../base/assert.js'
import type { Cancel } from '../../base/clock.js'
import type { WindowTime } from '../../window/assigner.js'
import { groupAt, keysOf } from '../cells.js'
import type { OperatorContext } from '../operator.js'
import { SKIP } from '../record-error.js'
import { type Batch, type Signal, WATERMARK } from '../signal.js'
import { createPump, type Outlet, signalOperator } from '../signal-operator.js'
import type { LateRecords } from './late-records.js'
import type { WindowOutput } from './window-output.js'
import { HELD, LATE, OUTSIDE, SPEAKS, type Windows } from './windows.js'

export interface WindowShell {
  readonly windows: Windows
  readonly output: WindowOutput
  readonly late: LateRecords
  /** A record's time is its timestamp, that of its arrival, or whichever there is. */
  readonly time: WindowTime
}

export function windowOperator(
  context: OperatorContext,
  open: () => WindowShell,
): OperatorFunction<Signal, Signal> {
  return signalOperator((out) => new Shell(context, out, open()))
}

class Shell {
  readonly #context: OperatorContext
  readonly #out: Outlet<unknown>
  readonly #windows: Windows
  readonly #output: WindowOutput
  readonly #late: LateRecords
  readonly #time: WindowTime
  readonly #pump
  readonly #ring
  /** The batch whose records are under way, and the next of them. */
  #input: Batch | null = null
  #keys: unknown[] | null = null
  #at = 0
  #nowMs = -Infinity
  #cancelAlarm: Cancel | null = null
  #alarmMs = Infinity
  /** The clock has rung while results were waiting. */
  #rung = false
  #ended = false

  constructor(context: OperatorContext, out: Outlet<unknown>, shell: WindowShell) {
    this.#context = context
    this.#out = out
    this.#windows = shell.windows
    this.#output = shell.output
    this.#late = shell.late
    this.#time = shell.time
    this.#pump = createPump<unknown>(context.gate, out)
    this.#ring = out.deferred(() => this.#onRing())
    this.#arm()
  }

  batch(input: Batch): void {
    this.#context.count(input.records.length, 0)
    if (this.#time !== 'event' || input.times === null) this.#nowMs = this.#clockMs()
    this.#input = input
    this.#keys = keysOf(this.#context, input)
    this.#at = 0
    // Most batches only change state.
    if (this.#takeRecords() && !this.#late.pending) this.#settle()
    else this.#start(() => {})
  }

  mark(signal: Exclude<Signal, Batch>): void {
    if (signal.tag !== WATERMARK) {
      this.#out.emit(signal)
      return
    }
    this.#windows.advance(signal.timeMs)
    this.#start(() => this.#out.emit(signal))
  }

  end(signal: Signal): void {
    this.#windows.end()
    this.#start(() => {
      this.#ended = true
      this.close()
      this.#out.emit(signal)
    })
  }

  close(): void {
    this.#cancelAlarm?.()
    this.#cancelAlarm = null
  }

  /** Wall time; it never goes back. */
  #clockMs(): number {
    return Math.max(this.#nowMs, this.#context.clock.wallTime())
  }

  /** Emits all that is due, then calls `done`. */
  #start(done: () => void): void {
    this.#pump.start(
      () => this.#next(),
      () => {
        this.#windows.expire()
        done()
        this.#settle()
      },
    )
  }

  #next(): Batch | null {
    while (this.#windows.speak(this.#output)) {
      if (this.#takeRecords()) break
    }
    const results = this.#output.take()
    // The gate was open for one batch: if results were it, late records have the next turn.
    if (results === null && this.#late.pending) this.#late.flush()
    return results
  }

  /** Takes records until one makes windows speak; true at the end of the batch. */
  #takeRecords(): boolean {
    const input = this.#input
    if (input === null) return true
    const { records, groups } = input
    const keys = this.#keys
    const times = this.#time === 'processing' ? null : input.times
    assert(times !== null || this.#time !== 'event', 'batches behind timestamps carry times')
    for (let i = this.#at; i < records.length; i++) {
      const key = keys === null ? undefined : keys[i]
      const group = groupAt(keys, groups, i, this.#context.maxParallelism)
      const timeMs = times === null ? this.#nowMs : times[i]!
      let outcome: number
      try {
        outcome = this.#windows.add(records[i], timeMs, group, key)
      } catch (error) {
        outcome = this.#recover(error, records[i], timeMs, group, key)
      }
      if (outcome === HELD) continue
      if (outcome === LATE) this.#late.add(records[i], timeMs)
      else if (outcome === SPEAKS) {
        this.#at = i + 1
        return false
      }
    }
    this.#input = null
    return true
  }

  #recover(error: unknown, record: unknown, timeMs: number, group: number, key: unknown): number {
    if (error === this.#windows.fatal) throw error
    const again = () => this.#windows.add(record, timeMs, group, key)
    const outcome = this.#context.errors.recover(error, record, key, again)
    return outcome === SKIP ? OUTSIDE : outcome
  }

  /** After everything that was under way. */
  #settle(): void {
    this.#late.flush()
    if (this.#rung) this.#tick()
    else this.#arm()
  }

  /** Asks the clock for the next time at which something is due. */
  #arm(): void {
    const { wakeMs } = this.#windows
    if (this.#ended || wakeMs === Infinity) return
    if (this.#cancelAlarm !== null) {
      if (this.#alarmMs <= wakeMs) return
      this.#cancelAlarm()
    }
    this.#alarmMs = wakeMs
    const { clock } = this.#context
    this.#cancelAlarm = clock.after(Math.max(0, wakeMs - clock.wallTime()), () => {
      this.#cancelAlarm = null
      this.#context.wake(this.#ring)
    })
  }

  #onRing(): boolean {
    if (this.#ended) return true
    if (this.#pump.busy) this.#rung = true
    else this.#tick()
    // What has to wait is deferred by the pump.
    return true
  }

  #tick(): void {
    this.#rung = false
    this.#windows.tick(this.#context.clock.wallTime())
    this.#start(() => {})
  }
}
