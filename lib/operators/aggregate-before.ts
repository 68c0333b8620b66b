/**
 * The half of a mergeable aggregate before the exchange: folds records where they are, and sends one
 * accumulator per key instead of many records.
 *
 * It holds at most KEYS_MAX keys between flushes, and nothing beyond a barrier or the end: it flushes
 * before it passes them, so it has no part in a snapshot; and nothing for longer than `holdMs`. Watermarks
 * pass at once: results that are due only at the end, or belong to no instant, wait for none. Folding pays only where keys repeat: when most records of a
 * sample had keys of their own, it passes single-record accumulators through for a while, then
 * tries again.
 */
import type { OperatorFunction } from 'rxjs'
import { KeyIndex } from '../base/key-index.js'
import { emptyList } from '../base/list.js'
import type { Aggregation } from './aggregation.js'
import { createAlarm } from './alarm.js'
import { keysOf } from './cells.js'
import type { OperatorContext } from './operator.js'
import { SKIP } from './record-error.js'
import { BARRIER, BATCH_RECORDS_MAX, type Batch, batch, type Signal } from './signal.js'
import { createPump, signalOperator } from './signal-operator.js'

/** Keys held before a flush. */
const KEYS_MAX = 65_536
/** Records after which it is judged whether folding pays. */
const SAMPLE_RECORDS = 16_384
/** More distinct keys than this share of the records: it does not. */
const DISTINCT_SHARE_MAX = 0.5
/** Records passed through before the next try. */
const PASS_RECORDS = 1_048_576

export function aggregateBefore(
  context: OperatorContext,
  aggregation: Aggregation,
  holdMs = Number.POSITIVE_INFINITY,
): OperatorFunction<Signal, Signal> {
  const { begin, add, select } = aggregation
  const { keyed, errors, gate, clock } = context

  return signalOperator((out) => {
    const pump = createPump(gate, out)
    const due = out.deferred(() => pump.busy || flush(() => {}))
    const alarm = createAlarm(clock, () => context.wake(due))
    /** Key → index into `keys` and `accumulators`. */
    const slots = new KeyIndex()
    let keys: unknown[] = emptyList()
    let accumulators: unknown[] = emptyList()
    /** Of the sample: its records, and how many of these were the first of their key since a flush. */
    let folded = 0
    let begun = 0
    /** Records still to pass through unfolded. */
    let passing = 0

    function foldBatch(input: Batch): void {
      const { records } = input
      const inputKeys = keysOf(context, input)
      for (let i = 0; i < records.length; i++) {
        const key = inputKeys === null ? undefined : inputKeys[i]
        try {
          foldRecord(records[i], key)
        } catch (error) {
          errors.recover(error, records[i], key, () => foldRecord(records[i], key))
        }
      }
      folded += records.length
    }

    /** What a user's function throws comes before the first change. */
    function foldRecord(record: unknown, key: unknown): void {
      const slot = slots.get(key)
      const value = select === null ? record : select(record)
      if (slot >= 0) accumulators[slot] = add(accumulators[slot], value)
      else {
        const accumulator = begin(value)
        keys.push(slots.set(key, accumulators.length))
        accumulators.push(accumulator)
        begun++
      }
    }

    /** Over flushes: where these come soon, most of a sample may be sent one by one. True where folding does not pay. */
    function isWaste(): boolean {
      if (folded < SAMPLE_RECORDS) return false
      const isWaste = begun > folded * DISTINCT_SHARE_MAX
      folded = 0
      begun = 0
      return isWaste
    }

    const alone = (record: unknown): unknown => begin(select === null ? record : select(record))

    /** Each record as an accumulator of its own. */
    function passBatch(input: Batch): Batch | null {
      const inputKeys = keysOf(context, input)
      const passed: unknown[] = emptyList()
      const passedKeys: unknown[] = emptyList()
      for (let i = 0; i < input.records.length; i++) {
        const key = inputKeys === null ? undefined : inputKeys[i]
        let accumulator: unknown
        try {
          accumulator = alone(input.records[i])
        } catch (error) {
          const again = () => alone(input.records[i])
          accumulator = errors.recover(error, input.records[i], key, again)
          if (accumulator === SKIP) continue
        }
        passed.push(accumulator)
        passedKeys.push(key)
      }
      passing = Math.max(0, passing - input.records.length)
      return passed.length === 0 ? null : batch(passed, keyed ? passedKeys : null)
    }

    /** Sends what is held, as far as the gate allows, then calls `done`. */
    function flush(done: () => void): boolean {
      alarm.cancel()
      const flushed = accumulators
      const flushedKeys = keys
      slots.clear()
      accumulators = emptyList()
      keys = emptyList()
      let at = 0
      const next = (): Batch | null => {
        if (at >= flushed.length) return null
        const from = at
        at = Math.min(at + BATCH_RECORDS_MAX, flushed.length)
        context.count(0, at - from)
        return batch(flushed.slice(from, at), keyed ? flushedKeys.slice(from, at) : null)
      }
      return pump.start(next, done)
    }

    return {
      batch(input) {
        if (passing > 0) {
          const passed = passBatch(input)
          context.count(input.records.length, passed === null ? 0 : passed.records.length)
          if (passed !== null) out.emit(passed)
          return
        }
        foldBatch(input)
        context.count(input.records.length, 0)
        if (isWaste()) passing = PASS_RECORDS
        if (passing > 0 || accumulators.length >= KEYS_MAX) flush(() => {})
        else if (!alarm.isSet && accumulators.length > 0) alarm.set(clock.wallTime() + holdMs)
      },
      mark(signal) {
        if (signal.tag === BARRIER) flush(() => out.emit(signal))
        else out.emit(signal)
      },
      end: (signal) => {
        flush(() => out.emit(signal))
      },
      close() {
        alarm.cancel()
        slots.clear()
        accumulators = emptyList()
        keys = emptyList()
      },
    }
  })
}
