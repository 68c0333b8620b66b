/** What tests of connectors wait by: a deadline on something real, and a clock moved by hand. */
import type { Cancel, Clock } from '../../lib/base/clock.js'

/** How long anything real (a disk, a socket) may take before a test gives up. */
const DEADLINE_MS = 60_000

/** Resolves once `holds` returns true; a deadline instead of a sleep. */
export async function until(law: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`did not come true in time: ${law}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** A clock that stands still until it is told to move. */
export class HandClock implements Clock {
  #nowMs = 0
  #tasks: { readonly atMs: number; readonly task: () => void }[] = []

  now(): number {
    return this.#nowMs
  }

  wallTime(): number {
    return 1_000_000 + this.#nowMs
  }

  after(delayMs: number, task: () => void): Cancel {
    const entry = { atMs: this.#nowMs + delayMs, task }
    this.#tasks.push(entry)
    return () => {
      this.#tasks = this.#tasks.filter((other) => other !== entry)
    }
  }

  soon(task: () => void): void {
    setImmediate(task)
  }

  get pending(): number {
    return this.#tasks.length
  }

  /** Runs what is due on the way, in order. */
  advance(ms: number): void {
    const toMs = this.#nowMs + ms
    for (;;) {
      const due = this.#tasks.filter(({ atMs }) => atMs <= toMs).sort((a, b) => a.atMs - b.atMs)[0]
      if (due === undefined) break
      this.#tasks = this.#tasks.filter((other) => other !== due)
      this.#nowMs = due.atMs
      due.task()
    }
    this.#nowMs = toMs
  }
}
