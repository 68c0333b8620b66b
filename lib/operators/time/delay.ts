import { type Duration, durationMs } from '../../base/duration.js'
import { commonOptions } from '../arguments.js'
import { type BufferOptions, bufferMaxOf, HeldRecords, HoldLimit } from '../combine/held.js'
import { NO_TIME } from '../combine/results.js'
import { operate } from '../operate.js'
import {
  delayingTraits,
  openSequence,
  type Sequence,
  type Sequencing,
} from '../sequence/sequence.js'
import type { Op, Stream, Time } from '../stream.js'

/**
 * Passes each record `duration` of processing time after it has come, in order. As RxJS `delay`; the
 * end waits for the last record. Keeps the key. Event time ends here,
 * for the watermark has gone on meanwhile: give it anew with `timestamps`. State: the records under way, at most
 * `bufferMax` (1,000,000) per subtask, then E_BUFFER_FULL: unlike RxJS, which holds without limit.
 *
 *     delay('2s')
 */
export function delay<T, E extends Time, Key>(
  duration: Duration,
  options: BufferOptions = {},
): Op<Stream<T, E, Key>, Stream<T, 'untimed', Key>> {
  const ms = durationMs(duration, 'delay: duration', 0)
  const bufferMax = bufferMaxOf('delay', options)
  return operate({
    kind: 'delay',
    traits: delayingTraits,
    options: commonOptions('delay', options, ['bufferMax']),
    settings: { ms, bufferMax },
    functions: [],
    open: (context) => openSequence(context, (sequencing) => delayed(sequencing, ms, bufferMax)),
  })
}

function delayed(
  { context, results, timers, nowMs }: Sequencing,
  ms: number,
  bufferMax: number,
): Sequence {
  const held = new HeldRecords(context, 'held', new HoldLimit(context, bufferMax))
  const due = context.state.list<number>('due')
  return {
    onRecord(record, key, group) {
      held.push(record, key, group, NO_TIME)
      due.append(group, key, nowMs() + ms)
      timers.register(group, key, nowMs() + ms)
    },
    /** One timer stands for all records of its key and instant; their results need their room. */
    onTimer({ key, group, timeMs: dueMs }) {
      results.push(held.first(key, group), key, group, NO_TIME)
      held.dropFirst(key, group)
      due.dropFirst(group, key, 1)
      const next = due.first(group, key)
      if (next !== undefined && next <= dueMs) timers.register(group, key, dueMs)
    },
    pending: () => held.keys > 0,
  }
}
