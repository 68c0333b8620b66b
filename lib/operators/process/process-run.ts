/**
 * The runtime of `process` and its kin: what is to be called, and when what was given may go out.
 *
 * Work comes as tasks: a batch of records, the timers that a watermark or the clock has made due, the keys
 * at the end. A task is taken up where it was left: it is a `step` that makes one call, and says false
 * when none is left. Steps are taken while no output has a full batch and the gate is open, so what
 * waits is bounded by a batch and the results of one call. A mark is passed on when its task is
 * done and all results are out.
 *
 * Timers are taken out one by one as they fire, and fire in the order of their times; those of
 * processing time in a task of their own, between two signals or when the alarm has rung.
 */
import type { OperatorFunction } from 'rxjs'
import { MillraceError } from '../../base/errors.js'
import { keyGroupOf } from '../../base/key.js'
import { KeyTable } from '../../state/key-table.js'
import type { Timers } from '../../time/timers.js'
import { type Alarm, createAlarm } from '../alarm.js'
import { groupAt } from '../cells.js'
import type { Deferred, OperatorContext } from '../operator.js'
import { BARRIER, type Batch, INPUT, type Signal, WATERMARK } from '../signal.js'
import { type Outlet, signalOperator } from '../signal-operator.js'
import { Lifecycle, type LifecycleFunctions } from './lifecycle.js'
import { type Called, ProcessCalls, type ProcessInput } from './process-calls.js'
import { SeenTime } from './seen-time.js'
import type { StateSpecs } from './state-spec.js'

/** A process function as its operator was given it. */
export interface ProcessParts extends LifecycleFunctions {
  readonly inputs: readonly ProcessInput[]
  readonly onTimer: Called | null
  readonly onEnd: ((context: never) => unknown) | null
  readonly states: StateSpecs
}

export function openProcess(
  context: OperatorContext,
  parts: ProcessParts,
): OperatorFunction<Signal, Signal> {
  return signalOperator((out) => {
    const run = new ProcessRun(context, parts, out)
    return {
      batch: (input) => run.batch(input),
      mark: (signal) => run.mark(signal),
      end: (signal) => run.end(signal),
      close: () => run.close(),
    }
  })
}

/** Makes one call; false when none is left. */
type Step = () => boolean

/** Entries of each state with a TTL that are looked at for every mark: an input may bring marks only. */
const SWEPT_PER_MARK = 256
/** At the end, so many timers may fire for each that waits: those beyond are of a timer without end. */
const FIRED_AT_END_MAX = 16
const FIRED_AT_END_SPARE = 10_000

class ProcessRun {
  readonly #context: OperatorContext
  readonly #parts: ProcessParts
  readonly #out: Outlet<unknown>
  readonly #self: Deferred
  readonly #eventTimers: Timers
  readonly #processingTimers: Timers
  readonly #alarm: Alarm
  readonly #lifecycle: Lifecycle
  readonly #time: SeenTime
  readonly #calls: ProcessCalls
  /** True once the input has ended. */
  #isOver = false
  #step: Step | null = null
  /** What is to be done when no step is left and all results are out; false: not yet. */
  #done: () => boolean = nothing

  constructor(context: OperatorContext, parts: ProcessParts, out: Outlet<unknown>) {
    const { state, clock } = context
    this.#context = context
    this.#parts = parts
    this.#out = out
    this.#self = out.deferred(() => this.#advance())
    const wake = () => context.wake(this.#self)
    this.#alarm = createAlarm(clock, wake)
    this.#time = new SeenTime(state)
    this.#eventTimers = state.timers('event-time timers')
    this.#processingTimers = state.timers('processing-time timers')
    this.#lifecycle = new Lifecycle(parts, context, wake)
    this.#calls = new ProcessCalls({
      ...parts,
      context,
      broadcasts: parts.inputs.every((input) => input.broadcasts),
      eventTimers: this.#eventTimers,
      processingTimers: this.#processingTimers,
      time: this.#time,
      opened: () => this.#lifecycle.opened,
      emit: (batch) => {
        context.count(0, batch.records.length)
        out.emit(batch)
      },
    })
    this.#lifecycle.begin()
    // The first turn waits for `open`, and sees to timers that are there already.
    if (this.#lifecycle.isOpening || this.#processingTimers.size > 0) wake()
  }

  batch(input: Batch): void {
    this.#start(this.#recordsOf(input), nothing)
  }

  mark(signal: Exclude<Signal, Batch>): void {
    if (signal.tag === WATERMARK) {
      this.#time.watermark(signal.timeMs)
      this.#start(this.#dueEventTimers, () => this.#pass(signal))
    } else if (signal.tag !== INPUT || this.#parts.inputs.length === 1) {
      if (signal.tag === BARRIER) this.#time.save()
      this.#out.emit(signal)
    }
    this.#context.state.sweep(SWEPT_PER_MARK)
  }

  /** The end is a watermark above all; then every key has its last word, and what is open is closed. */
  end(signal: Signal): void {
    this.#isOver = true
    this.#alarm.cancel()
    const close = () => this.#lifecycle.finish() && this.#pass(signal)
    const ends = () => this.#next(this.#endsOfKeys(), close)
    this.#start(this.#dueProcessingTimers(), () => {
      this.#time.end()
      return this.#next(this.#lastEventTimers(), ends)
    })
  }

  close(): void {
    this.#alarm.cancel()
    this.#lifecycle.abort()
  }

  // ---- turns --------------------------------------------------------------------------------

  #start(step: Step, done: () => boolean): void {
    this.#next(step, done)
    this.#advance()
  }

  #next(step: Step, done: () => boolean): true {
    this.#step = step
    this.#done = done
    return true
  }

  #pass(signal: Signal): true {
    this.#out.emit(signal)
    return true
  }

  /** Does all that can be done now; true when nothing is left. */
  #advance(): boolean {
    if (!this.#lifecycle.mayRun) return false
    const calls = this.#calls
    let mayFire = true
    while (!this.#out.closed) {
      const step = this.#step
      if (step === null ? calls.hasResults : calls.isFull) {
        if (!this.#mayGo()) return false
        calls.send()
      } else if (step !== null) {
        if (!this.#mayGo()) return false
        this.#work(step)
      } else if (this.#done !== nothing) {
        if (!this.#finish()) return false
      } else if (mayFire && this.#startDueProcessing()) {
        // Once a turn: a timer that is always due must not keep all else from its turn.
        mayFire = false
      } else {
        if (!this.#isOver) this.#alarm.set(this.#processingTimers.nextMs)
        return true
      }
    }
    return true
  }

  #mayGo(): boolean {
    const { gate } = this.#context
    if (gate.open) return true
    gate.defer(this.#self)
    return false
  }

  #work(step: Step): void {
    do {
      if (!step()) {
        this.#step = null
        return
      }
    } while (!this.#calls.isFull)
  }

  /** A task is done: what comes of it may be the next. */
  #finish(): boolean {
    const done = this.#done
    this.#done = nothing
    if (done()) return true
    this.#done = done
    this.#context.gate.defer(this.#self)
    return false
  }

  // ---- tasks --------------------------------------------------------------------------------

  #recordsOf({ records, keys, groups, times, input }: Batch): Step {
    const { keyed, maxParallelism, count } = this.#context
    const { inputs } = this.#parts
    // Of a chain that begins with a source, `input` is the number of a split.
    const source = inputs.length === 1 ? inputs[0]! : inputs[input]!
    const ownKeys = keyed && source.hasKey ? keys : null
    let next = 0
    // Whether results have event time depends on the main inputs.
    if (source.hasKey) this.#time.batch(times)
    const untimedMs = this.#quietMs()
    count(records.length, 0)
    return () => {
      if (next === records.length) return false
      const i = next++
      const key = ownKeys === null ? undefined : ownKeys[i]
      const group = groupAt(ownKeys, groups, i, maxParallelism)
      const timeMs = times === null ? untimedMs : times[i]!
      this.#time.record(timeMs)
      this.#calls.record(source, records[i], key, group, timeMs)
      return true
    }
  }

  #quietMs(): number {
    return this.#time.quietMs(this.#context.clock.wallTime())
  }

  readonly #dueEventTimers: Step = () => {
    const timer = this.#eventTimers.takeDue(this.#time.watermarkMs)
    if (timer === null) return false
    this.#calls.timer('event', timer)
    return true
  }

  /** A timer that registers its successor would fire for ever at a watermark of +∞. */
  #lastEventTimers(): Step {
    let left = this.#eventTimers.size * FIRED_AT_END_MAX + FIRED_AT_END_SPARE
    return () => {
      if (left-- === 0) throw endlessTimers(this.#context.operator)
      return this.#dueEventTimers()
    }
  }

  /** No more than there are now: those that are registered meanwhile wait for their turn. */
  #dueProcessingTimers(): Step {
    const nowMs = this.#context.clock.wallTime()
    let left = this.#processingTimers.size
    return () => {
      if (left-- === 0) return false
      const timer = this.#processingTimers.takeDue(nowMs)
      if (timer === null) return false
      this.#calls.timer('processing', timer)
      return true
    }
  }

  /** Between two tasks: false where none is due. */
  #startDueProcessing(): boolean {
    const { nextMs } = this.#processingTimers
    if (nextMs === Number.POSITIVE_INFINITY || this.#isOver) return false
    return (
      nextMs <= this.#context.clock.wallTime() && this.#next(this.#dueProcessingTimers(), nothing)
    )
  }

  /** For every key that has state, or once where there are no keys. */
  #endsOfKeys(): Step {
    const { keyed, maxParallelism } = this.#context
    if (this.#parts.onEnd === null) return () => false
    const keys = keyed ? distinctKeys(this.#calls.keysOf) : [undefined].values()
    return () => {
      const { done, value: key } = keys.next()
      if (done === true) return false
      this.#calls.end(key, keyed ? keyGroupOf(key, maxParallelism) : 0)
      return true
    }
  }
}

const nothing = (): boolean => true

const endlessTimers = (operator: string): MillraceError =>
  new MillraceError(
    'E_ENDLESS_TIMERS',
    `operator "${operator}": its input has ended, but its event-time timers register ever more of their kind, so ` +
      'it would never end: register none when watermarkMs is Infinity',
    { details: { operator } },
  )

/** Keys of several states, each once; what was given is remembered only where there are several. */
function* distinctKeys(keysOf: readonly (() => Iterator<unknown>)[]): Iterator<unknown> {
  const seen = keysOf.length > 1 ? new KeyTable<true>() : null
  for (const keys of keysOf) {
    for (const key of { [Symbol.iterator]: keys }) {
      if (seen?.has(key)) continue
      seen?.set(key, true)
      yield key
    }
  }
}
