import { commonOptions, requireCount } from './arguments.js'
import { type BufferCountOptions, CountedArrays } from './buffer-count.js'
import { operate } from './operate.js'
import { openSequence, sequenceTraits } from './sequence/sequence.js'
import type { Op, Stream, Time } from './stream.js'

/**
 * Windows of `size` records, each as an array when it closes; behind `keyBy`, of the records of each
 * key. As RxJS `windowCount`, whose windows are streams: here a window speaks once. A window opens before its
 * first record, so unlike `bufferCount` the last one may be empty. With `startEvery` below `size` windows
 * overlap, above it records are left out. Event time ends here. State: fewer than `size` records per key.
 * For aggregates per window see `window(countWindow(size))`.
 *
 *     windowCount(100)
 */
export function windowCount<T, E extends Time, Key>(
  size: number,
  options: BufferCountOptions = {},
): Op<Stream<T, E, Key>, Stream<T[], 'untimed', Key>> {
  const { startEvery = size } = options
  requireCount('windowCount', 'size', size, 1)
  requireCount('windowCount', 'startEvery', startEvery, 1)
  return operate({
    kind: 'windowCount',
    traits: { ...sequenceTraits, timeAfter: 'ended' },
    options: commonOptions('windowCount', options, ['startEvery']),
    settings: { size, startEvery },
    functions: [],
    open: (context) =>
      openSequence(context, (sequencing) => new CountedArrays(sequencing, size, startEvery, true)),
  })
}
