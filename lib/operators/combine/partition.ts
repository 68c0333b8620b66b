import { callSite } from '../../base/call-site.js'
import { requireSyncFunction } from '../arguments.js'
import type { FusedStep, OperatorOptions } from '../operator.js'
import { recordWise } from '../record-wise.js'
import { type AnyStream, attach, type Stream, type Time } from '../stream.js'
import { requireStream } from './attach-all.js'

/**
 * Two streams of one: the records for which `predicate` is true, and those for which it is not. As RxJS
 * `partition`, without the index: it calls `predicate` twice per record, once for each stream, so it
 * must give the same answer. Both keep key and time, and run in parallel. No state.
 *
 * @example
 * const [small, large] = [collect<number>(), collect<number>()]
 * const sizes = pipeline('sizes', (flow) => {
 *   const [under, over] = partition(flow.from([1, 20, 3, 40]), (size) => size < 10)
 *   under.to(small)
 *   over.to(large)
 * })
 * await runTest(sizes)
 * small.records // [1, 3]
 * large.records // [20, 40]
 */
export function partition<T, U extends T, E extends Time, Key>(
  stream: Stream<T, E, Key>,
  predicate: (value: T) => value is U,
  options?: OperatorOptions,
): [Stream<U, E, Key>, Stream<Exclude<T, U>, E, Key>]
export function partition<T, E extends Time, Key>(
  stream: Stream<T, E, Key>,
  predicate: (value: T) => boolean,
  options?: OperatorOptions,
): [Stream<T, E, Key>, Stream<T, E, Key>]
export function partition(
  stream: AnyStream,
  predicate: (value: never) => boolean,
  options: OperatorOptions = {},
): [AnyStream, AnyStream] {
  requireStream('partition', stream)
  requireSyncFunction('partition', 'predicate', predicate)
  const site = callSite()
  const half = (call: FusedStep['call'], takes: boolean) => {
    const { name } = options
    const own = name === undefined ? options : { ...options, name: `${name} (${takes})` }
    const filter = recordWise('partition', { kind: 'filter', call: call as never }, own)
    return stream[attach]({ ...filter, settings: { takes }, functions: [predicate] }, [], site)
  }
  return [half(predicate, true), half((value) => !predicate(value), false)]
}
