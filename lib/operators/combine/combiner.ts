/**
 * The shell of operators with several inputs: it knows by which input a record came, which inputs have
 * ended, and when nothing can come out any more. A combiner holds only the idea.
 *
 * A record gives at most one result, so results need no queue; what the end of an input sets free is
 * pumped as the gate allows.
 */
import type { OperatorFunction } from 'rxjs'
import { groupAt, keysOf } from '../cells.js'
import type { Deferred, OperatorContext } from '../operator.js'
import { type Batch, end, INPUT, type InputChange, type Signal, WATERMARK } from '../signal.js'
import {
  createPump,
  type Outlet,
  type Pump,
  type SignalHandlers,
  signalOperator,
} from '../signal-operator.js'
import { NO_TIME, Results } from './results.js'

export interface Combiner {
  /**
   * One record of `input`; its result, if any, goes into the results. `key` is undefined and `group` 0
   * without keys; `time` is NO_TIME without event time.
   */
  onRecord(input: number, record: unknown, key: unknown, group: number, time: number): void
  /**
   * `input` has ended; told once, and again after a restore. What that sets free is asked for one
   * batch at a time, until null.
   */
  onEnded?(input: number): (() => Batch | null) | null
  /** True once nothing can come out any more. Asked after each batch and each end. */
  isDone(): boolean
  /** The watermark to pass on: an earlier one, while records of before it are held back. */
  passedTime?(timeMs: number): number
}

/** What a combiner is made with. */
export interface Combining {
  readonly context: OperatorContext
  readonly results: Results
  /** By input. */
  readonly ended: readonly boolean[]
}

/** Opens a combiner of `inputs` inputs. */
export function combine(
  context: OperatorContext,
  inputs: number,
  create: (combining: Combining) => Combiner,
): OperatorFunction<Signal, Signal> {
  return signalOperator((out) => new CombinerShell(context, inputs, create, out))
}

class CombinerShell implements SignalHandlers<unknown> {
  readonly #context: OperatorContext
  readonly #out: Outlet<unknown>
  readonly #pump: Pump<unknown>
  readonly #results: Results
  readonly #combiner: Combiner
  readonly #ended: boolean[]
  readonly #finishing: Deferred
  #finished = false
  #heardTimeMs = Number.NEGATIVE_INFINITY
  #saidTimeMs = Number.NEGATIVE_INFINITY

  constructor(
    context: OperatorContext,
    inputs: number,
    create: (combining: Combining) => Combiner,
    out: Outlet<unknown>,
  ) {
    this.#context = context
    this.#out = out
    this.#pump = createPump(context.gate, out)
    this.#results = new Results(context.keyed)
    this.#ended = new Array<boolean>(inputs).fill(false)
    this.#combiner = create({ context, results: this.#results, ended: this.#ended })
    // Restored behind its last result: it ends at its first turn, not while the chain is put together.
    this.#finishing = out.deferred(() => this.#finishEarly())
    if (this.#combiner.isDone()) context.wake(this.#finishing)
  }

  batch(given: Batch): void {
    if (this.#finished) return
    const { records, groups, times, input } = given
    const { maxParallelism } = this.#context
    const combiner = this.#combiner
    const keys = keysOf(this.#context, given)
    for (let i = 0; i < records.length; i++) {
      const key = keys === null ? undefined : keys[i]
      const group = groupAt(keys, groups, i, maxParallelism)
      combiner.onRecord(input, records[i], key, group, times === null ? NO_TIME : times[i]!)
    }
    const combined = this.#results.take()
    this.#context.count(records.length, combined === null ? 0 : combined.records.length)
    if (combined !== null) this.#out.emit(combined)
    if (!combiner.isDone()) return
    // The end must not overtake records that are still being taken in downstream.
    if (this.#context.gate.open) this.#finishEarly()
    else this.#context.gate.defer(this.#finishing)
  }

  mark(signal: Exclude<Signal, Batch>): void {
    if (this.#finished) return
    if (signal.tag === INPUT) this.#onInput(signal)
    else if (signal.tag === WATERMARK) {
      this.#heardTimeMs = signal.timeMs
      this.#sayTime()
    } else this.#out.emit(signal)
  }

  end(): void {
    this.#endInputs([...this.#ended.keys()], () => this.#finish())
  }

  #onInput({ input, state }: InputChange): void {
    if (state !== 'ended') return
    this.#endInputs([input], () => {
      this.#sayTime()
      if (this.#combiner.isDone()) this.#finishEarly()
    })
  }

  /** Ends inputs one after the other, each behind what the one before has set free. */
  #endInputs(inputs: readonly number[], then: () => void): void {
    const [input, ...rest] = inputs
    if (input === undefined) return then()
    if (this.#ended[input]) return this.#endInputs(rest, then)
    this.#ended[input] = true
    const next = this.#combiner.onEnded?.(input) ?? null
    if (next === null) return this.#endInputs(rest, then)
    this.#pump.start(
      () => this.#counted(next()),
      () => this.#endInputs(rest, then),
    )
  }

  #counted(given: Batch | null): Batch | null {
    if (given !== null) this.#context.count(0, given.records.length)
    return given
  }

  #sayTime(): void {
    const heard = this.#heardTimeMs
    const timeMs = this.#combiner.passedTime?.(heard) ?? heard
    if (timeMs <= this.#saidTimeMs) return
    this.#saidTimeMs = timeMs
    this.#out.emit({ tag: WATERMARK, timeMs })
  }

  #finish(): void {
    if (this.#finished) return
    this.#finished = true
    this.#out.emit(end)
  }

  /** Ends before its inputs do: they need not go on. */
  #finishEarly(): true {
    if (this.#finished) return true
    this.#finish()
    this.#context.complete()
    this.#out.stop()
    return true
  }
}
