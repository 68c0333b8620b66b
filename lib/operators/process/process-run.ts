/**
 * The runtime of `process`: calls the user's functions one at a time and sends what they give.
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
import type { Timer, Timers } from '../../time/timers.js'
import { type Alarm, createAlarm } from '../alarm.js'
import { groupAt } from '../cells.js'
import { asyncKind } from '../expansion.js'
import type { Deferred, OperatorContext, SideOutput } from '../operator.js'
import { SKIP } from '../record-error.js'
import { BARRIER, type Batch, IDLE, INPUT, type Signal, WATERMARK } from '../signal.js'
import { type Outlet, signalOperator } from '../signal-operator.js'
import { CallScope } from './call-scope.js'
import { CallTimers } from './call-timers.js'
import { Lifecycle, type LifecycleFunctions, userFailure } from './lifecycle.js'
import { openStates } from './open-states.js'
import type { FiredTimer, ProcessContext } from './process-context.js'
import { Results } from './results.js'
import type { StateSpecs } from './state-spec.js'

/** Any of the user's functions that are called with a context. */
export type Called = (given: never, context: never) => unknown

/** What is done with the records of one input. */
export interface ProcessInput {
  readonly call: Called
  /** For messages. */
  readonly name: string
  /** Whether its records have keys, where the operator stands behind keys. */
  readonly hasKey: boolean
}

export interface ProcessParts extends LifecycleFunctions {
  readonly inputs: readonly ProcessInput[]
  readonly onTimer: Called | null
  readonly onEnd: ((context: never) => unknown) | null
  readonly states: StateSpecs
}

type Context = ProcessContext<unknown, StateSpecs, 'event', unknown, unknown>
/** Makes one call; false when none is left. */
type Step = () => boolean

const NO_TIME =
  'event-time timers need timestamps(…) earlier in the pipe; on a stream without event time use timers.processing'

interface Side {
  readonly name: string
  readonly results: Results
  readonly output: SideOutput
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

class ProcessRun {
  readonly #context: OperatorContext
  readonly #parts: ProcessParts
  readonly #out: Outlet<unknown>
  readonly #self: Deferred
  readonly #scope: CallScope
  readonly #main: Results
  readonly #sides: Side[] = []
  readonly #eventTimers: Timers
  readonly #processingTimers: Timers
  readonly #alarm: Alarm
  readonly #lifecycle: Lifecycle
  readonly #given: Context
  readonly #keysOf: readonly (() => Iterator<unknown>)[]
  #watermarkMs = Number.NEGATIVE_INFINITY
  /** The latest event time seen. */
  #latestMs = Number.NEGATIVE_INFINITY
  #isTimed = false
  #hasSeenRecords = false
  /** True once the input has ended. */
  #isOver = false
  #step: Step | null = null
  /** What is to be done when no step is left and all results are out. */
  #done: () => boolean = finished

  constructor(context: OperatorContext, parts: ProcessParts, out: Outlet<unknown>) {
    this.#context = context
    this.#parts = parts
    this.#out = out
    this.#self = out.deferred(() => this.#advance())
    const { operator, state, clock } = context
    const wake = () => context.wake(this.#self)
    this.#scope = new CallScope(operator)
    this.#main = new Results(this.#scope, operator, 'emit')
    this.#eventTimers = state.timers('event-time timers')
    this.#processingTimers = state.timers('processing-time timers')
    this.#alarm = createAlarm(clock, wake)
    const { handles, keysOf } = openStates(state, this.#scope, parts.states)
    this.#keysOf = keysOf
    this.#lifecycle = new Lifecycle(parts, context, wake)
    this.#given = this.#createContext(handles)
    this.#lifecycle.begin()
    // The first turn waits for `open`, and sees to timers that are there already.
    if (this.#lifecycle.isOpening || this.#processingTimers.size > 0) wake()
  }

  batch(input: Batch): void {
    this.#isTimed = input.times !== null
    this.#hasSeenRecords = true
    this.#start(this.#recordsOf(input), finished)
  }

  mark(signal: Exclude<Signal, Batch>): void {
    const { state } = this.#context
    switch (signal.tag) {
      case WATERMARK:
        state.sweep()
        if (!this.#hasSeenRecords) this.#isTimed = true
        this.#watermarkMs = Math.max(this.#watermarkMs, signal.timeMs)
        this.#latestMs = Math.max(this.#latestMs, signal.timeMs)
        return this.#start(this.#dueEventTimers, () => this.#pass(signal))
      case INPUT:
        // Of several inputs it is known here which has ended; behind this operator it means nothing.
        if (this.#parts.inputs.length === 1) this.#out.emit(signal)
        return
      case BARRIER:
      case IDLE:
        state.sweep()
        this.#out.emit(signal)
        return
    }
  }

  /** The end is a watermark above all; then every key has its last word. */
  end(signal: Signal): void {
    this.#isOver = true
    this.#alarm.cancel()
    this.#start(this.#dueProcessingTimers(), () => {
      this.#watermarkMs = Number.POSITIVE_INFINITY
      return this.#next(this.#dueEventTimers, () =>
        this.#next(this.#endsOfKeys(), () => this.#lifecycle.finish() && this.#pass(signal)),
      )
    })
  }

  close(): void {
    this.#alarm.cancel()
    this.#lifecycle.abort()
  }

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
    for (;;) {
      if (this.#out.closed) return true
      if (this.#hasBatch()) {
        if (!this.#mayGo()) return false
        this.#send()
      } else if (this.#step !== null) {
        if (!this.#mayGo()) return false
        this.#work(this.#step)
      } else if (this.#done !== finished) {
        const done = this.#done
        this.#done = finished
        if (!done()) {
          this.#done = done
          this.#context.gate.defer(this.#self)
          return false
        }
      } else if (!this.#startDueProcessing()) return true
    }
  }

  #mayGo(): boolean {
    const { gate } = this.#context
    if (gate.open) return true
    gate.defer(this.#self)
    return false
  }

  /** A full batch, or what remains when no call will add to it. */
  #hasBatch(): boolean {
    if (this.#step === null) return this.#largest() > 0
    return this.#isFull()
  }

  #isFull(): boolean {
    if (this.#main.isFull) return true
    const sides = this.#sides
    for (let i = 0; i < sides.length; i++) if (sides[i]!.results.isFull) return true
    return false
  }

  #largest(): number {
    let largest = this.#main.size
    for (const { results } of this.#sides) largest = Math.max(largest, results.size)
    return largest
  }

  /** Sends one batch, from the output that holds the most. */
  #send(): void {
    const largest = this.#largest()
    if (this.#main.size === largest) {
      const batch = this.#main.take()
      this.#context.count(0, batch.records.length)
      this.#out.emit(batch)
      return
    }
    for (const { results, output } of this.#sides) {
      if (results.size === largest) return output.emit(results.take())
    }
  }

  #work(step: Step): void {
    do {
      if (!step()) {
        this.#step = null
        return
      }
    } while (!this.#isFull())
  }

  // ---- tasks --------------------------------------------------------------------------------

  #recordsOf({ records, keys, groups, times, input }: Batch): Step {
    const { keyed, maxParallelism, count } = this.#context
    const { inputs } = this.#parts
    const source = inputs.length === 1 ? inputs[0]! : inputs[input]!
    const ownKeys = keyed && source.hasKey ? keys : null
    let next = 0
    count(records.length, 0)
    return () => {
      if (next === records.length) return false
      const i = next++
      const key = ownKeys === null ? undefined : ownKeys[i]
      const group = groupAt(ownKeys, groups, i, maxParallelism)
      const timeMs = times === null ? Number.NaN : times[i]!
      if (timeMs > this.#latestMs) this.#latestMs = timeMs
      this.#onRecord(source, records[i], key, group, timeMs)
      return true
    }
  }

  readonly #dueEventTimers: Step = () => {
    const timer = this.#eventTimers.takeDue(this.#watermarkMs)
    if (timer === null) return false
    this.#onTimer('event', timer, timer.timeMs)
    return true
  }

  #dueProcessingTimers(): Step {
    const nowMs = this.#context.clock.wallTime()
    return () => {
      const timer = this.#processingTimers.takeDue(nowMs)
      if (timer === null) return false
      this.#onTimer('processing', timer, this.#quietTimeMs())
      return true
    }
  }

  /** Between two tasks: false where none is due; then the alarm is set. */
  #startDueProcessing(): boolean {
    if (this.#isOver) return false
    const { nextMs } = this.#processingTimers
    if (nextMs <= this.#context.clock.wallTime()) {
      return this.#next(this.#dueProcessingTimers(), finished)
    }
    this.#alarm.set(nextMs)
    return false
  }

  /** `onEnd`: for every key that has state, or once where there are no keys. */
  #endsOfKeys(): Step {
    const { onEnd } = this.#parts
    if (onEnd === null) return () => false
    const { keyed, maxParallelism } = this.#context
    if (!keyed) {
      let called = false
      return () => {
        if (called) return false
        called = true
        this.#onEnd(onEnd, undefined, 0)
        return true
      }
    }
    const keys = distinctKeys(this.#keysOf)
    return () => {
      const { done, value: key } = keys.next()
      if (done === true) return false
      this.#onEnd(onEnd, key, keyGroupOf(key, maxParallelism))
      return true
    }
  }

  // ---- calls --------------------------------------------------------------------------------

  #onRecord(
    { call, name }: ProcessInput,
    record: unknown,
    key: unknown,
    group: number,
    timeMs: number,
  ): void {
    const { errors } = this.#context
    const scope = this.#scope
    let returned: unknown
    scope.begin(key, group, timeMs)
    try {
      returned = call(record as never, this.#given as never)
    } catch (error) {
      scope.rollback()
      returned = errors.recover(error, record, key, () => {
        scope.begin(key, group, timeMs)
        return call(record as never, this.#given as never)
      })
      if (returned === SKIP) return scope.rollback()
    }
    if (returned !== undefined) this.#refusePromise(name, returned)
    scope.commit()
  }

  #onTimer(kind: 'event' | 'processing', { timeMs, name, key, group }: Timer, atMs: number): void {
    const { onTimer } = this.#parts
    if (onTimer === null) return
    const fired: FiredTimer = { kind, timeMs, name, key: key as undefined }
    this.#scope.begin(key, group, this.#isTimed || kind === 'event' ? atMs : Number.NaN)
    try {
      this.#refusePromise('onTimer', onTimer(fired as never, this.#given as never))
    } catch (error) {
      const what = `onTimer failed for the ${kind}-time timer ${JSON.stringify(name)} of ${timeMs}`
      throw userFailure(this.#context.operator, what, error, { timeMs, timer: name })
    }
    this.#scope.commit()
  }

  #onEnd(onEnd: (context: never) => unknown, key: unknown, group: number): void {
    this.#scope.begin(key, group, this.#isTimed ? this.#quietTimeMs() : Number.NaN)
    try {
      this.#refusePromise('onEnd', onEnd(this.#given as never))
    } catch (error) {
      throw userFailure(this.#context.operator, 'onEnd failed', error, {})
    }
    this.#scope.commit()
  }

  /** Event time of what belongs to no record: never late, and finite. */
  #quietTimeMs(): number {
    return Number.isFinite(this.#latestMs) ? this.#latestMs : this.#context.clock.wallTime()
  }

  #refusePromise(name: string, returned: unknown): void {
    if (asyncKind(returned) === null) return
    if (asyncKind(returned) === 'a Promise') {
      ;(returned as PromiseLike<unknown>).then(undefined, () => {})
    }
    const { operator } = this.#context
    throw new MillraceError(
      'E_ASYNC_RESULT',
      `operator "${operator}": ${name} must do its work at once, but it returned ${asyncKind(returned)}, and ` +
        'nobody would wait for it. Do what takes time in mergeMap(async (record) => …) before.',
      { details: { operator } },
    )
  }

  // ---- what the functions are given ----------------------------------------------------------

  #createContext(handles: Readonly<Record<string, unknown>>): Context {
    const { operator, subtask, parallelism, metrics, clock } = this.#context
    const [scope, lifecycle] = [this.#scope, this.#lifecycle]
    const watermarkMs = () => this.#watermarkMs
    const noTime = () => (this.#isTimed ? null : NO_TIME)
    return {
      operator,
      subtask,
      parallelism,
      metrics,
      state: handles as Context['state'],
      timers: {
        event: new CallTimers(scope, operator, this.#eventTimers, noTime),
        processing: new CallTimers(scope, operator, this.#processingTimers),
      },
      get key() {
        return scope.key
      },
      get timeMs() {
        // Without event time the type says null.
        return (Number.isNaN(scope.timeMs) ? null : scope.timeMs) as number
      },
      get watermarkMs() {
        return watermarkMs()
      },
      get opened() {
        return lifecycle.opened
      },
      now: () => clock.wallTime(),
      emit: (value) => this.#main.add(value),
      side: ({ name }, value) => this.#sideOf(name).results.add(value),
    }
  }

  #sideOf(name: string): Side {
    for (const side of this.#sides) if (side.name === name) return side
    const results = new Results(this.#scope, this.#context.operator, `side output '${name}'`)
    const side = { name, results, output: this.#context.side(name) }
    this.#sides.push(side)
    return side
  }
}

const finished = (): boolean => true

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
