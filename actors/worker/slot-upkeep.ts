/**
 * What a slot sees to between the turns of its subtasks: frames that have arrived, flushes that are due,
 * reports of metrics, the times of subtasks that are held up, state that has expired.
 *
 * All of it happens while something runs, or once more after the last turn: an idle slot sleeps.
 */
import type { Cancel, Clock } from '../../lib/base/clock.js'
import { flushPolicy, waitMs } from '../../lib/channel/flush-policy.js'
import type { LinkRouter } from '../../lib/channel/link-router.js'
import type { Poller } from '../kernel/dispatcher.js'
import type { MetricReports } from './metric-reports.js'

/** Half a millisecond of work a second, at most, for what nobody asks for. */
const SWEEP_INTERVAL_MS = 1_000
const SWEEP_ENTRIES = 10_000

/** What is seen to in a subtask. */
interface Tended {
  /** Sends what was collected. */
  flush(): void
  /** Counts the time since the last call; true while it is held up. */
  account(): boolean
  /** Takes away up to so many entries that have expired; true where some may remain. */
  sweep(entries: number): boolean
}

export interface UpkeepParts {
  readonly clock: Clock
  readonly router: LinkRouter
  readonly reports: MetricReports
  readonly living: ReadonlySet<Tended>
  readonly wake: () => void
}

export class SlotUpkeep implements Poller {
  /** Zero: nothing but a test makes time pass, and nothing is done for its passing alone. */
  intervalMs = 0
  readonly #parts: UpkeepParts
  #flushedAtMs = 0
  #reportedAtMs = 0
  #cancelFlush: Cancel | null = null
  #cancelReport: Cancel | null = null
  #cancelSweep: Cancel | null = null
  /** Runs while a subtask is held up, and only then. */
  #cancelAccount: Cancel | null = null
  #isStopped = false

  constructor(parts: UpkeepParts) {
    this.#parts = parts
  }

  poll(): boolean {
    const { clock, router } = this.#parts
    const hasBrought = router.poll()
    const nowMs = clock.now()
    if (waitMs(flushPolicy, nowMs, this.#flushedAtMs, false) === 0) this.#flush()
    if (this.intervalMs > 0 && nowMs - this.#reportedAtMs >= this.intervalMs) this.#report()
    return hasBrought
  }

  /** Out of work: send what was collected, at most once per interval; then wait for frames. */
  idle(): void {
    const { clock, router, reports, living, wake } = this.#parts
    const delayMs = waitMs(flushPolicy, clock.now(), this.#flushedAtMs, true)
    if (delayMs === 0) this.#flush()
    else if (living.size > 0) {
      this.#cancelFlush ??= clock.after(delayMs, () => {
        this.#cancelFlush = null
        wake()
      })
    }
    if (this.#cancelAccount === null) this.#account()
    if (reports.isDue) this.#reportLater()
    this.#sweepLater()
    router.arm()
  }

  stop(): void {
    this.#isStopped = true
    this.#cancelAccount?.()
    this.#cancelFlush?.()
    this.#cancelReport?.()
    this.#cancelSweep?.()
  }

  #flush(): void {
    const { clock, living } = this.#parts
    for (const subtask of living) subtask.flush()
    this.#flushedAtMs = clock.now()
  }

  #report(): void {
    const { clock, reports } = this.#parts
    this.#reportedAtMs = clock.now()
    if (reports.isDue) reports.report()
  }

  /** What the last turns have counted is told when its time has come, though nothing runs then. */
  #reportLater(): void {
    const { clock } = this.#parts
    const delayMs = this.#reportedAtMs + this.intervalMs - clock.now()
    if (this.intervalMs === 0 || delayMs <= 0) this.#report()
    else {
      this.#cancelReport ??= clock.after(delayMs, () => {
        this.#cancelReport = null
        this.#report()
      })
    }
  }

  #account(): void {
    this.#cancelAccount = null
    const { clock, living } = this.#parts
    let isHeldUp = false
    for (const subtask of living) if (subtask.account()) isHeldUp = true
    if (!isHeldUp || this.intervalMs === 0 || this.#isStopped) return
    this.#cancelAccount = clock.after(this.intervalMs, () => this.#account())
  }

  /** While no records come, none take expired state away as they pass: it is done now and then. */
  #sweepLater(): void {
    if (this.#cancelSweep !== null || !this.#sweep(0) || this.#isStopped) return
    if (this.intervalMs === 0) return
    this.#cancelSweep = this.#parts.clock.after(SWEEP_INTERVAL_MS, () => {
      this.#cancelSweep = null
      this.#sweep(SWEEP_ENTRIES)
      this.#sweepLater()
    })
  }

  #sweep(entries: number): boolean {
    let remain = false
    for (const subtask of this.#parts.living) remain = subtask.sweep(entries) || remain
    return remain
  }
}
