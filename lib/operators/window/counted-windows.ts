/**
 * Windows of so many records, per key: one after the other, or sliding. They know no time, so nothing is
 * late; what no result has shown speaks when the stream ends.
 *
 * State `counted`: one accumulator per key; `counted records` where windows overlap, or are to be seen as they
 * are: the last `size` of them, or those of the window.
 */
import type { ValueState } from '../../state/state.js'
import type { PaneFold } from './pane-fold.js'
import type { WindowOutput } from './window-output.js'
import { HELD, SPEAKS, type Windows } from './windows.js'

/** What a key has: records so far, those that no result has shown, and the content of the window. */
export interface Counted {
  count: number
  unshown: number
  filled: boolean
  value: unknown
}

export interface CountedOptions {
  readonly size: number
  readonly slide: number
  /** For windows that overlap it keeps records: `trim` leaves the last `size`. */
  readonly fold: PaneFold
  readonly trim: ((content: unknown) => unknown) | null
  readonly state: ValueState<Counted>
}

export class CountedWindows implements Windows {
  readonly wakeMs = Infinity
  readonly fatal = null
  readonly #options: CountedOptions
  /** The key whose window has as many records as it needs. */
  #speaking: { readonly group: number; readonly key: unknown } | null = null
  #last: IterableIterator<readonly [key: unknown, value: Counted]> | null = null

  constructor(options: CountedOptions) {
    this.#options = options
  }

  add(input: unknown, timeMs: number, group: number, key: unknown): number {
    const { fold, trim, slide, state } = this.#options
    const of = state.get(group, key) ?? { count: 0, unshown: 0, filled: false, value: undefined }
    const value = of.filled ? fold.add(of.value, input, timeMs) : fold.first(input, timeMs)
    of.value = trim === null ? value : trim(value)
    of.filled = true
    of.count++
    of.unshown++
    state.set(group, key, of)
    if (of.unshown < slide) return HELD
    this.#speaking = { group, key }
    return SPEAKS
  }

  advance(): void {}
  tick(): void {}
  expire(): void {}

  end(): void {
    this.#last = this.#options.state.entries()
  }

  speak(output: WindowOutput): boolean {
    const { state } = this.#options
    output.resume()
    while (!output.full) {
      if (this.#speaking !== null) {
        const { group, key } = this.#speaking
        const of = state.get(group, key)!
        this.#speaking = null
        this.#show(of, group, key, output)
        state.set(group, key, of)
      } else if (this.#last === null || !this.#takeLast(this.#last, output)) return true
    }
    return false
  }

  #takeLast(
    entries: IterableIterator<readonly [key: unknown, value: Counted]>,
    output: WindowOutput,
  ): boolean {
    const entry = entries.next()
    if (entry.done) {
      this.#last = null
      this.#options.state.clear()
      return false
    }
    const [key, of] = entry.value
    if (of.unshown > 0) this.#show(of, 0, key, output)
    return true
  }

  #show(of: Counted, group: number, key: unknown, output: WindowOutput): void {
    const { size, slide, fold } = this.#options
    // Windows that do not overlap begin where the last one ended.
    const length = size === slide ? of.unshown : Math.min(size, of.count)
    const span = { start: of.count - length, end: of.count }
    const { value } = of
    of.unshown = 0
    if (size === slide) {
      of.value = undefined
      of.filled = false
    }
    output.give(group, key, span.start, span.end, () => fold.show(value, span).shown)
  }
}
