import type { JsonObject } from '../../base/json.js'
import { refuseUnknownOptions } from '../../base/unknown-option.js'
import { commonOptions, requireFunction, requireSyncFunction } from '../arguments.js'
import { operate } from '../operate.js'
import type { OperatorOptions, OperatorTraits } from '../operator.js'
import { recordWiseTraits } from '../record-wise.js'
import type { NeedsKey, NoKey, Op, Stream, Time } from '../stream.js'
import type { FiredTimer, OpenContext, ProcessContext, RecordsOf } from './process-context.js'
import { openProcess, type ProcessParts } from './process-run.js'
import type { NeedsAKey, StateSpecs } from './state-spec.js'

/** What `process` is made of. Its functions but `open` and `close` do their work at once. */
export interface ProcessSpec<T, R, S extends StateSpecs, E extends Time, Key, Opened> {
  /** `recordsOf<R>()`: what it emits. Default: anything. */
  readonly emits?: RecordsOf<R>
  /** What it keeps, by name. Default: nothing. */
  readonly state?: S
  /** Called once per subtask before the first record, which waits for its promise. */
  readonly open?: (context: OpenContext) => Opened | Promise<Opened>
  readonly onRecord: (record: T, context: ProcessContext<R, S, E, Key, Opened>) => void
  readonly onTimer?: (timer: FiredTimer<Key>, context: ProcessContext<R, S, E, Key, Opened>) => void
  /** Called when the input has ended: for every key that has state, or once where there are no keys. */
  readonly onEnd?: (context: ProcessContext<R, S, E, Key, Opened>) => void
  /** Called once with what `open` has given, whatever ends the subtask; the end waits for its promise. */
  readonly close?: (opened: Opened) => void | Promise<void>
}

/** What a stream needs for these states: a key, where one of them is kept per key. */
export type KeyFor<S extends StateSpecs, Key> = [Key] extends [NoKey]
  ? NeedsAKey<S> extends true
    ? NeedsKey
    : unknown
  : unknown

const FUNCTIONS = ['open', 'onRecord', 'onTimer', 'onEnd', 'close'] as const

/**
 * The operator to write others with: `onRecord` is called for every record and `onTimer` for every timer that
 * has come due, with state, timers, outputs and clock in `context`.
 *
 *     keyBy((bid: Bid) => bid.auction), process({
 *       emits: recordsOf<string>(),
 *       state: { count: valueState<number>({ ttl: '1d' }) },
 *       onRecord(_, { state, timers, now }) {
 *         state.count.set((state.count.get() ?? 0) + 1)
 *         timers.processing.register(now() + 60_000)
 *       },
 *       onTimer: (_, { key, state, emit }) => emit(`${key}: ${state.count.get()}`),
 *     })
 *
 * Behind `keyBy` state and timers are those of the record's key, and the key's scope ends here. Without a key
 * each subtask works for itself: it may keep `operatorListState` and `broadcastState`, and its timers
 * have no key. What a call writes, registers and emits counts once it has returned: under
 * `onRecordError` a failing record leaves no trace. Errors of `onTimer`, `onEnd`, `open` and `close` are
 * failures of the subtask. What is emitted has the event time of the record or timer. A call may give
 * up to 65,536 records per output.
 *
 * At the end all event-time timers fire, then `onEnd` is called; timers of processing time that are not due
 * by then do not fire. State: as declared, and the timers. Guarantee: as its state; it must not change
 * anything outside, except through what `open` has opened, and then at least once.
 *
 * @example
 * const visits = collect<string>()
 * await runTest(
 *   pipeline('visits', (flow) =>
 *     flow
 *       .from(['ann', 'bob', 'ann'])
 *       .pipe(
 *         keyBy((name) => name),
 *         process({
 *           emits: recordsOf<string>(),
 *           state: { n: valueState<number>() },
 *           onRecord: (_, { state }) => state.n.set((state.n.get() ?? 0) + 1),
 *           onEnd: ({ key, state, emit }) => emit(`${key} ${state.n.get()}`),
 *         }),
 *       )
 *       .to(visits),
 *   ),
 * )
 * visits.records.toSorted() // ['ann 2', 'bob 1']
 */
export function process<
  T,
  R = unknown,
  // biome-ignore lint/complexity/noBannedTypes: no states
  S extends StateSpecs = {},
  E extends Time = Time,
  Key = unknown,
  Opened = undefined,
>(
  spec: ProcessSpec<T, R, S, E, Key, Opened>,
  options: OperatorOptions = {},
): Op<Stream<T, E, Key> & KeyFor<S, Key>, Stream<R, E>> {
  refuseUnknownOptions('process', spec, ['emits', 'state', ...FUNCTIONS])
  const { state = {}, onRecord, onTimer, onEnd, open, close } = spec
  requireSyncFunction('process', 'onRecord', onRecord)
  if (onTimer !== undefined) requireSyncFunction('process', 'onTimer', onTimer)
  if (onEnd !== undefined) requireSyncFunction('process', 'onEnd', onEnd)
  if (open !== undefined) requireFunction('process', 'open', open)
  if (close !== undefined) requireFunction('process', 'close', close)
  const parts: ProcessParts = {
    inputs: [{ call: onRecord, name: 'onRecord', hasKey: true, broadcasts: true }],
    onTimer: onTimer ?? null,
    onEnd: onEnd ?? null,
    open: open ?? null,
    close: close ?? null,
    states: state,
  }
  return operate({
    kind: 'process',
    traits: processTraits(parts),
    options: commonOptions('process', options),
    settings: settingsOf(state),
    functions: functionsOf(parts),
    open: (context) => openProcess(context, parts),
  })
}

/** Without a key each subtask works for itself, so no state brings the stream into one place. */
export function processTraits({ states, onTimer }: ProcessParts): OperatorTraits {
  const specs = Object.values(states)
  return {
    ...recordWiseTraits,
    key: specs.some(({ keyed }) => keyed) ? 'required' : 'optional',
    keyAfter: 'ended',
    stateful: specs.length > 0 || onTimer !== null,
    wholeStream: false,
    sides: 'any',
  }
}

/** The states, as `explain` shows them and snapshots are compared by. */
export function settingsOf(states: StateSpecs): JsonObject {
  const described = Object.entries(states).map(([name, { kind, ttl }]) => {
    return [name, ttl === null ? kind : `${kind}, ttl ${ttl.ms} ms (${ttl.update})`] as const
  })
  return described.length === 0 ? {} : { state: Object.fromEntries(described) }
}

type AnyFunction = (...args: never[]) => unknown

/** For the fingerprint. */
export function functionsOf(parts: ProcessParts): AnyFunction[] {
  const { inputs, onTimer, onEnd, open, close, states } = parts
  const own = [...inputs.map(({ call }) => call), onTimer, onEnd, open, close]
  const ofStates = Object.values(states).flatMap(({ add, aggregation }) => [
    add,
    ...Object.values((aggregation ?? {}) as Record<string, unknown>),
  ])
  return [...own, ...ofStates].filter((each): each is AnyFunction => typeof each === 'function')
}
