/**
 * The watermark of inputs that come and go, such as the splits of a source: the minimum over those
 * that are open and not idle.
 *
 * An input holds the minimum back from the moment it opens. The watermark never goes back: where an
 * input opens late, or wakes, with older records, it stands still until that one has caught up. When all open inputs are idle, the watermark
 * advances to the highest of them, as in `watermark-merge.ts`.
 */

interface Input {
  timeMs: number
  idle: boolean
}

export class InputWatermarks {
  /** The merged watermark in ms; −∞ before every input that counts has spoken. */
  timeMs = Number.NEGATIVE_INFINITY
  /** False while inputs are open and all of them are idle. */
  active = true
  readonly #inputs = new Map<number, Input>()

  /** Input `index` takes part from now on. */
  open(index: number): void {
    this.#inputs.set(index, { timeMs: Number.NEGATIVE_INFINITY, idle: false })
    this.active = true
  }

  /** Input `index` has come to `timeMs`; it is active. */
  advance(index: number, timeMs: number): void {
    const input = this.#inputs.get(index) ?? this.#opened(index)
    if (timeMs > input.timeMs) input.timeMs = timeMs
    input.idle = false
    this.#settle()
  }

  setIdle(index: number, idle: boolean): void {
    const input = this.#inputs.get(index)
    if (input === undefined || input.idle === idle) return
    input.idle = idle
    this.#settle()
  }

  /** Input `index` has ended and holds nothing back. Its own watermark no longer counts. */
  close(index: number): void {
    if (this.#inputs.delete(index) && this.#inputs.size > 0) this.#settle()
  }

  /** Watermarks of the open inputs that are not idle. */
  *actives(): IterableIterator<readonly [index: number, timeMs: number]> {
    for (const [index, { timeMs, idle }] of this.#inputs) if (!idle) yield [index, timeMs]
  }

  #opened(index: number): Input {
    this.open(index)
    return this.#inputs.get(index)!
  }

  #settle(): void {
    let lowest = Number.POSITIVE_INFINITY
    let highest = Number.NEGATIVE_INFINITY
    this.active = false
    for (const { timeMs, idle } of this.#inputs.values()) {
      if (timeMs > highest) highest = timeMs
      if (idle) continue
      this.active = true
      if (timeMs < lowest) lowest = timeMs
    }
    const merged = this.active ? lowest : highest
    if (merged > this.timeMs) this.timeMs = merged
  }
}
