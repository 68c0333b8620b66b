/**
 * Windows that keep their records, do not overlap and speak once, when event time has come to their end:
 * for all others there is `sliced-windows.ts`. The meaning is the same.
 *
 * What a key has lies in the state `gathered`; which keys a window has is derived. A window that is due is
 * gone through once: each key speaks, and is dropped.
 */
import { assert } from '../../base/assert.js'
import type { ValueState } from '../../state/state.js'
import type { Slicing } from '../../window/slicing.js'
import {
  type Gathered,
  gather,
  gatherMore,
  laterAt,
  regather,
  type Side,
  type Sided,
  withoutFirst,
  withWindow,
} from './gathered.js'
import { type KeySlices, type ListedSlices, startsOf, valuesOf } from './key-slices.js'
import { LiveSlices, lentAt, type Slice } from './live-slices.js'
import type { WindowOutput } from './window-output.js'
import { HELD, LATE, OUTSIDE, type Windows } from './windows.js'

export interface GatheringOptions {
  /** Its windows MUST NOT overlap. */
  readonly slicing: Slicing
  /** True where records come as `Sided`. */
  readonly sided: boolean
  readonly state: ValueState<Gathered>
  /** What a snapshot of before had for the same windows: lists of records by slice. */
  readonly former: ValueState<KeySlices | ListedSlices>
  readonly groupOf: (key: unknown) => number
}

export class GatheringWindows implements Windows {
  readonly wakeMs = Infinity
  readonly fatal = null
  readonly #sided: boolean
  readonly #state: ValueState<Gathered>
  readonly #windows: LiveSlices<Gathered>
  #watermarkMs = -Infinity
  /** Window of the record before. */
  #window: Slice<Gathered> | null = null
  /** Windows that are to speak, the one whose turn it is, and of that the next key. */
  #due: readonly Slice<Gathered>[] = []
  #turn = 0
  #at = 0

  constructor({ slicing, sided, state, former, groupOf }: GatheringOptions) {
    this.#sided = sided
    this.#state = state
    this.#windows = new LiveSlices(slicing, 0)
    this.#restore(groupOf)
    if (former.size > 0) this.#take(former, groupOf)
  }

  add(input: unknown, timeMs: number, group: number, key: unknown): number {
    let window = this.#window
    if (window === null || !(timeMs >= window.start && timeMs < window.end)) {
      window = this.#windows.at(timeMs)
      this.#window = window
    }
    if (window.expiresMs <= this.#watermarkMs) {
      return window.lastEnd === -Infinity && timeMs > this.#watermarkMs ? OUTSIDE : LATE
    }
    if (this.#sided) {
      const [side, record] = input as Sided
      this.#gather(window, side, record, group, key)
    } else this.#gather(window, 0, input, group, key)
    return HELD
  }

  advance(watermarkMs: number): void {
    this.#watermarkMs = Math.max(this.#watermarkMs, watermarkMs)
  }

  tick(): void {}

  end(): void {
    this.#watermarkMs = Infinity
  }

  speak(output: WindowOutput): boolean {
    output.resume()
    while (!output.full) {
      const window = this.#due[this.#turn]
      if (window === undefined) {
        this.#due = this.#windows.takeExpired(this.#watermarkMs)
        this.#turn = 0
        if (this.#due.length === 0) return true
        // Whatever it keeps alive has to go, though no record may come for long.
        this.#window = null
      } else if (this.#at < window.keys.length) this.#speakNext(window, output)
      else {
        this.#turn++
        this.#at = 0
      }
    }
    return false
  }

  /** Each key was dropped when it had spoken. */
  expire(): void {}

  #gather(window: Slice<Gathered>, side: Side, record: unknown, group: number, key: unknown): void {
    const { start } = window
    const { epoch } = this.#state
    const first = this.#state.get(group, key)
    const of = first === undefined || first.start === start ? first : laterAt(first, start)
    if (of !== undefined) {
      gatherMore(of, side, record)
      // Where it has epochs, state knows.
      if (Number.isNaN(epoch)) this.#state.set(group, key, first!)
      return
    }
    const added = gather(start, side, record)
    this.#state.set(group, key, first === undefined ? added : withWindow(first, added))
    this.#windows.addKey(window, group, key, added, epoch)
  }

  #speakNext(window: Slice<Gathered>, output: WindowOutput): void {
    const { start, end, keys, groups } = window
    const at = this.#at++
    const key = keys[at]
    const group = groups[at]!
    const of = lentAt(window, at, this.#state.epoch) ?? this.#state.get(group, key)
    window.lent[at] = null
    assert(of?.start === start, 'a window speaks when all before it have spoken')
    const rest = withoutFirst(of)
    if (rest === null) this.#state.delete(group, key)
    else this.#state.set(group, key, rest)
    output.giveMade(group, key, start, end, of)
  }

  /** Finds what state has already, which may have been gathered in other windows than there are now. */
  #restore(groupOf: (key: unknown) => number): void {
    const startOf = (start: number): number => this.#windows.holderOf(start).start
    for (const [key, before] of this.#state.entries()) {
      const group = groupOf(key)
      const of = regather(before, startOf)
      if (of !== before) this.#state.set(group, key, of)
      this.#found(of, group, key)
      for (const later of of.later ?? []) this.#found(later, group, key)
    }
  }

  #found(of: Gathered, group: number, key: unknown): void {
    this.#windows.addKey(this.#windows.at(of.start), group, key, of, Number.NaN)
  }

  #take(former: ValueState<KeySlices | ListedSlices>, groupOf: (key: unknown) => number): void {
    for (const [key, of] of former.entries()) {
      const values = valuesOf(of)
      for (const [i, start] of startsOf(of).entries()) {
        const window = this.#windows.holderOf(start)
        // Kept for what might come late, which nothing does any more.
        if (window.end <= of.shownTo) continue
        for (const record of values[i] as readonly unknown[]) {
          const [side, own] = this.#sided ? (record as Sided) : [0 as const, record]
          this.#gather(window, side, own, groupOf(key), key)
        }
      }
    }
    former.clear()
  }
}
