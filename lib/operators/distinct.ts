import type { OperatorFunction } from 'rxjs'
import { type Duration, durationMs } from '../base/duration.js'
import { assertKey, keyGroupOf } from '../base/key.js'
import { commonOptions, requireSyncFunction } from './arguments.js'
import { operate } from './operate.js'
import type { OperatorContext, OperatorOptions } from './operator.js'
import { SKIP } from './record-error.js'
import { recordWiseTraits } from './record-wise.js'
import type { Signal } from './signal.js'
import { keepWhere } from './stateful-filter.js'
import type { Op, Stream, Time } from './stream.js'

/** Options of `distinct`. */
export interface DistinctOptions extends OperatorOptions {
  /** A value that has not come for so long (processing time) is forgotten. Default: never. */
  readonly retention?: Duration
}

/**
 * Passes a record only if no earlier one had the same `selector(record)`; behind `keyBy`, no earlier
 * one of its key. As RxJS `distinct`, but values are compared as keys are: by value, so two equal
 * objects are the same. Without a key it runs at parallelism 1. With `retention`, a value that has not
 * come for so long is forgotten, and passes again. State: every value seen, for ever or as long as
 * `retention` says.
 *
 *     distinct((visit: Visit) => visit.user)
 *     distinct((visit: Visit) => visit.user, { retention: '1h' })
 */
export function distinct<T, E extends Time, Key>(
  selector?: (value: T) => unknown,
  options: DistinctOptions = {},
): Op<Stream<T, E, Key>, Stream<T, E, Key>> {
  const { retention } = options
  const ms = retention === undefined ? null : durationMs(retention, 'distinct: retention')
  if (selector !== undefined) requireSyncFunction('distinct', 'selector', selector)
  return operate({
    kind: 'distinct',
    traits: { ...recordWiseTraits, stateful: true, orderSensitive: true },
    options: commonOptions('distinct', options, ['retention']),
    settings: ms === null ? {} : { retentionMs: ms },
    functions: selector === undefined ? [] : [selector],
    open: (context) => openDistinct(context, selector as (value: unknown) => unknown, ms),
  })
}

function openDistinct(
  context: OperatorContext,
  selector: ((value: unknown) => unknown) | undefined,
  retentionMs: number | null,
): OperatorFunction<Signal, Signal> {
  const { keyed, maxParallelism } = context
  // One entry per value, not one set per key: a snapshot then holds what is new and no more.
  const ttl = retentionMs === null ? {} : { ttl: { ms: retentionMs, update: 'readWrite' } as const }
  const seen = context.state.value<true>('seen', ttl)

  function select(record: unknown): unknown {
    const value = selector === undefined ? record : selector(record)
    assertKey(value)
    return value
  }

  function recover(error: unknown, record: unknown, key: unknown): unknown {
    return context.errors.recover(error, record, key, () => select(record))
  }

  return keepWhere(context, (record, key, group) => {
    let value: unknown
    try {
      value = select(record)
    } catch (error) {
      value = recover(error, record, key)
      if (value === SKIP) return false
    }
    // Without a key the values are spread over the key groups: one Map could grow too large.
    const entry = keyed ? [key, value] : value
    const place = keyed ? group : keyGroupOf(value, maxParallelism)
    if (seen.has(place, entry)) return false
    seen.set(place, entry, true)
    return true
  })
}
