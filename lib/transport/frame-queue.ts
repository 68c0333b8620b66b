/**
 * Frames that have arrived and were not polled yet, and whether somebody waits for one.
 *
 * It has no limit of its own: credits of the channels above bound what can be in it.
 */

/** Empty places in front are removed this many at a time. */
const POLLED_MAX = 256

export class FrameQueue {
  /** Called at least once after frames arrive while armed. */
  onReadable: () => void = () => {}
  #frames: (ArrayBuffer | undefined)[] = []
  /** Frames before this position have been polled. */
  #next = 0
  #armed = false

  get empty(): boolean {
    return this.#next === this.#frames.length
  }

  push(frame: ArrayBuffer): void {
    this.#frames.push(frame)
    if (this.#armed) this.#fire()
  }

  poll(): ArrayBuffer | null {
    if (this.empty) return null
    const frame = this.#frames[this.#next]!
    this.#frames[this.#next] = undefined
    this.#next += 1
    if (this.empty || this.#next === POLLED_MAX) {
      this.#frames.splice(0, this.#next)
      this.#next = 0
    }
    return frame
  }

  /** Asks for one call of `onReadable`; it comes at once when a frame is here already. */
  arm(): void {
    this.#armed = true
    if (!this.empty) this.#fire()
  }

  clear(): void {
    this.#frames = []
    this.#next = 0
  }

  #fire(): void {
    this.#armed = false
    this.onReadable()
  }
}
