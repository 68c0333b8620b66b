/**
 * How long steps hold up the thread that takes them, and what with: their own work, pauses of the garbage
 * collector, or waiting for a core that others had. Of the collector is known what Node reports: what it marks
 * between pauses counts as the step's own.
 */
import { openSync, readSync } from 'node:fs'
import { PerformanceObserver } from 'node:perf_hooks'
import { setImmediate } from 'node:timers/promises'

export interface Gap {
  readonly ms: number
  /** Pauses of the garbage collector in it. */
  readonly gcMs: number
  /** What is left without those, and without waiting for a core. Where both overlap, the longer is taken off. */
  readonly ownMs: number
}

interface Span {
  readonly beganMs: number
  readonly endedMs: number
}

interface Step extends Span {
  readonly waitedMs: number
}

/** What Linux says of this thread; null on other systems. */
const schedule = openSchedule()
const text = Buffer.alloc(128)

export class Gaps {
  readonly #steps: Step[] = []
  readonly #pauses: Span[] = []
  readonly #observer = new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) {
      this.#pauses.push({ beganMs: startTime, endedMs: startTime + duration })
    }
  })

  constructor() {
    this.#observer.observe({ entryTypes: ['gc'] })
  }

  step(work: () => void): void {
    const waited = waitedMs()
    const beganMs = performance.now()
    work()
    const endedMs = performance.now()
    this.#steps.push({ beganMs, endedMs, waitedMs: waitedMs() - waited })
  }

  /** All steps. Pauses are reported in a later turn of the event loop. */
  async end(): Promise<readonly Gap[]> {
    await setImmediate()
    await setImmediate()
    this.#observer.disconnect()
    return this.#steps.map((step) => {
      const ms = step.endedMs - step.beganMs
      const gcMs = this.#pauses.reduce((sum, pause) => sum + overlapMs(step, pause), 0)
      return { ms, gcMs, ownMs: Math.max(0, ms - Math.max(gcMs, step.waitedMs)) }
    })
  }
}

const overlapMs = (a: Span, b: Span): number =>
  Math.max(0, Math.min(a.endedMs, b.endedMs) - Math.max(a.beganMs, b.beganMs))

function openSchedule(): number | null {
  try {
    return openSync('/proc/thread-self/schedstat', 'r')
  } catch {
    return null
  }
}

/** Time that this thread was ready to run, and did not. */
function waitedMs(): number {
  if (schedule === null) return 0
  const length = readSync(schedule, text, 0, text.length, 0)
  return Number(text.toString('latin1', 0, length).split(' ')[1]) / 1e6
}
