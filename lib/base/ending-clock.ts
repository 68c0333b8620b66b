/**
 * The clock of something that is stopped one day: with it end all timers that its parts have set, so that none
 * keeps the process from ending, or acts on what is no more.
 */
import type { Cancel, Clock } from './clock.js'

export class EndingClock implements Clock {
  readonly #base: Clock
  readonly #timers = new Set<Cancel>()
  #hasEnded = false

  constructor(base: Clock) {
    this.#base = base
  }

  now(): number {
    return this.#base.now()
  }

  wallTime(): number {
    return this.#base.wallTime()
  }

  after(delayMs: number, task: () => void): Cancel {
    if (this.#hasEnded) return () => {}
    const stop = this.#base.after(delayMs, () => {
      this.#timers.delete(cancel)
      task()
    })
    const cancel = () => {
      this.#timers.delete(cancel)
      stop()
    }
    this.#timers.add(cancel)
    return cancel
  }

  soon(task: () => void): void {
    this.#base.soon(task)
  }

  /**
   * No timer runs any more, nor one that is set from now on; what is to run soon does. *Caller must* end by itself
   * whatever a timer was to end.
   */
  end(): void {
    this.#hasEnded = true
    for (const cancel of this.#timers) cancel()
  }
}
