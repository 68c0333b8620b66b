import { type Duration, durationMs } from '../../base/duration.js'
import { commonOptions } from '../arguments.js'
import { operate } from '../operate.js'
import type { OperatorOptions } from '../operator.js'
import { recordWiseTraits } from '../record-wise.js'
import { keepWhere } from '../stateful-filter.js'
import type { NeedsKey, NoKey, Op, Stream, Time } from '../stream.js'

/** Options of `firstPerKey`. */
export interface FirstPerKeyOptions extends OperatorOptions {
  /** A key that has not come for so long (processing time) is forgotten. Default: never. */
  readonly retention?: Duration
}

/**
 * Passes the first record of each key, in order of arrival, at once, and drops its duplicates: Flink's
 * deduplication that keeps the first row. The record keeps its key and its time. With `retention`, a key
 * that has not come for so long is forgotten, and the next record with it is a first one again.
 * State: one mark per key, for ever or as long as `retention` says.
 *
 *     keyBy((bid: Bid) => bid.auction), firstPerKey({ retention: '1h' })
 */
export function firstPerKey<T, E extends Time, Key>(
  options: FirstPerKeyOptions = {},
): Op<Stream<T, E, Key> & ([Key] extends [NoKey] ? NeedsKey : unknown), Stream<T, E, Key>> {
  const { retention } = options
  const ms = retention === undefined ? null : durationMs(retention, 'firstPerKey: retention')
  return operate({
    kind: 'firstPerKey',
    traits: { ...recordWiseTraits, key: 'required', stateful: true },
    options: commonOptions('firstPerKey', options, ['retention']),
    settings: ms === null ? {} : { retentionMs: ms },
    functions: [],
    open: (context) => {
      const ttl = ms === null ? {} : { ttl: { ms, update: 'readWrite' } as const }
      const seen = context.state.value<true>('seen', ttl)
      return keepWhere(context, (_record, key, group) => {
        if (seen.has(group, key)) return false
        seen.set(group, key, true)
        return true
      })
    },
  })
}
