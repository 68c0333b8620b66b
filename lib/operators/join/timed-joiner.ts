/** What joins by event time have in common: they drop what is late, and do what is due before time goes on. */
import type { OperatorFunction } from 'rxjs'
import type { Timer } from '../../time/timer.js'
import type { Timers } from '../../time/timers.js'
import type { Results } from '../combine/results.js'
import type { MetricCounter, OperatorContext } from '../operator.js'
import type { Signal } from '../signal.js'
import type { NeedsTime } from '../stream.js'
import { type Joiner, openJoin, type Steps } from './joiner.js'

/** What is missing where not all streams, whose times are `E`, have event time. */
export type TimedJoin<E> = [E] extends ['event'] ? unknown : NeedsTime

/** As a Joiner, without the care for time. */
export interface TimedJoinRun {
  /** A record that is not late. */
  onRecord(
    input: number,
    record: unknown,
    key: unknown,
    group: number,
    timeMs: number,
    watermarkMs: number,
  ): Steps | null
  /** A record that is late; true where it is of use all the same. Default: it is dropped. */
  onLate?(
    input: number,
    record: unknown,
    key: unknown,
    group: number,
    timeMs: number,
    watermarkMs: number,
  ): boolean
  onTimer(timer: Timer): Steps | null
}

/** Name of the timers that a join by event time registers. */
export const JOIN_TIMERS = 'event-time timers'

export function openTimedJoin(
  context: OperatorContext,
  create: (results: Results) => TimedJoinRun,
): OperatorFunction<Signal, Signal> {
  return openJoin(context, (results) => new TimedJoiner(context, create(results), results))
}

class TimedJoiner implements Joiner {
  readonly #run: TimedJoinRun
  readonly #results: Results
  readonly #timers: Timers
  readonly #late: MetricCounter
  #watermarkMs = Number.NEGATIVE_INFINITY

  constructor({ state, metrics }: OperatorContext, run: TimedJoinRun, results: Results) {
    this.#run = run
    this.#results = results
    this.#timers = state.timers(JOIN_TIMERS)
    this.#late = metrics.counter('droppedLate')
  }

  onRecord(
    input: number,
    record: unknown,
    key: unknown,
    group: number,
    timeMs: number,
  ): Steps | null {
    const run = this.#run
    const watermarkMs = this.#watermarkMs
    if (timeMs > watermarkMs) return run.onRecord(input, record, key, group, timeMs, watermarkMs)
    if (run.onLate?.(input, record, key, group, timeMs, watermarkMs) !== true) this.#late.add(1)
    return null
  }

  onWatermark(timeMs: number): Steps | null {
    this.#watermarkMs = Math.max(this.#watermarkMs, timeMs)
    return this.#timers.nextMs <= this.#watermarkMs ? this.#due() : null
  }

  onEnd(): Steps | null {
    return this.onWatermark(Number.POSITIVE_INFINITY)
  }

  *#due(): Steps & Iterable<void> {
    const timers = this.#timers
    const timeMs = this.#watermarkMs
    for (let timer = timers.takeDue(timeMs); timer !== null; timer = timers.takeDue(timeMs)) {
      const steps = this.#run.onTimer(timer)
      if (steps !== null) while (steps.next().done !== true) yield
      if (this.#results.room === 0) yield
    }
  }
}
