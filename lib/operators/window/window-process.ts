import { callSite } from '../../base/call-site.js'
import { MillraceError } from '../../base/errors.js'
import type { WindowSpan } from '../../window/span.js'
import { commonOptions, requireSyncFunction } from '../arguments.js'
import type { OperatorDefinition, OperatorOptions } from '../operator.js'
import {
  type AnyStream,
  attach,
  type NoKey,
  type Op,
  type Stream,
  type Time,
  type Windowed,
} from '../stream.js'
import type { WindowFunctionState } from './window-function.js'
import type { ContentFunction } from './window-settings.js'
import { WindowedStream } from './windowed-stream.js'

/** A window of a key and its records, as `windowProcess` hands them over. */
export interface WindowRecords<Key, T> {
  /** Undefined behind `windowAll`. */
  readonly key: [Key] extends [NoKey] ? undefined : Key
  readonly window: WindowSpan
  /** In the order of their slices, and of arrival within one. */
  readonly records: readonly T[]
  /** One value per key, beyond its windows; kept until it is cleared. */
  readonly state: WindowFunctionState
}

/** A window of a key and the result of an aggregate, as `windowProcess` hands them over. */
export interface WindowValue<Key, V> extends Omit<WindowRecords<Key, never>, 'records'> {
  readonly value: V
}

/**
 * Makes what it likes of a whole window: `process` is called with the window's records and gives the
 * records to emit, lazily if it is a generator. State: all records of a window, so where an aggregate will
 * do, use it, or put it first: `windowProcess(count(), ({ key, window, value }) => …)` keeps the count only
 * and hands it over with its window. As Flink's ProcessWindowFunction.
 *
 *     keyBy((bid: Bid) => bid.auction), window(countWindow(3)), windowProcess(({ key, records }) => [{ key, prices: records.map((bid) => bid.price) }])
 *     keyBy((bid: Bid) => bid.auction), window(countWindow(3)), windowProcess(count(), ({ key, value }) => [`${key}: ${value}`])
 */
export function windowProcess<T, E extends Time, Key, R>(
  process: (given: WindowRecords<Key, T>) => Iterable<R>,
  options?: OperatorOptions,
): Op<Stream<T, E, Windowed<Key>>, Stream<R, E>>
export function windowProcess<T, E extends Time, Key, V, R>(
  aggregate: Op<Stream<T, Time, NoKey>, Stream<V, Time, NoKey>>,
  process: (given: WindowValue<Key, V>) => Iterable<R>,
  options?: OperatorOptions,
): Op<Stream<T, E, Windowed<Key>>, Stream<R, E>>
export function windowProcess(
  first: unknown,
  second?: unknown,
  third?: OperatorOptions,
): Op<AnyStream, AnyStream> {
  const combined = typeof second === 'function'
  const process = combined ? second : first
  const options = (combined ? third : (second as OperatorOptions | undefined)) ?? {}
  requireSyncFunction('windowProcess', 'process', process)
  const site = callSite()
  const aggregate = combined ? definitionOf(first as Op<AnyStream, AnyStream>) : null
  const content = {
    kind: 'windowProcess',
    options: commonOptions('windowProcess', options),
    settings: aggregate === null ? {} : { aggregate: aggregate.kind, ...aggregate.settings },
    functions: [process as () => unknown, ...(aggregate?.functions ?? [])],
    aggregation: aggregate?.aggregation ?? null,
    apply: process as ContentFunction,
    sided: false,
  }
  return (stream) => {
    if (stream instanceof WindowedStream) return stream.make(content, site)
    throw new MillraceError(
      'E_NEEDS_WINDOW',
      `windowProcess (${site()}) needs window(…) or windowAll(…) directly before it.`,
      { details: { operator: 'windowProcess', at: site() } },
    )
  }
}

/** The definition that an aggregate would attach. */
function definitionOf(aggregate: Op<AnyStream, AnyStream>): OperatorDefinition {
  let found: OperatorDefinition | null = null
  const probe = {
    [attach](definition: OperatorDefinition) {
      found = definition
      return probe
    },
  }
  aggregate(probe as unknown as AnyStream)
  const definition = found as OperatorDefinition | null
  if (definition?.aggregation !== undefined) return definition
  const at = callSite()()
  throw new MillraceError(
    'E_BAD_ARGUMENT',
    `windowProcess (${at}): before the function, an aggregate like count() or sum(…) is needed`,
    { details: { operator: 'windowProcess', at } },
  )
}
