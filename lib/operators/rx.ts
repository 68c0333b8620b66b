import type { OperatorFunction, Subscription, UnaryFunction } from 'rxjs'
import { MillraceError } from '../base/errors.js'
import { Subject } from '../base/rxjs.js'
import { commonOptions, requireCount, requireFunction } from './arguments.js'
import { operate } from './operate.js'
import type { OperatorContext, OperatorDefinition, OperatorOptions } from './operator.js'
import { recordWiseTraits } from './record-wise.js'
import { BATCH_RECORDS_MAX, type Batch, batch, end, type Signal } from './signal.js'
import { createPump, signalOperator } from './signal-operator.js'
import type { AnyStream, NoKey, Op, Stream, Time } from './stream.js'

/** Options of `rx`. */
export interface RxOptions extends OperatorOptions {
  /** Results that may wait for the outlet, per subtask; one more fails the job. Default 65,536. */
  readonly capacity?: number
}

const CAPACITY_DEFAULT = 65_536

/**
 * Runs plain RxJS operators inside a subtask: one Observable per subtask, from the records of that
 * subtask. For one over the whole stream, pass `{ parallelism: 1 }`; it may not stand behind `keyBy`
 * (its operators know no keys) and ends event time (they may hold records back).
 *
 * RxJS cannot be kept waiting: what it emits while the outlet is closed waits in a buffer of
 * `capacity` results, and beyond it the job fails with E_RX_OVERFLOW. Its state is in no snapshot and
 * it runs on the machine's clock: it cannot replay, so `exactly-once` refuses it. An error ends it, so
 * `onRecordError` cannot skip: it is a failure.
 *
 *     rx(rx7.debounceTime<string>(100), rx7.distinctUntilChanged(), { capacity: 1000 })
 */
export function rx<T, A, E extends Time>(
  op1: OperatorFunction<T, A>,
  options?: RxOptions,
): Op<Stream<T, E, NoKey>, Stream<A>>
export function rx<T, A, B, E extends Time>(
  op1: OperatorFunction<T, A>,
  op2: OperatorFunction<A, B>,
  options?: RxOptions,
): Op<Stream<T, E, NoKey>, Stream<B>>
export function rx<T, A, B, C, E extends Time>(
  op1: OperatorFunction<T, A>,
  op2: OperatorFunction<A, B>,
  op3: OperatorFunction<B, C>,
  options?: RxOptions,
): Op<Stream<T, E, NoKey>, Stream<C>>
export function rx<T, A, B, C, D, E extends Time>(
  op1: OperatorFunction<T, A>,
  op2: OperatorFunction<A, B>,
  op3: OperatorFunction<B, C>,
  op4: OperatorFunction<C, D>,
  options?: RxOptions,
): Op<Stream<T, E, NoKey>, Stream<D>>
export function rx<T, A, B, C, D, F, E extends Time>(
  op1: OperatorFunction<T, A>,
  op2: OperatorFunction<A, B>,
  op3: OperatorFunction<B, C>,
  op4: OperatorFunction<C, D>,
  op5: OperatorFunction<D, F>,
  options?: RxOptions,
): Op<Stream<T, E, NoKey>, Stream<F>>
export function rx(...given: readonly unknown[]): Op<AnyStream, AnyStream> {
  const last = given.at(-1)
  const options: RxOptions = typeof last === 'object' && last !== null ? last : {}
  const operators = given.filter((part, i) => i < given.length - 1 || typeof part === 'function')
  for (const operator of operators) requireFunction('rx', 'every operator', operator)
  return operate(rxDefinition(operators as readonly RxOperator[], options))
}

type RxOperator = OperatorFunction<unknown, unknown>

function rxDefinition(operators: readonly RxOperator[], options: RxOptions): OperatorDefinition {
  const { capacity = CAPACITY_DEFAULT } = options
  requireCount('rx', 'capacity', capacity, 1)
  return {
    kind: 'rx',
    traits: {
      ...recordWiseTraits,
      key: 'forbidden',
      keyAfter: 'ended',
      timeAfter: 'ended',
      replays: false,
    },
    options: commonOptions('rx', options, ['capacity']),
    settings: { capacity, operators: operators.length },
    functions: operators as readonly UnaryFunction<never, unknown>[],
    open: (context) => openRx(context, operators, capacity),
  }
}

function openRx(
  context: OperatorContext,
  operators: readonly RxOperator[],
  capacity: number,
): OperatorFunction<Signal, Signal> {
  return signalOperator((out) => {
    const pump = createPump(context.gate, out)
    const subject = new Subject<unknown>()
    /** Results that wait; `from` is the first that was not emitted yet. */
    let waiting: unknown[] = []
    let from = 0
    let input: readonly unknown[] = []
    let next = 0
    let failure: { readonly error: unknown } | null = null
    let completed = false
    /** Results worth a batch. */
    const full = Math.min(capacity, BATCH_RECORDS_MAX)
    let inputEnded = false
    /** True once the end was passed on. */
    let ended = false
    /** True while RxJS is given something: then no turn must be asked for. */
    let giving = false

    const awake = out.deferred(() => {
      // Once it runs, the pump defers by itself.
      if (!pump.busy) pump.start(nextBatch, settle)
      return true
    })

    function onValue(value: unknown): void {
      if (waiting.length - from < capacity) waiting.push(value)
      else failure ??= { error: overflow(context.operator, capacity) }
      if (!giving) context.wake(awake)
    }

    function onError(error: unknown): void {
      failure ??= { error }
      if (!giving) context.wake(awake)
    }

    function onComplete(): void {
      completed = true
      if (!giving) context.wake(awake)
    }

    /** Gives records until a batch is full or all are given. */
    function nextBatch(): Batch | null {
      giving = true
      while (next < input.length && waiting.length - from < full && !completed) {
        const record = input[next++]
        subject.next(record)
        check(record)
      }
      giving = false
      check(undefined)
      const records = waiting.slice(from, from + BATCH_RECORDS_MAX)
      from += records.length
      if (from === waiting.length) {
        waiting = []
        from = 0
      }
      context.count(0, records.length)
      return records.length === 0 ? null : batch(records)
    }

    function check(record: unknown): void {
      if (failure !== null) context.errors.fail(failure.error, record, undefined)
    }

    /** Everything that was there is out. */
    function settle(): void {
      input = []
      if (!completed || ended) return
      ended = true
      out.emit(end)
      if (inputEnded) return
      context.complete()
      out.stop()
    }

    let results: Subscription | null = null
    // In the operator's first turn at the earliest: it must not speak while the chain is put together.
    giving = true
    const source = operators.reduce((stream, operator) => operator(stream), subject.asObservable())
    results = source.subscribe({ next: onValue, error: onError, complete: onComplete })
    giving = false
    if (completed || failure !== null || waiting.length > 0) context.wake(awake)

    return {
      batch(taken) {
        if (ended) return
        context.count(taken.records.length, 0)
        input = taken.records
        next = 0
        pump.start(nextBatch, settle)
      },
      mark(signal) {
        if (!ended) pump.start(nextBatch, () => out.emit(signal))
      },
      end() {
        if (ended) return
        inputEnded = true
        giving = true
        subject.complete()
        giving = false
        pump.start(nextBatch, settle)
      },
      close() {
        results?.unsubscribe()
        waiting = []
        input = []
      },
    }
  })
}

function overflow(operator: string, capacity: number): MillraceError {
  return new MillraceError(
    'E_RX_OVERFLOW',
    `operator "${operator}": more than ${capacity} results of rx(…) wait for the outlet; RxJS cannot ` +
      'be kept waiting: raise { capacity }, or use the operators of Millrace, which can',
    { details: { operator, capacity } },
  )
}
