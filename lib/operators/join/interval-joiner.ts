/**
 * How an interval join finds its pairs: records of both sides lie by key and time until no partner can come any
 * more, which a timer at that time says.
 */
import { keyGroupOf } from '../../base/key.js'
import type { Timer } from '../../time/timer.js'
import type { Kept } from '../batch/join-kind.js'
import { HoldLimit } from '../combine/held.js'
import type { Results } from '../combine/results.js'
import type { OperatorContext } from '../operator.js'
import type { Steps } from './joiner.js'
import { isSkipped, type Pair } from './pairing.js'
import { RowsByTime } from './rows-by-time.js'
import { JOIN_TIMERS, type TimedJoinRun } from './timed-joiner.js'

/** How much later the right record is than the left one. */
export interface Bounds {
  readonly lowerMs: number
  readonly upperMs: number
  readonly lowerExclusive: boolean
  readonly upperExclusive: boolean
}

/** Records of one key, side and time. They have the same partners. */
interface Instant {
  readonly records: unknown[]
  isMatched: boolean
}

/** One of the two inputs, as what is kept of it. */
interface Side {
  readonly name: 'left' | 'right'
  readonly instants: RowsByTime<Instant>
  /** From a record's time to the first and the last time of its partners. */
  readonly fromMs: number
  readonly toMs: number
  readonly fromExclusive: boolean
  readonly toExclusive: boolean
  /** True where records without a partner are results. */
  readonly keeps: boolean
}

export class IntervalJoiner implements TimedJoinRun {
  readonly #results: Results
  readonly #pair: Pair
  readonly #sides: readonly [left: Side, right: Side]
  readonly #timers
  readonly #limit: HoldLimit

  constructor(
    context: OperatorContext,
    results: Results,
    pair: Pair,
    bounds: Bounds,
    kept: Kept,
    bufferMax: number,
  ) {
    const { lowerMs, upperMs, lowerExclusive, upperExclusive } = bounds
    this.#results = results
    this.#pair = pair
    this.#timers = context.state.timers(JOIN_TIMERS)
    this.#limit = new HoldLimit(context, bufferMax)
    this.#sides = [
      {
        name: 'left',
        instants: this.#open(context, 'left'),
        fromMs: lowerMs,
        toMs: upperMs,
        fromExclusive: lowerExclusive,
        toExclusive: upperExclusive,
        keeps: kept.left,
      },
      {
        name: 'right',
        instants: this.#open(context, 'right'),
        fromMs: -upperMs,
        toMs: -lowerMs,
        fromExclusive: upperExclusive,
        toExclusive: lowerExclusive,
        keeps: kept.right,
      },
    ]
  }

  onRecord(
    input: number,
    record: unknown,
    key: unknown,
    group: number,
    timeMs: number,
    watermarkMs: number,
  ): Steps | null {
    const own = this.#sides[input]!
    const other = this.#sides[1 - input]!
    const times = partnersOf(own, other, key, group, timeMs)
    const isMatched = times.length > 0
    if (isMatched && other.keeps) setMatched(other, key, group, times)
    if (timeMs + own.toMs > watermarkMs) this.#keep(own, record, isMatched, key, group, timeMs)
    else if (!isMatched && own.keeps) this.#giveAlone(own, record, key, group, timeMs)
    return isMatched ? this.#pairs(own, other, record, key, group, timeMs, times) : null
  }

  onTimer({ name, key, group, timeMs }: Timer): Steps | null {
    const own = this.#sides[name === 'left' ? 0 : 1]
    const times = overAt(own, key, group, timeMs)
    if (own.keeps) return this.#alone(own, key, group, timeMs, times)
    for (const atMs of times) this.#drop(own, key, group, atMs)
    return null
  }

  #open({ state, maxParallelism }: OperatorContext, name: string): RowsByTime<Instant> {
    const instants = state.map<number, Instant>(name, { mutable: true })
    for (const key of instants.keys()) {
      for (const [, { records }] of instants.entries(keyGroupOf(key, maxParallelism), key)) {
        this.#limit.found(records.length)
      }
    }
    return new RowsByTime(instants)
  }

  #keep(
    own: Side,
    record: unknown,
    isMatched: boolean,
    key: unknown,
    group: number,
    timeMs: number,
  ): void {
    this.#limit.claim(key)
    let instant = own.instants.get(group, key, timeMs)
    if (instant === undefined) {
      instant = { records: [record], isMatched }
      this.#timers.register(group, key, timeMs + own.toMs, own.name)
    } else instant.records.push(record)
    own.instants.set(group, key, timeMs, instant)
  }

  *#pairs(
    own: Side,
    other: Side,
    record: unknown,
    key: unknown,
    group: number,
    timeMs: number,
    times: readonly number[],
  ): Steps {
    const isLeft = own.name === 'left'
    for (const atMs of times) {
      const pairMs = Math.max(atMs, timeMs)
      for (const partner of other.instants.get(group, key, atMs)!.records) {
        if (isLeft) this.#give(record, partner, key, group, pairMs)
        else this.#give(partner, record, key, group, pairMs)
        if (this.#results.room === 0) yield
      }
    }
  }

  /** What has found no partner in its time. */
  *#alone(own: Side, key: unknown, group: number, nowMs: number, times: readonly number[]): Steps {
    for (const atMs of times) {
      const { records, isMatched } = this.#drop(own, key, group, atMs)
      if (isMatched) continue
      for (const record of records) {
        this.#giveAlone(own, record, key, group, Math.max(nowMs, atMs))
        if (this.#results.room === 0) yield
      }
    }
  }

  #drop(own: Side, key: unknown, group: number, timeMs: number): Instant {
    const instant = own.instants.get(group, key, timeMs)!
    own.instants.delete(group, key, timeMs)
    this.#limit.release(instant.records.length)
    return instant
  }

  #giveAlone(own: Side, record: unknown, key: unknown, group: number, timeMs: number): void {
    if (own.name === 'left') this.#give(record, undefined, key, group, timeMs)
    else this.#give(undefined, record, key, group, timeMs)
  }

  #give(left: unknown, right: unknown, key: unknown, group: number, timeMs: number): void {
    const result = this.#pair(left, right, key)
    if (!isSkipped(result)) this.#results.push(result, key, group, timeMs)
  }
}

/** The times of the other side at which a record of this one has partners. */
function partnersOf(
  { fromMs, toMs, fromExclusive, toExclusive }: Side,
  { instants }: Side,
  key: unknown,
  group: number,
  timeMs: number,
): readonly number[] {
  const times = instants.between(group, key, timeMs + fromMs, timeMs + toMs)
  if (!(fromExclusive || toExclusive) || times.length === 0) return times
  return times.filter(
    (atMs) =>
      !(fromExclusive && atMs === timeMs + fromMs) && !(toExclusive && atMs === timeMs + toMs),
  )
}

/**
 * The times of records whose timer is that of `nowMs`. Fractions are rounded when `toMs` is added: there is no way
 * back, and two may have become one.
 */
function overAt(
  { instants, toMs }: Side,
  key: unknown,
  group: number,
  nowMs: number,
): readonly number[] {
  const near = instants.between(group, key, Number.NEGATIVE_INFINITY, nowMs - toMs + 1)
  return near.filter((timeMs) => timeMs + toMs <= nowMs)
}

function setMatched(
  { instants }: Side,
  key: unknown,
  group: number,
  times: readonly number[],
): void {
  for (const atMs of times) {
    const instant = instants.get(group, key, atMs)!
    if (instant.isMatched) continue
    instant.isMatched = true
    instants.set(group, key, atMs, instant)
  }
}
