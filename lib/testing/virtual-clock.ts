/**
 * A clock that stands still until it is told to go on: time, timers and turns of the event loop
 * under the control of a test, always in the same order.
 *
 * Order: what was asked for with `soon` runs first, in order of asking; then the timer that is due
 * first; of timers due together the one set first. Tasks run at the time they are due at, so a task
 * that sets timers sees the same times whatever the step by which the test advances.
 */
import { assert } from '../base/assert.js'
import type { Cancel, Clock } from '../base/clock.js'
import { DueTimers, type Timer } from './due-timers.js'

/** Time in the hand of a test. */
export interface VirtualClock extends Clock {
  /** Lets `ms` pass; runs everything that falls due meanwhile. */
  advance(ms: number): void
  /** Runs what was asked for with `soon`, and what that asks for, without letting time pass. */
  runSoon(): void
  /** Runs everything, letting time pass from timer to timer, until nothing is left. */
  runUntilIdle(): void
  /** Runs the next task, letting time pass to its timer; false when nothing is left. */
  runNext(): boolean
  /** As {@link runSoon}, and lets promises settle in between, until neither brings anything new. */
  settle(): Promise<void>
  /** Timers set and not yet due. */
  readonly timers: number
  /** Tasks that wait for the next turn. */
  readonly tasks: number
}

export interface VirtualClockOptions {
  /** Wall time at the beginning, in ms since 1970. Default 2024-01-01T00:00:00Z. */
  readonly wallTimeMs?: number
  /** Tasks that one call may run before it is called endless. Default 1,000,000. */
  readonly tasksMax?: number
}

/** Turns of the real event loop without a new task after which promises count as settled. */
const QUIET_TURNS = 3

/** A clock that stands still until `advance` or `runNext`. */
export function createVirtualClock(options: VirtualClockOptions = {}): VirtualClock {
  return new ManualClock(options.wallTimeMs ?? Date.UTC(2024, 0, 1), options.tasksMax ?? 1_000_000)
}

class ManualClock implements VirtualClock {
  readonly #wallTimeAtStartMs: number
  readonly #tasksMax: number
  #nowMs = 0
  readonly #timers = new DueTimers()
  #timersSet = 0
  #tasks: (() => void)[] = []

  constructor(wallTimeMs: number, tasksMax: number) {
    this.#wallTimeAtStartMs = wallTimeMs
    this.#tasksMax = tasksMax
  }

  get timers(): number {
    return this.#timers.size
  }

  get tasks(): number {
    return this.#tasks.length
  }

  now(): number {
    return this.#nowMs
  }

  wallTime(): number {
    return this.#wallTimeAtStartMs + this.#nowMs
  }

  after(delayMs: number, task: () => void): Cancel {
    assert(delayMs >= 0, 'a delay is never negative')
    const timer: Timer = { dueMs: this.#nowMs + delayMs, order: ++this.#timersSet, task, at: -1 }
    this.#timers.add(timer)
    return () => this.#timers.remove(timer)
  }

  soon(task: () => void): void {
    this.#tasks.push(task)
  }

  advance(ms: number): void {
    assert(ms >= 0, 'time never runs backwards')
    const targetMs = this.#nowMs + ms
    this.#runUntil(targetMs)
    // A task may have advanced the clock itself.
    this.#nowMs = Math.max(this.#nowMs, targetMs)
  }

  runSoon(): void {
    this.#runUntil(this.#nowMs)
  }

  runUntilIdle(): void {
    this.#runUntil(Number.POSITIVE_INFINITY)
  }

  runNext(): boolean {
    return this.#runNext(Number.POSITIVE_INFINITY)
  }

  async settle(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_TURNS; quiet++) {
      if (this.#tasks.length > 0) quiet = 0
      this.runSoon()
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  #runUntil(targetMs: number): void {
    for (let ran = 0; this.#runNext(targetMs); ran++) {
      if (ran >= this.#tasksMax) {
        throw new Error(
          `virtual clock: ${ran} tasks ran by ${this.#nowMs} ms and more keep coming; ` +
            'something asks for another turn for ever, or tasksMax is too small',
        )
      }
    }
  }

  /** Runs one task that is due by `targetMs`; false when there is none. */
  #runNext(targetMs: number): boolean {
    const task = this.#tasks.shift()
    if (task !== undefined) {
      task()
      return true
    }
    const timer = this.#timers.first
    if (timer === undefined || timer.dueMs > targetMs) return false
    this.#timers.remove(timer)
    this.#nowMs = Math.max(this.#nowMs, timer.dueMs)
    timer.task()
    return true
  }
}
