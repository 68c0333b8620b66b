import { requireSyncFunction } from '../arguments.js'
import { operate } from '../operate.js'
import type { OperatorOptions } from '../operator.js'
import type { Op, Stream, Time } from '../stream.js'
import type { ProcessContext } from './process-context.js'
import { type CommonSpec, type KeyFor, processDefinition } from './process-definition.js'
import type { StateSpecs } from './state-spec.js'

/** What `process` is made of. Its functions but `open` and `close` do their work at once. */
export interface ProcessSpec<T, R, S extends StateSpecs, E extends Time, Key, Opened>
  extends CommonSpec<R, S, E, Key, Opened> {
  readonly onRecord: (record: T, context: ProcessContext<R, S, E, Key, Opened>) => void
}

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
 * At the end all event-time timers fire (a timer that registers its successor should not do so when
 * `watermarkMs` is Infinity), then `onEnd` is called; timers of processing time that are not due by then
 * do not fire. State: as declared, and the timers. Guarantee: as its state; it must not change
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
  requireSyncFunction('process', 'onRecord', spec.onRecord)
  const inputs = [{ call: spec.onRecord, name: 'onRecord', hasKey: true, broadcasts: true }]
  return operate(processDefinition('process', spec, inputs, options))
}
