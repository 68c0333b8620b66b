/**
 * The runtime of `mergeMap`, `concatMap`, `switchMap` and `exhaustMap` beside the loop: records in flight.
 *
 * What is in flight stands in one queue, in order of arrival: records, and between them the
 * watermarks, barriers and idleness that came meanwhile. At most `concurrency` records are in
 * flight; a finished one counts until its results have been emitted, so nothing else is buffered.
 * In order, only the first of the queue speaks; else whatever has something, up to the first mark:
 * a mark is passed on after everything that came before it, and before everything behind it.
 *
 * A barrier waits for nobody: what is in flight before it becomes state, with the number of its results
 * that were emitted, and is called again after a restart, where as many results are dropped. So a
 * function that gives several results for a record must give the same ones again.
 *
 * Promises and timers only wake the operator. It emits in its own turns, while the gate is open, and
 * asks an iterator for its next element only then. While input waits for a free place it is deferred.
 */
import type { OperatorFunction } from 'rxjs'
import { canonicalKey, keyGroupOf } from '../base/key.js'
import type { MapState } from '../state/state.js'
import { Flight, type FlightPlan } from './flight.js'
import type { OperatorContext } from './operator.js'
import { AGAIN } from './record-error.js'
import {
  BARRIER,
  BATCH_RECORDS_MAX,
  type Barrier,
  type Batch,
  batch,
  END,
  type Signal,
  WATERMARK,
} from './signal.js'
import { signalOperator } from './signal-operator.js'

export interface AsyncMapSettings extends Omit<FlightPlan, 'operator' | 'clock' | 'settled'> {
  readonly concurrency: number
  readonly ordered: boolean
  /**
   * What becomes of a record that comes while another of its key is in flight: both fly (`all`), the
   * earlier one is given up (`latest`), or the later one is dropped (`first`). What can be emitted at
   * once has been, by then.
   */
  readonly overlap?: 'all' | 'latest' | 'first'
}

type Mark = Exclude<Signal, Batch>

/** A record in flight as a snapshot has it. */
interface Saved {
  readonly record: unknown
  readonly key: unknown
  /** Null on a stream without event time. */
  readonly timeMs: number | null
  /** Results emitted before the barrier. */
  readonly sent: number
  /** Its place in the queue. */
  readonly place: number
}
type Entry = Flight | Mark

const hasFailed = (entry: Entry): boolean => entry instanceof Flight && entry.status === 'failed'

/** Marks that may wait behind records in flight; with more, no further signal is taken. */
const MARKS_MAX = 8

export function asyncMap(
  context: OperatorContext,
  settings: AsyncMapSettings,
): OperatorFunction<Signal, Signal> {
  const { gate, errors, clock, operator } = context
  const { concurrency, ordered, overlap = 'all' } = settings

  return signalOperator((out) => {
    const self = out.deferred(advance)
    const plan: FlightPlan = { ...settings, operator, clock, settled: () => context.wake(self) }
    let queue: Entry[] = []
    let flights = 0
    /** The input batch, as far as it has not taken off yet. */
    let input: Batch | null = null
    let next = 0
    /** Whether batches carry keys, and times: all do, or none. */
    let keyed = false
    let timed = false
    /** The barrier that is to be passed on as soon as the gate is open. */
    let due: Barrier | null = null
    // Before the exchange several subtasks have the same key: each has entries of its own in the key's map.
    const savedByKey = context.keyed ? context.state.map<string, Saved>('in flight') : null
    const saved = context.keyed ? null : context.state.operatorList<Saved>('in flight')
    /** How many results of each record of `input` a former life has emitted; null: none. */
    let sentBefore: readonly number[] | null = null

    /** Calls again for what was in flight. */
    function restore(): void {
      const rows = savedByKey === null ? [...saved!.get()] : rowsOf(savedByKey)
      if (rows.length === 0) return
      const times = rows[0]!.timeMs === null ? null : rows.map(({ timeMs }) => timeMs!)
      input = batch(
        rows.map(({ record }) => record),
        context.keyed ? rows.map(({ key }) => key) : null,
        null,
        times === null ? null : Float64Array.from(times),
      )
      sentBefore = rows.map(({ sent }) => sent)
      forget()
      context.wake(self)
    }

    /** A key that is in one subtask keeps its order. */
    function rowsOf(byKey: MapState<string, Saved>): Saved[] {
      const rows: Saved[] = []
      for (const key of byKey.keys()) {
        const entries = byKey.entries(keyGroupOf(key, context.maxParallelism), key)
        for (const [, row] of entries) rows.push(row)
      }
      return rows.sort((a, b) => a.place - b.place)
    }

    function forget(): void {
      saved?.clear()
      savedByKey?.clear()
    }

    /** What is in flight becomes state while the barrier passes, and is none behind it. */
    function pass(barrier: Barrier): void {
      for (const [place, entry] of queue.entries()) {
        if (!(entry instanceof Flight) || entry.status === 'done') continue
        const { record, key, timeMs, sent } = entry
        const row: Saved = { record, key, timeMs: timed ? timeMs : null, sent, place }
        if (savedByKey === null) saved!.append(row)
        else {
          const group = keyGroupOf(key, context.maxParallelism)
          savedByKey.set(group, key, `${context.subtask}.${place}`, row)
        }
      }
      due = null
      out.emit(barrier)
      forget()
    }

    /** Does all that can be done now; true when the next signal may come. */
    function advance(): boolean {
      do {
        takeOff()
        reach()
        judge()
      } while (speak() || queue.some(hasFailed))
      const crowded = queue.length - flights >= MARKS_MAX
      const last = queue.at(-1)
      const ending = last !== undefined && !(last instanceof Flight) && last.tag === END
      const blocked = input !== null || due !== null || crowded || ending || hasOutput()
      if (blocked) gate.defer(self)
      return !blocked
    }

    /** Starts records while there is room. */
    function takeOff(): void {
      let started = 0
      while (input !== null) {
        const key = input.keys === null ? undefined : input.keys[next]
        const current = overlap === 'all' ? null : inFlight(key)
        if (current !== null) {
          if (current.isReady || current.status === 'failed') break
          if (overlap === 'first') {
            started++
            if (++next === input.records.length) input = null
            continue
          }
          current.close()
          land()
        }
        if (flights >= concurrency) break
        const timeMs = input.times === null ? Number.NaN : input.times[next]!
        const sent = sentBefore === null ? 0 : sentBefore[next]!
        const flight = new Flight(plan, input.records[next], key, timeMs, sent)
        keyed = input.keys !== null
        timed = input.times !== null
        queue.push(flight)
        flights++
        started++
        if (++next === input.records.length) input = null
        flight.start()
      }
      if (started > 0) context.count(started, 0)
    }

    /** The record of this key that is in flight; without keys, of all. */
    function inFlight(key: unknown): Flight | null {
      const canonical = canonicalKey(key)
      for (const entry of queue) {
        if (!(entry instanceof Flight) || entry.status === 'done') continue
        if (canonicalKey(entry.key) === canonical) return entry
      }
      return null
    }

    /** Lets every iterator in flight work on its next element, not only the first of the queue. */
    function reach(): void {
      if (!gate.open) return
      for (const entry of queue) {
        if (entry instanceof Flight && entry.status === 'pullable') entry.pull()
      }
    }

    /** Decides what becomes of flights whose own retries are used up. */
    function judge(): void {
      for (const flight of queue) {
        while (flight instanceof Flight && hasFailed(flight)) {
          const { error, record, key } = flight
          if (flight.sent > 0) errors.fail(error, record, key)
          if (errors.decide(error, record, key, ++flight.decided) === AGAIN) flight.start()
          else flight.close()
        }
      }
    }

    /** Emits one batch or one mark, if there is one and it may; false when it did nothing. */
    function speak(): boolean {
      if (!gate.open || out.closed) return false
      if (due !== null) {
        pass(due)
        return true
      }
      const records: unknown[] = []
      const keys: unknown[] = []
      const times: number[] = []
      const before = flights
      let settled = 0
      while (settled < queue.length && records.length < BATCH_RECORDS_MAX) {
        const head = queue[settled]!
        if (!(head instanceof Flight)) break
        empty(head, records, keys, times)
        if (head.status !== 'done' && ordered) break
        settled++
      }
      land()
      if (records.length > 0) {
        context.count(0, records.length)
        const ofRecords = timed ? Float64Array.from(times) : null
        out.emit(batch(records, keyed ? keys : null, null, ofRecords))
        return true
      }
      const mark = queue[0]
      if (mark === undefined || mark instanceof Flight) return flights < before
      queue.shift()
      out.emit(mark)
      return true
    }

    /** Moves what a flight has into the batch, and asks for more. */
    function empty(flight: Flight, records: unknown[], keys: unknown[], times: number[]): void {
      while (records.length < BATCH_RECORDS_MAX) {
        if (flight.status === 'pullable') flight.pull()
        if (flight.status !== 'value') return
        records.push(flight.take())
        keys.push(flight.key)
        times.push(flight.timeMs)
      }
    }

    /** Removes what is done. */
    function land(): void {
      const rest = queue.filter((entry) => !(entry instanceof Flight) || entry.status !== 'done')
      flights -= queue.length - rest.length
      queue = rest
    }

    /** True where something could be emitted but for the gate. */
    function hasOutput(): boolean {
      for (const entry of queue) {
        if (!(entry instanceof Flight)) return queue[0] === entry
        if (entry.status === 'value' || entry.status === 'pullable') return true
        if (ordered) return false
      }
      return false
    }

    restore()
    return {
      batch(taken) {
        input = taken
        next = 0
        sentBefore = null
        advance()
      },
      mark(signal) {
        if (signal.tag === BARRIER) {
          due = signal
          advance()
          return
        }
        const last = queue.at(-1)
        const coalesces = signal.tag === WATERMARK && !(last instanceof Flight)
        if (coalesces && last?.tag === WATERMARK) queue[queue.length - 1] = signal
        else queue.push(signal)
        advance()
      },
      close() {
        input = null
        for (const entry of queue) if (entry instanceof Flight) entry.close()
        queue = []
      },
    }
  })
}
