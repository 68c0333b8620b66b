import { commonOptions } from './arguments.js'
import { cellsOf } from './cells.js'
import { NO_TIME } from './combine/results.js'
import { deepFreeze } from './freeze.js'
import { operate } from './operate.js'
import type { OperatorOptions } from './operator.js'
import { openSequence, sequenceTraits } from './sequence/sequence.js'
import type { Op, Stream, Time } from './stream.js'

/**
 * Passes records; gives `value` where the stream ends without one. As RxJS `defaultIfEmpty`. Behind
 * `keyBy` it passes records only, for a key begins with a record. `value` belongs to no instant: event
 * time ends here. State: one mark.
 *
 *     defaultIfEmpty(null)
 */
export function defaultIfEmpty<const V, T = never, E extends Time = Time, Key = unknown>(
  value: V,
  options: OperatorOptions = {},
): Op<Stream<T, E, Key>, Stream<T | V, 'untimed', Key>> {
  deepFreeze(value)
  return operate({
    kind: 'defaultIfEmpty',
    traits: { ...sequenceTraits, timeAfter: 'ended' },
    options: commonOptions('defaultIfEmpty', options),
    settings: {},
    functions: [],
    open: (context) =>
      openSequence(context, ({ results }) => {
        const seen = cellsOf<true>(context, 'seen')
        return {
          onRecord(record, key, group) {
            if (!context.keyed && !seen.has(group, key)) seen.set(group, key, true)
            results.push(record, key, group, NO_TIME)
          },
          onEnd() {
            if (context.keyed || seen.size > 0) return null
            return () => {
              results.push(value, undefined, 0, NO_TIME)
              return true
            }
          },
        }
      }),
  })
}
