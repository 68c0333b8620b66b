/**
 * The pairs of `cross`. A record is paired with all that has come by the other input, bit by bit as the
 * gate allows; then it is held for what will come there.
 */
import type { BroadcastState } from '../../state/state.js'
import { groupAt, keysOf } from '../cells.js'
import type { OperatorContext } from '../operator.js'
import { type Batch, INPUT, type Signal, WATERMARK } from '../signal.js'
import { createPump, type Outlet, type Pump, type SignalHandlers } from '../signal-operator.js'
import { type LeftSides, openLeft, type Side } from './cross-left.js'
import { HoldLimit } from './held.js'
import { NO_TIME, Results } from './results.js'

export class CrossProduct implements SignalHandlers<unknown> {
  readonly #context: OperatorContext
  readonly #out: Outlet<unknown>
  readonly #pump: Pump<unknown>
  readonly #results: Results
  readonly #limit: HoldLimit
  readonly #left: LeftSides
  readonly #right: BroadcastState<number, Side>
  /** What lies in `#right`, for fast passes. */
  readonly #rights: Side[]
  #rightEnded = false
  #saidTimeMs = Number.NEGATIVE_INFINITY

  constructor(context: OperatorContext, out: Outlet<unknown>, bufferMax: number) {
    this.#context = context
    this.#out = out
    this.#pump = createPump(context.gate, out)
    this.#results = new Results(context.keyed)
    this.#limit = new HoldLimit(context, bufferMax)
    this.#left = openLeft(context)
    this.#right = context.state.broadcast<number, Side>('right')
    this.#rights = [...this.#right.entries()].map(([, side]) => side)
    this.#limit.found(this.#left.length + this.#rights.length)
  }

  batch(input: Batch): void {
    const sides = this.#sidesOf(input)
    this.#context.count(sides.length, 0)
    const isLeft = input.input === 0
    const others = isLeft ? this.#rights : this.#left.all()
    let index = 0
    let other = 0
    const next = (): Batch | null => {
      for (; index < sides.length; index++, other = 0) {
        const side = sides[index]!
        for (; other < others.length; other++) {
          if (this.#results.room === 0) return this.#take()
          if (isLeft) this.#pair(side, others[other]!)
          else this.#pair(others[other]!, side)
        }
        this.#hold(side, isLeft)
      }
      return this.#take()
    }
    this.#pump.start(next, () => {})
  }

  mark(signal: Exclude<Signal, Batch>): void {
    if (signal.tag === INPUT) {
      if (signal.input === 1 && signal.state === 'ended') this.#onRightEnded()
    } else if (signal.tag !== WATERMARK || signal.timeMs > this.#saidTimeMs) {
      if (signal.tag === WATERMARK) this.#saidTimeMs = signal.timeMs
      this.#out.emit(signal)
    }
  }

  /** Nothing comes that the left side would have to wait for. */
  #onRightEnded(): void {
    this.#rightEnded = true
    this.#limit.release(this.#left.length)
    this.#left.clear()
  }

  #sidesOf(input: Batch): Side[] {
    const { records, groups, times } = input
    const isLeft = input.input === 0
    const keys = isLeft ? keysOf(this.#context, input) : null
    const { maxParallelism } = this.#context
    return records.map((record, i) => ({
      record,
      key: keys === null ? undefined : keys[i],
      group: groupAt(keys, groups, i, maxParallelism),
      time: times === null ? NO_TIME : times[i]!,
    }))
  }

  #pair(left: Side, right: Side): void {
    const { key, group } = left
    this.#results.push([left.record, right.record], key, group, Math.max(left.time, right.time))
  }

  #take(): Batch | null {
    const pairs = this.#results.take()
    if (pairs !== null) this.#context.count(0, pairs.records.length)
    return pairs
  }

  #hold(side: Side, isLeft: boolean): void {
    if (isLeft && this.#rightEnded) return
    this.#limit.claim(side.key)
    if (isLeft) this.#left.append(side)
    else {
      // Numbered as it comes: between two barriers every subtask is told the same, if in another order.
      this.#right.set(this.#rights.length, side)
      this.#rights.push(side)
    }
  }
}
