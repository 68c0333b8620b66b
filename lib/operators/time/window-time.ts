import { type Duration, durationMs } from '../../base/duration.js'
import { commonOptions, requireCount } from '../arguments.js'
import { type BufferOptions, bufferMaxOf } from '../combine/held.js'
import { operate } from '../operate.js'
import { openSequence, sequenceTraits } from '../sequence/sequence.js'
import type { Op, Stream, Time } from '../stream.js'
import { spans } from './sample-time.js'

/** Options of `windowTime`. */
export interface WindowTimeOptions extends BufferOptions {
  /** A window with so many records closes at once, and the next one opens. Default: no limit. */
  readonly maxWindowSize?: number
}

/**
 * Windows of `span` of processing time, each as an array when it closes, and at the end what is left. As RxJS
 * `windowTime` with one argument, whose windows are streams: here a window speaks once, so this is
 * `bufferTime` by another name. Behind `keyBy` a window opens with a record, and unlike RxJS none is
 * empty. Event time ends here. State: the records held, at most `bufferMax` (1,000,000) per subtask,
 * then E_BUFFER_FULL. For aggregates per window see `window(tumbling(span, { time: 'processing' }))`.
 *
 *     windowTime('1s', { maxWindowSize: 500 })
 */
export function windowTime<T, E extends Time, Key>(
  span: Duration,
  options: WindowTimeOptions = {},
): Op<Stream<T, E, Key>, Stream<T[], 'untimed', Key>> {
  const ms = durationMs(span, 'windowTime: span')
  const bufferMax = bufferMaxOf('windowTime', options)
  const { maxWindowSize: maxBufferSize = Number.POSITIVE_INFINITY } = options
  if (options.maxWindowSize !== undefined) {
    requireCount('windowTime', 'maxWindowSize', maxBufferSize, 1)
  }
  return operate({
    kind: 'windowTime',
    traits: { ...sequenceTraits, timeAfter: 'ended' },
    options: commonOptions('windowTime', options, ['bufferMax', 'maxWindowSize']),
    settings: {
      ms,
      bufferMax,
      ...(Number.isFinite(maxBufferSize) ? { maxWindowSize: maxBufferSize } : {}),
    },
    functions: [],
    open: (context) =>
      openSequence(context, (sequencing) => spans(sequencing, { ms, bufferMax, maxBufferSize })),
  })
}
