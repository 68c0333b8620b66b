/**
 * The watermark of several inputs: the minimum over those that count.
 *
 * An input counts while it is active (not idle) and has not ended. The merged watermark never goes
 * back: an input that wakes with an older watermark counts again once it has caught up. When the
 * last active input goes idle, the merged watermark advances to the highest seen on any input, for
 * none can hold it back any more (as Flink's StatusWatermarkValve does).
 *
 * An input without event time counts for nothing but the end: rules or a notifier beside a stream with
 * event time do not stop the clock.
 */
import { assert } from '../base/assert.js'

export class WatermarkMerge {
  /** The merged watermark in ms; −∞ before every input that counts has spoken. */
  timeMs = -Infinity
  /** False while all inputs that count and have not ended are idle. */
  active = true
  readonly #times: number[]
  readonly #idle: boolean[]
  readonly #ended: boolean[]
  /** False from waking up until the input has caught up with the merged watermark. */
  readonly #aligned: boolean[]
  readonly #timed: readonly boolean[]
  #live: number

  /** `timed`: which of the inputs have event time. Default: all. */
  constructor(inputs: number, timed: readonly boolean[] = []) {
    assert(inputs >= 1, 'a merge has at least one input')
    this.#timed = Array.from({ length: inputs }, (_, input) => timed[input] ?? true)
    this.#times = new Array(inputs).fill(-Infinity)
    this.#idle = new Array(inputs).fill(false)
    this.#ended = new Array(inputs).fill(false)
    this.#aligned = new Array(inputs).fill(true)
    this.#live = inputs
  }

  /** True once every input has ended. */
  get ended(): boolean {
    return this.#live === 0
  }

  /** Input `index` has reached `timeMs`. True when the merged watermark has advanced. */
  advance(index: number, timeMs: number): boolean {
    if (!this.#timed[index] || !(timeMs > this.#times[index]!)) return false
    this.#times[index] = timeMs
    if (this.#idle[index]) return false
    if (!this.#aligned[index] && timeMs >= this.timeMs) this.#aligned[index] = true
    return this.#toMinimum()
  }

  /** Input `index` goes idle or wakes. True when `timeMs` or `active` has changed. */
  setActive(index: number, active: boolean): boolean {
    if (!this.#timed[index] || this.#ended[index]) return false
    if (this.#idle[index] === !active) return false
    this.#idle[index] = !active
    if (active) this.#aligned[index] = this.#times[index]! >= this.timeMs
    return this.#settle(index)
  }

  /** Input `index` has ended and holds nothing back. True when `timeMs` or `active` has changed. */
  end(index: number): boolean {
    assert(!this.#ended[index], 'an input ends once')
    this.#ended[index] = true
    this.#live -= 1
    return this.#live > 0 && this.#settle(index)
  }

  /** Input `index` begins anew with another sender: what it had said no longer counts. */
  restart(index: number): void {
    if (this.#ended[index]) this.#live += 1
    this.#ended[index] = false
    this.#idle[index] = false
    this.#times[index] = -Infinity
    this.#aligned[index] = this.timeMs === -Infinity
    this.active = true
  }

  /** After a change of who counts; `changed` is the input that changed. */
  #settle(changed: number): boolean {
    const wasActive = this.active
    this.active = this.#idle.some((idle, input) => !idle && this.#counts(input))
    const lastWasLowest = this.#times[changed]! <= this.timeMs
    const released = wasActive && !this.active && lastWasLowest
    const advanced = released ? this.#toMaximum() : this.#toMinimum()
    return advanced || this.active !== wasActive
  }

  #toMinimum(): boolean {
    let minimum = Infinity
    for (let input = 0; input < this.#times.length; input++) {
      if (this.#idle[input] || !this.#counts(input) || !this.#aligned[input]) continue
      if (this.#times[input]! < minimum) minimum = this.#times[input]!
    }
    return minimum !== Infinity && this.#raise(minimum)
  }

  #toMaximum(): boolean {
    let maximum = -Infinity
    for (let input = 0; input < this.#times.length; input++) {
      if (this.#counts(input) && this.#times[input]! > maximum) maximum = this.#times[input]!
    }
    return this.#raise(maximum)
  }

  #counts(input: number): boolean {
    return this.#timed[input]! && !this.#ended[input]
  }

  #raise(timeMs: number): boolean {
    if (timeMs <= this.timeMs) return false
    this.timeMs = timeMs
    return true
  }
}
