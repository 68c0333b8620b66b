/**
 * Reports on a running job to standard error: messages as they come; progress as live lines on a
 * terminal, elsewhere as a plain line every few seconds.
 */
import type { Plan } from '../../lib/graph/plan.js'
import type { JobMetrics } from '../index.js'
import { type Colors, chooseColors } from './colors.js'
import { LiveLines } from './live-lines.js'
import type { Detail } from './messages.js'
import { liveHeight, liveLines, type Progress, plainLine } from './progress.js'
import type { CliWorld } from './world.js'

/** Time between two plain lines; a job that ends sooner has none. */
const PLAIN_INTERVAL_MS = 5000
/** Live lines take a third of the terminal at most, and need one of at least this many rows. */
const LIVE_ROWS_MIN = 12

export class Reporter {
  readonly colors: Colors
  readonly detail: Detail
  readonly #world: CliWorld
  readonly #startMs: number
  #live: LiveLines | null = null
  #plainMs: number
  /** The last sample; null before the first. */
  last: JobMetrics | null = null

  constructor(world: CliWorld, detail: Detail) {
    this.#world = world
    this.detail = detail
    this.colors = chooseColors(world.stderr.isTTY, world.env)
    this.#startMs = world.clock.now()
    this.#plainMs = this.#startMs
  }

  /** Writes a message of one or more lines. */
  say(text: string | null): void {
    if (text !== null) this.#world.stderr.write(`millrace: ${text}\n`)
  }

  warn(text: string): void {
    if (this.detail !== 'quiet') this.say(`${this.colors.yellow('warning')}: ${text}`)
  }

  /** Without the name in front. */
  show(text: string): void {
    this.#world.stderr.write(`${text}\n`)
  }

  progress(plan: Plan, metrics: JobMetrics): void {
    this.last = metrics
    if (this.detail === 'quiet') return
    const nowMs = this.#world.clock.now()
    const progress = { plan, metrics, elapsedMs: nowMs - this.#startMs }
    if (this.#canRepaint) this.#paint(progress)
    else if (nowMs - this.#plainMs >= PLAIN_INTERVAL_MS) {
      this.#plainMs = nowMs
      this.say(plainLine(progress))
    }
  }

  /** Gives the terminal back. Messages may still follow. */
  stop(): void {
    this.#live?.stop()
    this.#live = null
  }

  get #canRepaint(): boolean {
    const { stderr, env } = this.#world
    return stderr.isTTY && stderr.rows >= LIVE_ROWS_MIN && env.TERM !== 'dumb'
  }

  #paint(progress: Progress): void {
    const { stderr } = this.#world
    const heightMax = Math.floor(stderr.rows / 3)
    this.#live ??= new LiveLines(stderr, liveHeight(progress.plan, heightMax))
    this.#live.paint(liveLines(progress, this.colors, stderr.columns - 1, heightMax))
  }
}
