/**
 * The half of a windowed aggregate before the exchange: folds records where they are, per key and slice,
 * and sends accumulators whose time is the start of their slice.
 *
 * It holds at most ENTRIES_MAX accumulators between flushes, and nothing beyond a barrier, the end,
 * idleness, or a watermark by which a window speaks that has a slice it holds. A record of which a window
 * has spoken here already is sent with its batch, and one of which all have spoken by itself: the half
 * behind, whose watermark may be older, decides whether it is late, and
 * counts it. Folding pays only where keys repeat: when most records of a sample had a key and slice of
 * their own, records pass as accumulators of one for a while.
 */
import type { OperatorFunction } from 'rxjs'
import { assert } from '../../base/assert.js'
import { KeyIndex } from '../../base/key-index.js'
import type { Slicing } from '../../window/slicing.js'
import { checkSpan } from '../../window/span.js'
import type { Aggregation } from '../aggregation.js'
import { keysOf } from '../cells.js'
import type { OperatorContext } from '../operator.js'
import { SKIP } from '../record-error.js'
import { type Batch, type Signal, WATERMARK } from '../signal.js'
import { type Outlet, signalOperator } from '../signal-operator.js'
import { Partials } from './partials.js'

/** Accumulators held before a flush. */
const ENTRIES_MAX = 65_536
/** A new slice has room for as many keys as the one before had, but for no more than this. */
const EXPECTED_MAX = 4_096
/** Records after which it is judged whether folding pays. */
const SAMPLE_RECORDS = 16_384
/** More accumulators than this share of the records: it does not. */
const DISTINCT_SHARE_MAX = 0.5
/** Records passed through before the next try. */
const PASS_RECORDS = 1_048_576

export function slicedBefore(
  context: OperatorContext,
  aggregation: Aggregation,
  slicing: Slicing,
): OperatorFunction<Signal, Signal> {
  return signalOperator((out) => new Before(context, out, aggregation, slicing))
}

/** What is held of one slice: the place of each key's accumulator. */
interface HeldSlice {
  readonly start: number
  readonly end: number
  /** The watermark at which it must have been sent. */
  readonly dueMs: number
  /** True where it is sent record by record. */
  readonly passes: boolean
  /** True where some of its windows have spoken here: what is behind may still be waiting for it. */
  readonly urgent: boolean
  /** True where it lies between windows: only late records are sent, to be counted. */
  readonly outside: boolean
  readonly places: KeyIndex
}

class Before {
  readonly #context: OperatorContext
  readonly #out: Outlet<unknown>
  readonly #aggregation: Aggregation
  readonly #slicing: Slicing
  #watermarkMs = -Infinity
  readonly #slices = new Map<number, HeldSlice>()
  #slice: HeldSlice | null = null
  /** Keys of a slice that is over. */
  #keysBefore = 0
  #dueMs = Infinity
  readonly #held: Partials<unknown>
  #urgent = false
  #folded = 0
  #passing = 0

  constructor(
    context: OperatorContext,
    out: Outlet<unknown>,
    aggregation: Aggregation,
    slicing: Slicing,
  ) {
    this.#context = context
    this.#out = out
    this.#held = new Partials(context, out)
    this.#aggregation = aggregation
    this.#slicing = slicing
  }

  batch(input: Batch): void {
    const { records, times } = input
    assert(times !== null, 'batches behind timestamps carry times')
    const keys = keysOf(this.#context, input)
    const heldBefore = this.#held.values.length
    for (let i = 0; i < records.length; i++) {
      const key = keys === null ? undefined : keys[i]
      try {
        this.#add(records[i], times[i]!, key)
      } catch (error) {
        this.#recover(error, records[i], times[i]!, key)
      }
    }
    this.#context.count(records.length, 0)
    this.#judge(records.length, this.#held.values.length - heldBefore)
    const held = this.#held.values.length
    const goesOn = held >= ENTRIES_MAX || this.#urgent || this.#passing > 0
    if (goesOn && held > 0) this.#flush(() => {})
  }

  mark(signal: Exclude<Signal, Batch>): void {
    if (signal.tag === WATERMARK) this.#watermarkMs = Math.max(this.#watermarkMs, signal.timeMs)
    // While this input is idle, time goes on without it.
    const due = signal.tag !== WATERMARK || this.#watermarkMs >= this.#dueMs
    if (due) this.#flush(() => this.#out.emit(signal))
    else this.#out.emit(signal)
    // Slices were judged by the watermark at which they were made.
    if (signal.tag === WATERMARK && this.#held.values.length === 0) this.#forget()
  }

  end(signal: Signal): void {
    this.#flush(() => this.#out.emit(signal))
  }

  #add(record: unknown, timeMs: number, key: unknown): void {
    let slice = this.#slice
    if (slice === null || !(timeMs >= slice.start && timeMs < slice.end)) {
      slice = this.#sliceAt(timeMs)
    }
    if (slice.outside && timeMs > this.#watermarkMs) return
    if (slice.urgent) this.#urgent = true
    const { begin, add, select } = this.#aggregation
    const value = select === null ? record : select(record)
    if (slice.passes || this.#passing > 0) {
      this.#held.push(begin(value), key, timeMs)
      return
    }
    const place = slice.places.get(key)
    if (place >= 0) {
      const { values } = this.#held
      values[place] = add(values[place], value)
      return
    }
    const accumulator = begin(value)
    // Held until the flush: without a copy of the key, so would be the batch's strings.
    const own = slice.places.set(key, this.#held.values.length)
    this.#held.push(accumulator, own, slice.start)
    if (slice.dueMs < this.#dueMs) this.#dueMs = slice.dueMs
  }

  #recover(error: unknown, record: unknown, timeMs: number, key: unknown): void {
    const again = () => {
      this.#add(record, timeMs, key)
      return SKIP
    }
    this.#context.errors.recover(error, record, key, again)
  }

  #sliceAt(timeMs: number): HeldSlice {
    const { start, end } = this.#slicing.sliceAt(timeMs)
    let slice = this.#slices.get(start)
    if (slice === undefined) {
      slice = this.#createSlice(start, end, timeMs)
      this.#slices.set(start, slice)
    }
    this.#slice = slice
    return slice
  }

  #createSlice(start: number, end: number, timeMs: number): HeldSlice {
    const first = this.#slicing.firstWindow(start, -Infinity)
    const lastEnd = this.#slicing.lastEnd(start)
    checkSpan(first === null ? start : first.start, Math.max(lastEnd, end), timeMs)
    const next = this.#slicing.firstWindow(start, this.#watermarkMs + 1)
    const passes = next === null
    const dueMs = next === null ? -Infinity : next.end - 1
    const outside = first === null
    const urgent = outside || first.end - 1 <= this.#watermarkMs
    const places = new KeyIndex(Math.min(this.#keysBefore, EXPECTED_MAX))
    return { start, end, dueMs, passes, urgent, outside, places }
  }

  /** Passing records through, or trying again. */
  #judge(records: number, added: number): void {
    if (this.#passing > 0) {
      this.#passing = Math.max(0, this.#passing - records)
      return
    }
    this.#folded += records
    const held = this.#held.values.length
    const wasteful = this.#folded >= SAMPLE_RECORDS && held > this.#folded * DISTINCT_SHARE_MAX
    if (wasteful && added > 0) this.#passing = PASS_RECORDS
  }

  #forget(): void {
    for (const { places } of this.#slices.values()) this.#keysBefore = places.size
    this.#slices.clear()
    this.#slice = null
  }

  /** Sends what is held, then calls `done`. */
  #flush(done: () => void): void {
    this.#forget()
    this.#dueMs = Infinity
    this.#urgent = false
    this.#folded = 0
    this.#held.send(done)
  }
}
