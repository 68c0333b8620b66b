/**
 * The calls of a process function: makes them one at a time with the context they are given, and collects
 * what they send. It decides what an error is: of a record, or a failure.
 */
import { MillraceError } from '../../base/errors.js'
import type { Timer } from '../../time/timer.js'
import type { Timers } from '../../time/timers.js'
import { asyncKind } from '../expansion.js'
import type { OperatorContext } from '../operator.js'
import { SKIP } from '../record-error.js'
import type { Batch } from '../signal.js'
import { type CallKind, CallScope } from './call-scope.js'
import { CallTimers } from './call-timers.js'
import { userFailure } from './lifecycle.js'
import { openStates } from './open-states.js'
import type { FiredTimer, ProcessContext } from './process-context.js'
import { Results } from './results.js'
import type { SeenTime } from './seen-time.js'
import type { StateSpecs } from './state-spec.js'

/** Any of the user's functions that are called with a context. */
export type Called = (given: never, context: never) => unknown

/** What is done with the records of one input. */
export interface ProcessInput extends CallKind {
  readonly call: Called
}

export interface CallsOptions {
  readonly context: OperatorContext
  readonly states: StateSpecs
  readonly onTimer: Called | null
  readonly onEnd: ((context: never) => unknown) | null
  /** False where broadcast state is changed by one of the inputs only. */
  readonly broadcasts: boolean
  readonly eventTimers: Timers
  readonly processingTimers: Timers
  readonly time: SeenTime
  /** What `open` has given. */
  readonly opened: () => unknown
  readonly emit: (batch: Batch) => void
}

/** The main output or a side output. */
interface Output {
  /** Null: the main one. */
  readonly name: string | null
  readonly results: Results
  emit(batch: Batch): void
}

type Context = ProcessContext<unknown, StateSpecs, 'event', unknown, unknown>

const NO_TIME =
  'event-time timers need timestamps(…) earlier in the pipe; on a stream without event time use timers.processing'

export class ProcessCalls {
  readonly #options: CallsOptions
  readonly #scope: CallScope
  readonly #outputs: Output[]
  readonly #given: Context
  readonly #onTimerKind: CallKind
  readonly #onEndKind: CallKind
  /** Of states that are kept per key: their keys. */
  readonly keysOf: readonly (() => Iterator<unknown>)[]

  constructor(options: CallsOptions) {
    const { context, emit, states, broadcasts } = options
    this.#options = options
    this.#scope = new CallScope(context.operator)
    this.#outputs = [{ name: null, results: this.#createResults('emit'), emit }]
    this.#onTimerKind = { name: 'onTimer', hasKey: true, broadcasts }
    this.#onEndKind = { name: 'onEnd', hasKey: true, broadcasts }
    const { handles, keysOf } = openStates(context.state, this.#scope, states)
    this.keysOf = keysOf
    this.#given = this.#createContext(handles)
  }

  // ---- results ------------------------------------------------------------------------------

  /** True where an output has a batch. */
  get isFull(): boolean {
    const outputs = this.#outputs
    for (let i = 0; i < outputs.length; i++) if (outputs[i]!.results.isFull) return true
    return false
  }

  get hasResults(): boolean {
    return this.#outputs.some(({ results }) => results.size > 0)
  }

  /** Sends one batch, by the output that holds the most. Caller must have seen `hasResults`. */
  send(): void {
    let largest = this.#outputs[0]!
    for (const output of this.#outputs) {
      if (output.results.size > largest.results.size) largest = output
    }
    largest.emit(largest.results.take())
  }

  // ---- calls --------------------------------------------------------------------------------

  record(input: ProcessInput, record: unknown, key: unknown, group: number, timeMs: number): void {
    const scope = this.#scope
    let returned: unknown
    scope.begin(input, key, group, timeMs)
    try {
      returned = input.call(record as never, this.#given as never)
    } catch (error) {
      scope.rollback()
      returned = this.#options.context.errors.recover(error, record, key, () => {
        scope.begin(input, key, group, timeMs)
        return input.call(record as never, this.#given as never)
      })
      if (returned === SKIP) return scope.rollback()
    }
    if (returned !== undefined) this.#refusePromise(input.name, returned)
    scope.commit()
  }

  timer(kind: FiredTimer['kind'], { timeMs, name, key, group }: Timer): void {
    const { onTimer, context, time } = this.#options
    if (onTimer === null) return
    const fired: FiredTimer = { kind, timeMs, name, key: key as undefined }
    const atMs = kind === 'event' ? timeMs : time.quietMs(context.clock.wallTime())
    this.#scope.begin(this.#onTimerKind, key, group, atMs)
    try {
      this.#refusePromise('onTimer', onTimer(fired as never, this.#given as never))
    } catch (error) {
      const what = `onTimer failed for the ${kind}-time timer ${JSON.stringify(name)} of ${timeMs}`
      throw userFailure(context.operator, what, error, { timeMs, timer: name })
    }
    this.#scope.commit()
  }

  end(key: unknown, group: number): void {
    const { onEnd, context, time } = this.#options
    if (onEnd === null) return
    this.#scope.begin(this.#onEndKind, key, group, time.quietMs(context.clock.wallTime()))
    try {
      this.#refusePromise('onEnd', onEnd(this.#given as never))
    } catch (error) {
      throw userFailure(context.operator, 'onEnd failed', error, {})
    }
    this.#scope.commit()
  }

  #refusePromise(name: string, returned: unknown): void {
    const kind = asyncKind(returned)
    if (kind === null) return
    if (kind === 'a Promise') (returned as PromiseLike<unknown>).then(undefined, () => {})
    const { operator } = this.#options.context
    throw new MillraceError(
      'E_ASYNC_RESULT',
      `operator "${operator}": ${name} must do its work at once, but it returned ${kind}, and nobody would ` +
        'wait for it. Do what takes time in mergeMap(async (record) => …) before.',
      { details: { operator } },
    )
  }

  // ---- what the functions are given ----------------------------------------------------------

  #createContext(handles: Readonly<Record<string, unknown>>): Context {
    const { context, eventTimers, processingTimers, time, opened } = this.#options
    const { operator, subtask, parallelism, metrics, clock } = context
    const scope = this.#scope
    const main = this.#outputs[0]!.results
    const noTime = () => (time.isTimed ? null : NO_TIME)
    // Functions of its own, so that users may take them out: ({ emit, now }) => …
    return {
      operator,
      subtask,
      parallelism,
      metrics,
      state: handles as Context['state'],
      timers: {
        event: new CallTimers(scope, operator, eventTimers, noTime),
        processing: new CallTimers(scope, operator, processingTimers),
      },
      get key() {
        return scope.key
      },
      get timeMs() {
        // Without event time the type says null.
        return (Number.isNaN(scope.timeMs) ? null : scope.timeMs) as number
      },
      get watermarkMs() {
        return time.watermarkMs
      },
      get opened() {
        return opened()
      },
      now: () => clock.wallTime(),
      emit: (value) => main.add(value),
      side: ({ name }, value) => this.#sideOf(name).add(value),
    }
  }

  #sideOf(name: string): Results {
    for (const output of this.#outputs) if (output.name === name) return output.results
    const side = this.#options.context.side(name)
    const results = this.#createResults(`side output '${name}'`)
    this.#outputs.push({ name, results, emit: (batch) => side.emit(batch) })
    return results
  }

  #createResults(output: string): Results {
    return new Results(this.#scope, this.#options.context.operator, output)
  }
}
