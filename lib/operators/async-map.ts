/**
 * The runtime of `mergeMap`, `concatMap`, `switchMap` and `exhaustMap` beside the loop: records in flight.
 *
 * What is in flight stands in one queue, in order of arrival: records, and between them the
 * watermarks, barriers and idleness that came meanwhile. At most `concurrency` records are in
 * flight; a finished one counts until its results have been emitted, so nothing else is buffered.
 * In order, only the first of the queue speaks; else whatever has something, up to the first mark:
 * a mark is passed on after everything that came before it, and before everything behind it.
 *
 * A barrier waits for nobody: what is in flight before it becomes state (`held-records.ts`), with the number
 * of its results that were emitted, and is called again after a restart, where as many results are dropped;
 * so does what waits for a free place, for which no barrier comes but one that must not wait either.
 *
 * Promises and timers only wake the operator. It emits in its own turns, while the gate is open, and
 * asks an iterator for its next element only then. While input waits for a free place it is deferred.
 */
import type { OperatorFunction } from 'rxjs'
import { canonicalKey } from '../base/key.js'
import { Flight, type FlightPlan } from './flight.js'
import { type HeldRecord, HeldRecords } from './held-records.js'
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
    const self = out.deferred(advance, () => !isEnding())
    const plan: FlightPlan = { ...settings, operator, clock, settled: () => context.wake(self) }
    let queue: Entry[] = []
    let flights = 0
    /** The input batch, as far as it has not taken off yet. */
    let input: Batch | null = null
    let next = 0
    /** Whether batches carry keys, and times: all do, or none. */
    let keyed = false
    let timed = false
    const state = new HeldRecords(context)
    /** What a former life held, as far as it has not become input, by split. */
    let rest: readonly HeldRecord[][] = ofOneSplit(state.take())
    /** What `input` is made of where it is of that; null: it came just now. */
    let again: readonly HeldRecord[] | null = null

    /** The input batch is used up: calls again for more of what was in flight, if there is some. */
    function goOn(): void {
      const [held = null, ...others] = rest
      rest = others
      again = held
      input = held === null ? null : asBatch(held, context)
      next = 0
    }

    /** What is in flight, and what waits for a place, is state while the barrier passes. */
    function pass(barrier: Barrier): void {
      const held: HeldRecord[] = []
      for (const entry of queue) {
        if (!(entry instanceof Flight) || entry.status === 'done') continue
        const { record, key, timeMs, sent } = entry
        const split = context.lanes.splitOf(entry.input)
        held.push({ record, key, timeMs: timed ? timeMs : null, sent, split })
      }
      if (input !== null) {
        const { records, keys, times } = input
        const split = context.lanes.splitOf(input.input)
        for (let i = next; i < records.length; i++) {
          const [key, timeMs, sent] = [keys?.[i], times?.[i] ?? null, again?.[i]?.sent ?? 0]
          held.push({ record: records[i], key, timeMs, sent, split })
        }
      }
      held.push(...rest.flat())
      if (held.length > 0) state.save(held)
      out.emit(barrier)
      if (held.length > 0) state.forget()
    }

    /** Does all that can be done now; true when the next signal may come. */
    function advance(): boolean {
      do {
        takeOff()
        reach()
        judge()
      } while (speak() || queue.some(hasFailed))
      const crowded = queue.length - flights >= MARKS_MAX
      const blocked = input !== null || crowded || isEnding() || hasOutput()
      if (blocked) gate.defer(self)
      return !blocked
    }

    /** The end waits behind what is in flight. */
    function isEnding(): boolean {
      const last = queue.at(-1)
      return last !== undefined && !(last instanceof Flight) && last.tag === END
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
            if (++next === input.records.length) goOn()
            continue
          }
          current.close()
          land()
        }
        if (flights >= concurrency) break
        const timeMs = input.times === null ? Number.NaN : input.times[next]!
        const sent = again === null ? 0 : again[next]!.sent
        const flight = new Flight(plan, input.records[next], {
          key,
          timeMs,
          input: input.input,
          sent,
        })
        keyed = input.keys !== null
        timed = input.times !== null
        queue.push(flight)
        flights++
        started++
        if (++next === input.records.length) goOn()
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
      const records: unknown[] = []
      const keys: unknown[] = []
      const times: number[] = []
      const before = flights
      let settled = 0
      // Inputs are kept apart: behind it they may have times of their own.
      let of = 0
      while (settled < queue.length && records.length < BATCH_RECORDS_MAX) {
        const head = queue[settled]!
        if (!(head instanceof Flight)) break
        if (records.length > 0 && head.input !== of) break
        of = head.input
        empty(head, records, keys, times)
        if (head.status !== 'done' && ordered) break
        settled++
      }
      land()
      if (records.length > 0) {
        context.count(0, records.length)
        const ofRecords = timed ? Float64Array.from(times) : null
        out.emit(batch(records, keyed ? keys : null, null, ofRecords, of))
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

    goOn()
    if (input !== null) context.wake(self)
    return {
      batch(taken) {
        input = taken
        next = 0
        again = null
        advance()
      },
      mark(signal) {
        if (signal.tag === BARRIER) {
          pass(signal)
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
        rest = []
        for (const entry of queue) if (entry instanceof Flight) entry.close()
        queue = []
      },
    }
  })
}

/** In their order. */
function ofOneSplit(held: readonly HeldRecord[]): HeldRecord[][] {
  const portions: HeldRecord[][] = []
  for (const each of held) {
    const last = portions.at(-1)
    if (last !== undefined && last[0]!.split === each.split) last.push(each)
    else portions.push([each])
  }
  return portions
}

function asBatch(held: readonly HeldRecord[], { keyed, lanes }: OperatorContext): Batch {
  const times = held[0]!.timeMs === null ? null : held.map(({ timeMs }) => timeMs!)
  return batch(
    held.map(({ record }) => record),
    keyed ? held.map(({ key }) => key) : null,
    null,
    times === null ? null : Float64Array.from(times),
    lanes.inputOf(held[0]!.split),
  )
}
