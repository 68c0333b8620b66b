import { requireSyncFunction } from '../arguments.js'
import { attachBeside, requireStream } from '../combine/attach-all.js'
import type { CoKeyed, CommonTime, KeyOf, RecordOf, TimeOf } from '../combine/inputs.js'
import type { OperatorOptions } from '../operator.js'
import type { AnyStream, Op, Stream, Time } from '../stream.js'
import type { ProcessContext } from './process-context.js'
import { type CommonSpec, type KeyFor, processDefinition } from './process-definition.js'
import type { StateSpecs } from './state-spec.js'

/** What `processWith` is made of: `process` with a function for each of two streams. */
export interface ProcessWithSpec<L, Rt, R, S extends StateSpecs, E extends Time, Key, Opened>
  extends CommonSpec<R, S, E, Key, Opened> {
  readonly onLeft: (record: L, context: ProcessContext<R, S, E, Key, Opened>) => void
  readonly onRight: (record: Rt, context: ProcessContext<R, S, E, Key, Opened>) => void
}

/**
 * `process` over two streams that share state and timers: `onLeft` for the records of the stream,
 * `onRight` for those of `other`, in the order of their arrival, which is not the same in each run.
 *
 * Both streams have keys, and records of both with the same key share its state; or neither has, and
 * each subtask works for itself. It has event time where both have it; the watermark is the lower of
 * the two. All else as `process`.
 *
 * @example
 * const pairs = collect<string>()
 * await runTest(
 *   pipeline('pairs', (flow) => {
 *     const cities = flow.from([['ann', 'Oslo']] as const).pipe(keyBy(([name]) => name))
 *     flow
 *       .from(['ann', 'bob'])
 *       .pipe(
 *         keyBy((name) => name),
 *         processWith(cities, {
 *           emits: recordsOf<string>(),
 *           state: { city: valueState<string>(), seen: valueState<true>() },
 *           onLeft: (_, { state }) => state.seen.set(true),
 *           onRight: ([, city], { state }) => state.city.set(city),
 *           onEnd: ({ key, state, emit }) => emit(`${key}: ${state.city.get() ?? 'unknown'}`),
 *         }),
 *       )
 *       .to(pairs)
 *   }),
 * )
 * pairs.records.toSorted() // ['ann: Oslo', 'bob: unknown']
 */
export function processWith<
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
  spec: ProcessWithSpec<T, RecordOf<O>, R, S, CommonTime<E | TimeOf<O>>, Key, Opened>,
  options: OperatorOptions = {},
): Op<
  Stream<T, E, Key> & KeyFor<S, Key> & CoKeyed<Key | KeyOf<O>>,
  Stream<R, CommonTime<E | TimeOf<O>>>
> {
  requireStream('processWith', other)
  const { onLeft, onRight } = spec
  requireSyncFunction('processWith', 'onLeft', onLeft)
  requireSyncFunction('processWith', 'onRight', onRight)
  const inputs = [
    { call: onLeft, name: 'onLeft', hasKey: true, broadcasts: true },
    { call: onRight, name: 'onRight', hasKey: true, broadcasts: true },
  ]
  const definition = processDefinition('processWith', spec, inputs, options)
  return attachBeside([other], definition) as never
}
