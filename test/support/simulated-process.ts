/**
 * A process in a simulation: a clock of its own, which stands still while the process does, and goes
 * silent with its death. What came due in a pause runs when it ends, before the sockets are read.
 */
import type { Cancel, Clock } from '../../lib/base/clock.js'

export class SimulatedProcess implements Clock {
  readonly name: string
  readonly #base: Clock
  /** Monotonic clocks of different processes have nothing in common. */
  readonly #originMs: number
  #state: 'runs' | 'paused' | 'dead' = 'runs'
  #held: (() => void)[] = []
  readonly #timers = new Set<Cancel>()

  constructor(name: string, base: Clock, originMs: number) {
    this.name = name
    this.#base = base
    this.#originMs = originMs
  }

  get isDead(): boolean {
    return this.#state === 'dead'
  }

  get isPaused(): boolean {
    return this.#state === 'paused'
  }

  /** That are still to run: they would keep a real process from ending. */
  get timers(): number {
    return this.#timers.size
  }

  now(): number {
    return this.#base.now() + this.#originMs
  }

  wallTime(): number {
    return this.#base.wallTime()
  }

  after(delayMs: number, task: () => void): Cancel {
    const cancel = this.#base.after(delayMs, () =>
      this.#run(() => {
        if (this.#timers.delete(end)) task()
      }),
    )
    const end = () => {
      this.#timers.delete(end)
      cancel()
    }
    this.#timers.add(end)
    return end
  }

  soon(task: () => void): void {
    this.#base.soon(() => this.#run(task))
  }

  /** Never resolves for the dead, and late for one that was paused. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(ms, resolve)
    })
  }

  pause(): void {
    if (this.#state === 'runs') this.#state = 'paused'
  }

  resume(): void {
    if (this.#state !== 'paused') return
    this.#state = 'runs'
    for (const task of this.#held.splice(0)) this.#run(task)
  }

  kill(): void {
    this.#state = 'dead'
    this.#held = []
    for (const end of this.#timers) end()
  }

  #run(task: () => void): void {
    if (this.#state === 'runs') task()
    else if (this.#state === 'paused') this.#held.push(task)
  }
}
