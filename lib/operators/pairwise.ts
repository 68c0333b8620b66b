import { commonOptions } from './arguments.js'
import { cellsOf } from './cells.js'
import { operate } from './operate.js'
import type { OperatorOptions } from './operator.js'
import { openSequence, sequenceTraits } from './sequence/sequence.js'
import type { Op, Stream, Time } from './stream.js'

/**
 * Each record with the one before it, as `[previous, current]`; behind `keyBy`, of the same key. As
 * RxJS `pairwise`. A pair has the time of its second record. State: one record per key.
 *
 *     pairwise()
 */
export function pairwise<T, E extends Time, Key>(
  options: OperatorOptions = {},
): Op<Stream<T, E, Key>, Stream<readonly [previous: T, current: T], E, Key>> {
  return operate({
    kind: 'pairwise',
    traits: sequenceTraits,
    options: commonOptions('pairwise', options),
    settings: {},
    functions: [],
    open: (context) =>
      openSequence(context, ({ results }) => {
        const previous = cellsOf<unknown>(context, 'previous')
        return {
          onRecord(record, key, group, timeMs) {
            if (previous.has(group, key)) {
              results.push([previous.get(group, key), record], key, group, timeMs)
            }
            previous.set(group, key, record)
          },
        }
      }),
  })
}
