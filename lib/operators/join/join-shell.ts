/**
 * The shell of joins by event time: it drops what is late, and pumps pairs as the gate allows. A record may
 * give any number of pairs, so a join is written as generators, one per batch and per watermark, that
 * yield whenever a batch of results is full. No signal comes before they have been run to their end.
 */
import type { OperatorFunction } from 'rxjs'
import type { Timer } from '../../time/timers.js'
import { groupAt, keysOf } from '../cells.js'
import { Results } from '../combine/results.js'
import type { OperatorContext } from '../operator.js'
import { type Batch, INPUT, type Signal, WATERMARK } from '../signal.js'
import { createPump, signalOperator } from '../signal-operator.js'
import type { NeedsTime } from '../stream.js'

/** What is missing where not all streams, whose times are `E`, have event time. */
export type TimedJoin<E> = [E] extends ['event'] ? unknown : NeedsTime

/** One record or unmatched record, on its way out. */
export interface JoinResult {
  readonly record: unknown
  readonly timeMs: number
}

export interface TimedJoinRun {
  /** A record that is not late, `left` or not; what it gives. Null: nothing. */
  onRecord(
    left: boolean,
    record: unknown,
    key: unknown,
    group: number,
    timeMs: number,
    watermarkMs: number,
  ): Iterable<JoinResult> | null
  /** A record that is late; true where it is of use all the same. Default: it is dropped. */
  onLate?(
    left: boolean,
    record: unknown,
    key: unknown,
    group: number,
    timeMs: number,
    watermarkMs: number,
  ): boolean
  /** A timer is due: what it gives. */
  onTimer(timer: Timer): Iterable<JoinResult> | null
}

/** Name of the timers that a join by event time registers. */
export const JOIN_TIMERS = 'event-time timers'

export function openTimedJoin(
  context: OperatorContext,
  join: TimedJoinRun,
): OperatorFunction<Signal, Signal> {
  const results = new Results(context.keyed)
  const timers = context.state.timers(JOIN_TIMERS)
  const late = context.metrics.counter('droppedLate')
  let watermarkMs = Number.NEGATIVE_INFINITY

  function* records(given: Batch): Generator<Batch, null> {
    const { records, groups, times, input } = given
    const keys = keysOf(context, given)
    let dropped = 0
    for (let i = 0; i < records.length; i++) {
      const timeMs = times![i]!
      const key = keys === null ? undefined : keys[i]
      const group = groupAt(keys, groups, i, context.maxParallelism)
      if (timeMs <= watermarkMs) {
        const isUsed = join.onLate?.(input === 0, records[i], key, group, timeMs, watermarkMs)
        if (isUsed !== true) dropped++
        continue
      }
      const found = join.onRecord(input === 0, records[i], key, group, timeMs, watermarkMs)
      if (found !== null) yield* send(found, key, group)
    }
    if (dropped > 0) late.add(dropped)
    yield* rest()
    return null
  }

  function* due(timeMs: number): Generator<Batch, null> {
    for (let timer = timers.takeDue(timeMs); timer !== null; timer = timers.takeDue(timeMs)) {
      const found = join.onTimer(timer)
      if (found !== null) yield* send(found, timer.key, timer.group)
    }
    yield* rest()
    return null
  }

  function* send(found: Iterable<JoinResult>, key: unknown, group: number): Generator<Batch> {
    for (const { record, timeMs } of found) {
      results.push(record, key, group, timeMs)
      if (results.room === 0) yield results.take()!
    }
  }

  function* rest(): Generator<Batch> {
    const last = results.take()
    if (last !== null) yield last
  }

  return signalOperator((out) => {
    const pump = createPump(context.gate, out)
    const run = (batches: Generator<Batch, null>, done: () => void) =>
      pump.start(() => {
        const next = batches.next().value
        if (next !== null) context.count(0, next.records.length)
        return next
      }, done)
    return {
      batch(given) {
        context.count(given.records.length, 0)
        run(records(given), nothing)
      },
      mark(signal) {
        if (signal.tag === INPUT) return
        if (signal.tag !== WATERMARK) return out.emit(signal)
        watermarkMs = Math.max(watermarkMs, signal.timeMs)
        run(due(watermarkMs), () => out.emit(signal))
      },
      end(signal) {
        watermarkMs = Number.POSITIVE_INFINITY
        run(due(watermarkMs), () => out.emit(signal))
      },
    }
  })
}

const nothing = (): void => {}
