/**
 * The half of a windowed aggregate before the exchange, where windows are sessions of one gap: folds
 * records where they are, per key, as long as each touches what has come before, and sends parts of
 * sessions: an accumulator whose time is its first record's, and where the session would end.
 *
 * ## Why what is held may wait for more
 * A session behind the exchange speaks when time has come to its end, so every part that belongs to it
 * must be there by then. Of a new run of records nobody knows what it touches there: it is sent
 * before the next watermark. From then on the session behind, whatever else it is made of, reaches at
 * least to the end that was sent, and what the run gains meanwhile touches it: that is sent before the
 * watermark which comes to that end. So a key costs one part when it begins, and one per gap.
 * A run that grows to the front is as good as new; a record that is late by itself is sent by itself:
 * the half behind, whose watermark may be older, knows what it touches there, and counts it.
 *
 * Nothing is held beyond a barrier, the end, or idleness, during which time goes on without this input; and
 * at most RUNS_MAX runs. An input that wakes may be behind that time without knowing it: until it has caught
 * up, a part of it is late, or not, as a whole, and counts as one record there. Folding pays only where keys repeat: when most records of a sample began a part
 * of their own, records pass as parts of one for a while.
 */
import type { OperatorFunction } from 'rxjs'
import { assert } from '../../base/assert.js'
import { KeyIndex } from '../../base/key-index.js'
import { checkSpan } from '../../window/span.js'
import type { Aggregation } from '../aggregation.js'
import { keysOf } from '../cells.js'
import type { OperatorContext } from '../operator.js'
import { SKIP } from '../record-error.js'
import { type Batch, type Signal, WATERMARK } from '../signal.js'
import { type Outlet, signalOperator } from '../signal-operator.js'
import { Partials } from './partials.js'

/** Runs held before all are sent. */
const RUNS_MAX = 65_536
/** Records after which it is judged whether folding pays. */
const SAMPLE_RECORDS = 16_384
/** More parts than this share of the records: it does not. */
const PARTS_SHARE_MAX = 0.5
/** Records passed through before the next try. */
const PASS_RECORDS = 1_048_576
/** Runs are looked through when time has gone on by this share of the gap, not at every watermark. */
const EARLY_SHARE = 1 / 8

/** What crosses the exchange: records of one key that touch each other. Its time is that of the first. */
export interface SessionPart {
  /** One gap after its last record, in ms since 1970. */
  readonly end: number
  readonly value: unknown
}

export function sessionsBefore(
  context: OperatorContext,
  aggregation: Aggregation,
  gapMs: number,
): OperatorFunction<Signal, Signal> {
  return signalOperator((out) => new Before(context, out, aggregation, gapMs))
}

/** Records of a key that touch each other, sent or held. */
interface Run {
  readonly key: unknown
  /** Of all its records. */
  start: number
  end: number
  /** End of what was sent; −∞ before that. */
  sentEnd: number
  /** True where it is sent before the next watermark. */
  fresh: boolean
  /** True where some of it is held: what lies from `heldStart` to `heldEnd`. */
  holds: boolean
  heldStart: number
  heldEnd: number
  value: unknown
}

class Before {
  readonly #context: OperatorContext
  readonly #out: Outlet<unknown>
  readonly #aggregation: Aggregation
  readonly #gapMs: number
  readonly #earlyMs: number
  #watermarkMs = -Infinity
  /** Of each key the last, and where it is among them. */
  #runs: Run[] = []
  readonly #places = new KeyIndex()
  /** Those that are sent before the next watermark. */
  #fresh: Run[] = []
  /** No end that was sent is earlier than behind this watermark. */
  #dueMs = Infinity
  readonly #parts: Partials<SessionPart>
  /** Of the sample: records, and parts that they began. */
  #folded = 0
  #begun = 0
  #passing = 0

  constructor(
    context: OperatorContext,
    out: Outlet<unknown>,
    aggregation: Aggregation,
    gapMs: number,
  ) {
    this.#context = context
    this.#out = out
    this.#parts = new Partials(context, out)
    this.#aggregation = aggregation
    this.#gapMs = gapMs
    this.#earlyMs = Math.floor(gapMs * EARLY_SHARE)
  }

  batch(input: Batch): void {
    const { records, times } = input
    assert(times !== null, 'batches behind timestamps carry times')
    const keys = keysOf(this.#context, input)
    for (let i = 0; i < records.length; i++) {
      const key = keys === null ? undefined : keys[i]
      try {
        this.#add(records[i], times[i]!, key)
      } catch (error) {
        this.#recover(error, records[i], times[i]!, key)
      }
    }
    this.#context.count(records.length, 0)
    this.#judge(records.length)
    if (this.#runs.length >= RUNS_MAX) this.#sendAll()
    if (this.#parts.values.length > 0) this.#parts.send(() => {})
  }

  mark(signal: Exclude<Signal, Batch>): void {
    if (signal.tag === WATERMARK) {
      this.#watermarkMs = Math.max(this.#watermarkMs, signal.timeMs)
      this.#sendDue()
    } else this.#sendAll()
    this.#flush(() => this.#out.emit(signal))
  }

  end(signal: Signal): void {
    this.#sendAll()
    this.#flush(() => this.#out.emit(signal))
  }

  /** What a user's function throws comes before the first change. */
  #add(record: unknown, timeMs: number, key: unknown): void {
    const { begin, add, select } = this.#aggregation
    const value = select === null ? record : select(record)
    const end = timeMs + this.#gapMs
    checkSpan(timeMs, end, timeMs)
    if (this.#passing > 0) {
      this.#give(key, timeMs, end, begin(value))
      return
    }
    const place = this.#places.get(key)
    const run = place < 0 ? undefined : this.#runs[place]!
    if (run === undefined || timeMs > run.end || end < run.start) {
      this.#begin(place, run, key, timeMs, end, begin(value))
    } else if (run.holds) {
      run.value = add(run.value, value)
      if (timeMs < run.heldStart) run.heldStart = timeMs
      if (end > run.heldEnd) run.heldEnd = end
      this.#grow(run, timeMs, end)
    } else {
      this.#hold(run, timeMs, end, begin(value))
      this.#grow(run, timeMs, end)
    }
  }

  /** A record that touches nothing of its key here; `former`: the run that it takes the place of. */
  #begin(
    place: number,
    former: Run | undefined,
    key: unknown,
    start: number,
    end: number,
    value: unknown,
  ): void {
    if (former?.holds === true) this.#send(former)
    this.#begun++
    if (end - 1 <= this.#watermarkMs) {
      this.#give(key, start, end, value)
      return
    }
    // Held for a while: without a copy of the key, so would be the batch's strings.
    const own = former === undefined ? this.#places.set(key, this.#runs.length) : former.key
    const run: Run = {
      key: own,
      start,
      end,
      sentEnd: -Infinity,
      fresh: true,
      holds: true,
      heldStart: start,
      heldEnd: end,
      value,
    }
    this.#fresh.push(run)
    this.#runs[place < 0 ? this.#runs.length : place] = run
  }

  #hold(run: Run, start: number, end: number, value: unknown): void {
    this.#begun++
    run.holds = true
    run.heldStart = start
    run.heldEnd = end
    run.value = value
  }

  #grow(run: Run, start: number, end: number): void {
    if (end > run.end) run.end = end
    if (start >= run.start) return
    run.start = start
    if (run.fresh) return
    run.fresh = true
    this.#fresh.push(run)
  }

  #recover(error: unknown, record: unknown, timeMs: number, key: unknown): void {
    const again = () => {
      this.#add(record, timeMs, key)
      return SKIP
    }
    this.#context.errors.recover(error, record, key, again)
  }

  /** Passing records through, or trying again. */
  #judge(records: number): void {
    if (this.#passing > 0) {
      this.#passing = Math.max(0, this.#passing - records)
      return
    }
    this.#folded += records
    if (this.#folded < SAMPLE_RECORDS) return
    if (this.#begun > this.#folded * PARTS_SHARE_MAX) {
      this.#passing = PASS_RECORDS
      this.#sendAll()
    }
    this.#folded = 0
    this.#begun = 0
  }

  /** All that may not be held beyond the watermark. */
  #sendDue(): void {
    for (const run of this.#fresh) {
      run.fresh = false
      if (run.holds) this.#send(run)
      if (run.end - 1 < this.#dueMs) this.#dueMs = run.end - 1
    }
    this.#fresh = []
    if (this.#watermarkMs < this.#dueMs) return
    const soonMs = this.#watermarkMs + this.#earlyMs
    this.#dueMs = Infinity
    const runs = this.#runs
    this.#runs = []
    this.#places.clear()
    for (const run of runs) {
      if (run.sentEnd - 1 <= soonMs) {
        if (run.holds) this.#send(run)
        if (run.sentEnd - 1 <= soonMs) continue
      }
      this.#places.set(run.key, this.#runs.length)
      this.#runs.push(run)
      if (run.sentEnd - 1 < this.#dueMs) this.#dueMs = run.sentEnd - 1
    }
  }

  /** All that is held; what is behind the exchange is forgotten. */
  #sendAll(): void {
    for (const run of this.#runs) if (run.holds) this.#send(run)
    this.#runs = []
    this.#places.clear()
    this.#fresh = []
    this.#dueMs = Infinity
  }

  #send(run: Run): void {
    this.#give(run.key, run.heldStart, run.heldEnd, run.value)
    run.holds = false
    run.value = undefined
    run.sentEnd = run.end
  }

  #give(key: unknown, start: number, end: number, value: unknown): void {
    this.#parts.push({ end, value }, key, start)
  }

  /** Sends the parts, then calls `done`. */
  #flush(done: () => void): void {
    if (this.#parts.values.length === 0) done()
    else this.#parts.send(done)
  }
}
