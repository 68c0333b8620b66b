import { requireSyncFunction } from '../arguments.js'
import { attachBeside, requireStream } from '../combine/attach-all.js'
import type { RecordOf } from '../combine/inputs.js'
import type { OperatorOptions } from '../operator.js'
import type { AnyStream, NoKey, Op, Stream, Time } from '../stream.js'
import type { ProcessContext } from './process-context.js'
import { type CommonSpec, type KeyFor, processDefinition } from './process-definition.js'
import type { BroadcastHandle, MapHandle } from './state-handles.js'
import type { HandlesOf, StateSpec, StateSpecs } from './state-spec.js'

/** Broadcast state as it is seen by who may not change it. */
export type ReadonlyBroadcast<K, V> = Omit<BroadcastHandle<K, V>, 'set' | 'delete' | 'clear'>

/** What `onRecord` sees: broadcast state cannot be changed. */
export type RecordHandles<S extends StateSpecs> = {
  readonly [Name in keyof S]: S[Name] extends StateSpec<MapHandle<infer K, infer V>, false>
    ? ReadonlyBroadcast<K, V>
    : HandlesOf<S>[Name]
}

/** What `onBroadcast` sees: nothing that is kept per key. */
export type BroadcastHandles<S extends StateSpecs> = {
  readonly [Name in keyof S as S[Name]['keyed'] extends false ? Name : never]: HandlesOf<S>[Name]
}

/** What `onRecord` of `processWithBroadcast` is given. */
export interface BroadcastReader<R, S extends StateSpecs, E extends Time, Key, Opened>
  extends Omit<ProcessContext<R, S, E, Key, Opened>, 'state'> {
  readonly state: RecordHandles<S>
}

/** What `onBroadcast` is given: it is called for no key. */
export interface BroadcastWriter<R, S extends StateSpecs, E extends Time, Opened>
  extends Omit<ProcessContext<R, S, E, NoKey, Opened>, 'state' | 'timers' | 'key'> {
  readonly state: BroadcastHandles<S>
}

/** What `processWithBroadcast` is made of: `process`, and a function of what every subtask is told. */
export interface ProcessWithBroadcastSpec<
  T,
  B,
  R,
  S extends StateSpecs,
  E extends Time,
  Key,
  Opened,
> extends Omit<CommonSpec<R, S, E, Key, Opened>, 'onTimer' | 'onEnd'> {
  readonly onRecord: (record: T, context: BroadcastReader<R, S, E, Key, Opened>) => void
  /** Must do the same in every subtask: it may depend on the record and broadcast state only. */
  readonly onBroadcast: (record: B, context: BroadcastWriter<R, S, E, Opened>) => void
  readonly onTimer?: (
    timer: Parameters<NonNullable<CommonSpec<R, S, E, Key, Opened>['onTimer']>>[0],
    context: BroadcastReader<R, S, E, Key, Opened>,
  ) => void
  readonly onEnd?: (context: BroadcastReader<R, S, E, Key, Opened>) => void
}

/**
 * `process` beside a stream that every subtask is told whole: rules, settings, a small table. `onBroadcast` is
 * called in each subtask for each of its records and changes broadcast state; `onRecord`, for the
 * records of the stream, reads it. Both in the order of arrival: which records a rule finds is not the
 * same in each run, and a record that must not miss the rules is kept until they are there.
 *
 * What `onBroadcast` emits is emitted by every subtask. The watermark is the lower of the two streams'. All
 * else as `process`, with or without keys. State: broadcast state is held by every subtask.
 *
 * @example
 * const dear = collect<string>()
 * await runTest(
 *   pipeline('dear', (flow) => {
 *     const limits = flow.from([{ channel: 'web', from: 100 }])
 *     flow
 *       .from([['web', 80], ['web', 120]] as const)
 *       .pipe(
 *         processWithBroadcast(limits, {
 *           emits: recordsOf<string>(),
 *           state: {
 *             limits: broadcastState<string, number>(),
 *             waiting: operatorListState<readonly [string, number]>(),
 *           },
 *           onBroadcast: ({ channel, from }, { state }) => state.limits.set(channel, from),
 *           onRecord: (sale, { state }) => state.waiting.append(sale),
 *           onEnd({ state, emit }) {
 *             for (const [channel, price] of state.waiting.get()) {
 *               if (price >= (state.limits.get(channel) ?? 0)) emit(`${channel} ${price}`)
 *             }
 *           },
 *         }),
 *       )
 *       .to(dear)
 *   }),
 * )
 * dear.records // ['web 120']
 */
export function processWithBroadcast<
  T,
  R = unknown,
  // biome-ignore lint/complexity/noBannedTypes: no states
  S extends StateSpecs = {},
  E extends Time = Time,
  Key = unknown,
  Opened = undefined,
  const O extends AnyStream = AnyStream,
>(
  other: O,
  spec: ProcessWithBroadcastSpec<T, RecordOf<O>, R, S, E, Key, Opened>,
  options: OperatorOptions = {},
): Op<Stream<T, E, Key> & KeyFor<S, Key>, Stream<R, E>> {
  requireStream('processWithBroadcast', other)
  const { onRecord, onBroadcast } = spec
  requireSyncFunction('processWithBroadcast', 'onRecord', onRecord)
  requireSyncFunction('processWithBroadcast', 'onBroadcast', onBroadcast)
  const inputs = [
    { call: onRecord, name: 'onRecord', hasKey: true, broadcasts: false },
    { call: onBroadcast, name: 'onBroadcast', hasKey: false, broadcasts: true },
  ]
  const definition = processDefinition('processWithBroadcast', spec, inputs, options)
  return attachBeside([other], definition) as never
}
