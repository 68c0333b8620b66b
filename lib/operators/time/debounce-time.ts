import { type Duration, durationMs } from '../../base/duration.js'
import { commonOptions } from '../arguments.js'
import { cellsOf } from '../cells.js'
import { operate } from '../operate.js'
import type { OperatorOptions } from '../operator.js'
import {
  openSequence,
  type Sequence,
  type Sequencing,
  sequenceTraits,
} from '../sequence/sequence.js'
import type { Op, Stream, Time } from '../stream.js'

/** A record that waits for its time, with what belongs to it. */
interface Waiting {
  readonly record: unknown
  readonly timeMs: number
  readonly dueMs: number
}

/**
 * Passes a record once no other has come for `duration` of processing time; behind `keyBy`, no other of
 * its key. As RxJS `debounceTime`: at the end the record that waits passes at once. Keeps key and event
 * time. State: one record and one timer per key that waits; restored, what was due passes.
 *
 *     debounceTime('300ms')
 */
export function debounceTime<T, E extends Time, Key>(
  duration: Duration,
  options: OperatorOptions = {},
): Op<Stream<T, E, Key>, Stream<T, E, Key>> {
  const ms = durationMs(duration, 'debounceTime: duration', 0)
  return operate({
    kind: 'debounceTime',
    traits: sequenceTraits,
    options: commonOptions('debounceTime', options),
    settings: { ms },
    functions: [],
    open: (context) => openSequence(context, (sequencing) => debounce(sequencing, ms)),
  })
}

function debounce({ context, results, timers, nowMs }: Sequencing, ms: number): Sequence {
  const waiting = cellsOf<Waiting & { readonly group: number }>(context, 'waiting')
  return {
    onRecord(record, key, group, timeMs) {
      const before = waiting.get(group, key)
      if (before !== undefined) timers.delete(group, key, before.dueMs)
      const dueMs = nowMs() + ms
      waiting.set(group, key, { record, timeMs, dueMs, group })
      timers.register(group, key, dueMs)
    },
    onTimer({ key, group }) {
      const { record, timeMs } = waiting.get(group, key)!
      waiting.delete(group, key)
      results.push(record, key, group, timeMs)
    },
    onEnd() {
      const entries = waiting.entries()
      return () => {
        while (results.room > 0) {
          const next = entries.next()
          if (next.done) return true
          const [key, { record, timeMs, group }] = next.value
          results.push(record, key, group, timeMs)
        }
        return false
      }
    },
  }
}
