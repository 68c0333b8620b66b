import { type Duration, durationMs } from '../../base/duration.js'
import { commonOptions } from '../arguments.js'
import { cellsOf } from '../cells.js'
import { NO_TIME } from '../combine/results.js'
import { operate } from '../operate.js'
import type { OperatorOptions } from '../operator.js'
import {
  delayingTraits,
  openSequence,
  releaseEach,
  type Sequence,
  type Sequencing,
} from '../sequence/sequence.js'
import type { Op, Stream, Time } from '../stream.js'

/** A record that waits for its time, with what belongs to it. */
interface Waiting {
  readonly record: unknown
  readonly dueMs: number
  readonly group: number
}

/**
 * Passes a record once no other has come for `duration` of processing time; behind `keyBy`, no other of
 * its key. As RxJS `debounceTime`: at the end the record that waits passes at once. Keeps the key.
 * Event time ends here, for the watermark has gone on meanwhile: give it anew with `timestamps`.
 * State: one record and one timer per key that waits; restored, what was due passes.
 *
 *     debounceTime('300ms')
 */
export function debounceTime<T, E extends Time, Key>(
  duration: Duration,
  options: OperatorOptions = {},
): Op<Stream<T, E, Key>, Stream<T, 'untimed', Key>> {
  const ms = durationMs(duration, 'debounceTime: duration', 0)
  return operate({
    kind: 'debounceTime',
    traits: delayingTraits,
    options: commonOptions('debounceTime', options),
    settings: { ms },
    functions: [],
    open: (context) => openSequence(context, (sequencing) => debounce(sequencing, ms)),
  })
}

function debounce({ context, results, timers, nowMs }: Sequencing, ms: number): Sequence {
  const waiting = cellsOf<Waiting>(context, 'waiting')
  return {
    onRecord(record, key, group) {
      const before = waiting.get(group, key)
      if (before !== undefined) timers.delete(group, key, before.dueMs)
      const dueMs = nowMs() + ms
      waiting.set(group, key, { record, dueMs, group })
      timers.register(group, key, dueMs)
    },
    onTimer({ key, group }) {
      const { record } = waiting.get(group, key)!
      waiting.delete(group, key)
      results.push(record, key, group, NO_TIME)
    },
    onEnd: () =>
      releaseEach(results, waiting.entries(), (key, { record, group }) =>
        results.push(record, key, group, NO_TIME),
      ),
  }
}
