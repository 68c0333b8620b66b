import { commonOptions, requireCount } from './arguments.js'
import { cellsOf } from './cells.js'
import { operate } from './operate.js'
import type { OperatorOptions } from './operator.js'
import { recordWiseTraits } from './record-wise.js'
import { keepWhere } from './stateful-filter.js'
import type { Op, Stream, Time } from './stream.js'

/**
 * Drops the first `count` records; behind `keyBy`, the first `count` of each key. As RxJS `skip`.
 * Without a key it runs at parallelism 1. State: one number per key, kept for ever.
 *
 *     skip(1, { name: 'header' })
 */
export function skip<T, E extends Time, Key>(
  count: number,
  options: OperatorOptions = {},
): Op<Stream<T, E, Key>, Stream<T, E, Key>> {
  requireCount('skip', 'count', count, 0)
  return operate({
    kind: 'skip',
    traits: { ...recordWiseTraits, stateful: true, orderSensitive: true },
    options: commonOptions('skip', options),
    settings: { count },
    functions: [],
    open(context) {
      const skipped = cellsOf<number>(context, 'skipped')
      return keepWhere(context, (_record, key, group) => {
        const seen = skipped.get(group, key) ?? 0
        if (seen >= count) return true
        skipped.set(group, key, seen + 1)
        return false
      })
    },
  })
}
