import { commonOptions } from './arguments.js'
import { type BufferOptions, bufferMaxOf, HeldRecords, HoldLimit } from './combine/held.js'
import { NO_TIME } from './combine/results.js'
import { operate } from './operate.js'
import { openSequence, resultTraits } from './sequence/sequence.js'
import type { Op, PerKey, Stream, Time } from './stream.js'

/**
 * All records as one array, when the stream ends; behind `keyBy` `[key, array]` for each key, and the
 * key's scope ends. As RxJS `toArray`. Behind `window` use the function of a full window instead. State: all
 * records, at most `bufferMax` (1,000,000) per subtask, then E_BUFFER_FULL: unlike RxJS, which holds
 * without limit.
 *
 *     toArray()
 */
export function toArray<T, E extends Time, Key>(
  options: BufferOptions = {},
): Op<Stream<T, E, Key>, Stream<PerKey<Key, T[]>>> {
  const bufferMax = bufferMaxOf('toArray', options)
  return operate({
    kind: 'toArray',
    traits: {
      ...resultTraits,
      speaksAtEnd: true,
      insteadOfEnd: 'use bufferCount(…) or bufferTime(…), or windowProcess(…) behind window(…)',
    },
    options: commonOptions('toArray', options, ['bufferMax']),
    settings: { bufferMax },
    functions: [],
    open: (context) =>
      openSequence(
        context,
        ({ results }) => {
          const held = new HeldRecords(context, 'held', new HoldLimit(context, bufferMax))
          return {
            onRecord: (record, key, group) => held.push(record, key, group, NO_TIME),
            onEnd() {
              let owed = !context.keyed
              return () => {
                if (owed) results.push(held.takeAll(undefined, 0), undefined, 0, NO_TIME)
                else if (context.keyed) held.movePairsTo(results)
                owed = false
                return held.keys === 0
              }
            },
          }
        },
        { keepsKeys: false },
      ),
  })
}
