/**
 * Windows as sums of slices, for the default trigger: a record changes one slice of its key; a result
 * is the sum of a window's slices. What a key has lies in the state `slices`; which keys a window has is
 * derived: each slice lists its keys, and keys of the window under way are kept from window to window.
 *
 * Windows speak in the order of their ends, each once when time has come to its end; within the allowed
 * lateness once more for every record that comes late. A slice is dropped when no window needs it.
 */
import type { ValueState } from '../../state/state.js'
import type { Slicing } from '../../window/slicing.js'
import type { WindowSpan } from '../../window/span.js'
import { SLICES_MIN, TwoStacks } from '../../window/two-stacks.js'
import { windowsBecomeOne } from '../../window/window-change.js'
import {
  createKeySlices,
  dropThrough,
  firstAt,
  insertSlice,
  isNewest,
  type KeySlices,
  restoredKeySlices,
  startsOf,
  valueAt,
  valuesOf,
} from './key-slices.js'
import { LiveSlices, lentAt, type Slice } from './live-slices.js'
import type { WindowOutput } from './window-output.js'
import { HELD, LATE, OUTSIDE, SPEAKS, type Windows } from './windows.js'

/** How the records of a slice become its accumulator, and slices a window's. */
export interface SliceFold {
  readonly begin: (input: unknown) => unknown
  readonly add: (accumulator: unknown, input: unknown) => unknown
  /** Sums adjacent slices. Null: each window is one slice. */
  readonly merge: ((earlier: unknown, later: unknown) => unknown) | null
  /** Makes the sum in one go, instead of by `merge`: for accumulators that grow with their records. Never throws. */
  readonly sumAll: ((values: readonly unknown[], from: number, to: number) => unknown) | null
}

export interface SlicedOptions {
  readonly slicing: Slicing
  readonly fold: SliceFold
  readonly latenessMs: number
  /** True where time is the clock's. */
  readonly byClock: boolean
  readonly state: ValueState<KeySlices>
  readonly groupOf: (key: unknown) => number
  /** For messages. */
  readonly operator: string
}

/** A key of the windows under way. */
interface ActiveKey {
  readonly id: number
  readonly group: number
  readonly key: unknown
  /**
   * What the key has, as state gave it in that epoch: in the same one it need not be looked up again. Null
   * where state has no epochs, and must not be kept in memory by whom it is lent to.
   */
  of: KeySlices | null
  epoch: number
  /** Null as long as its windows have few slices. */
  sums: TwoStacks | null
}

export class SlicedWindows implements Windows {
  /** The watermark, or the last instant of the clock that is over. */
  timeMs = -Infinity
  readonly fatal = null
  readonly #byClock: boolean
  readonly #operator: string
  readonly #slicing: Slicing
  readonly #fold: SliceFold
  readonly #latenessMs: number
  readonly #state: ValueState<KeySlices>
  readonly #slices: LiveSlices<KeySlices>
  /** Slice of the record before. */
  #slice: Slice<KeySlices> | null = null
  /** The next window that speaks; null while no slice has one to come. */
  #due: WindowSpan | null = null
  /** The window under way, and the key whose turn it is. */
  #speaking: WindowSpan | null = null
  #at = 0
  /** Keys with records in the window that spoke last; slices before `#activeTo` have added theirs. */
  #active: ActiveKey[] = []
  #kept = 0
  #activeTo = -Infinity
  /** The window that speaks again for a late record, and that record's slice and key. */
  #again: WindowSpan | null = null
  #againSlice: Slice<KeySlices> | null = null
  #againGroup = 0
  #againKey: unknown = undefined
  /** Source of ids and revisions. */
  #last = 0

  constructor(options: SlicedOptions) {
    this.#slicing = options.slicing
    this.#fold = options.fold
    this.#latenessMs = options.latenessMs
    this.#byClock = options.byClock
    this.#operator = options.operator
    this.#state = options.state
    this.#slices = new LiveSlices(options.slicing, options.latenessMs)
    this.#restore(options.groupOf)
  }

  advance(watermarkMs: number): void {
    if (!this.#byClock && watermarkMs > this.timeMs) this.timeMs = watermarkMs
  }

  tick(nowMs: number): void {
    if (this.#byClock && nowMs - 1 > this.timeMs) this.timeMs = nowMs - 1
  }

  end(): void {
    this.timeMs = Infinity
  }

  get wakeMs(): number {
    return this.#byClock && this.#due !== null ? this.#due.end : Infinity
  }

  add(input: unknown, timeMs: number, group: number, key: unknown): number {
    let slice = this.#slice
    if (slice === null || !(timeMs >= slice.start && timeMs < slice.end)) {
      slice = this.#slices.at(timeMs)
      this.#slice = slice
    }
    if (slice.expiresMs <= this.timeMs) return this.#refused(slice, timeMs)
    const found = this.#state.get(group, key)
    if (found !== undefined && found.start === slice.start) {
      found.value = this.#fold.add(found.value, input)
      this.#changed(found, slice)
      this.#keep(found, group, key)
    } else if (found !== undefined && isNewest(found, slice.start)) {
      const values = found.values!
      const last = values.length - 1
      values[last] = this.#fold.add(values[last], input)
      this.#changed(found, slice)
      this.#keep(found, group, key)
    } else this.#addOther(found, slice, input, group, key)
    const isShown = this.#latenessMs > 0 && slice.firstEnd - 1 <= this.timeMs
    return isShown && this.#beginAgain(slice, group, key) ? SPEAKS : HELD
  }

  speak(output: WindowOutput): boolean {
    output.resume()
    while (!output.full) {
      if (this.#again !== null) this.#speakAgain(output)
      else if (this.#speaking === null) {
        if (this.#due === null || this.#due.end - 1 > this.timeMs) return true
        this.#begin(this.#due)
      } else if (this.#at < this.#active.length) this.#speakNext(this.#speaking, output)
      else this.#finish(this.#speaking)
    }
    return false
  }

  expire(): void {
    const { epoch } = this.#state
    for (const slice of this.#slices.takeExpired(this.timeMs)) {
      const { start, keys, groups } = slice
      for (let i = 0; i < keys.length; i++) {
        const found = lentAt(slice, i, epoch) ?? this.#state.get(groups[i]!, keys[i])
        if (found === undefined) continue
        if (dropThrough(found, start)) this.#keep(found, groups[i]!, keys[i])
        else this.#state.delete(groups[i]!, keys[i])
      }
    }
  }

  #refused(slice: Slice<KeySlices>, timeMs: number): number {
    if (slice.lastEnd !== -Infinity) return LATE
    return timeMs + this.#latenessMs <= this.timeMs ? LATE : OUTSIDE
  }

  /** A record in a slice that is not the only one of its key. */
  #addOther(
    found: KeySlices | undefined,
    slice: Slice<KeySlices>,
    input: unknown,
    group: number,
    key: unknown,
  ): void {
    if (found === undefined) {
      const of = createKeySlices(++this.#last, slice.start, this.#fold.begin(input))
      this.#addKey(of, slice, group, key, this.#state.epoch)
      this.#changed(of, slice)
      this.#state.set(group, key, of)
      return
    }
    const at = firstAt(found, slice.start)
    const { starts, values } = found
    if (starts !== null && starts[at] === slice.start) {
      values![at] = this.#fold.add(values![at], input)
    } else {
      insertSlice(found, at, slice.start, this.#fold.begin(input))
      this.#addKey(found, slice, group, key, this.#state.epoch)
    }
    this.#changed(found, slice)
    this.#keep(found, group, key)
  }

  /** After a change to what state has given: where it has epochs, it knows. */
  #keep(of: KeySlices, group: number, key: unknown): void {
    if (Number.isNaN(this.#state.epoch)) this.#state.set(group, key, of)
  }

  #changed(of: KeySlices, slice: Slice<KeySlices>): void {
    // Windows that time has come to are over for this key, though they may have had nothing to show.
    if (slice.firstEnd - 1 <= this.timeMs) {
      of.shownTo = Math.max(of.shownTo, this.#slices.overTo(slice, this.timeMs))
    }
    if (slice.start < of.shownTo) of.revision = ++this.#last
  }

  #addKey(
    of: KeySlices,
    slice: Slice<KeySlices>,
    group: number,
    key: unknown,
    epoch: number,
  ): void {
    if (this.#slices.addKey(slice, group, key, of, epoch)) {
      const window = this.#slicing.firstWindow(slice.start, this.timeMs + 1)
      const isNext = this.#due === null || (window !== null && window.end < this.#due.end)
      if (isNext) this.#due = window
    }
    const missed = slice.start < this.#activeTo && slice.lastEnd - 1 > this.timeMs
    if (missed && of.active === 0) this.#activate(of, group, key)
  }

  #activate(of: KeySlices, group: number, key: unknown): void {
    of.active = ++this.#last
    const { epoch } = this.#state
    this.#active.push({ id: of.active, group, key, of: lent(of, epoch), epoch, sums: null })
  }

  #begin(window: WindowSpan): void {
    this.#speaking = window
    this.#at = 0
    this.#kept = 0
    if (window.end <= this.#activeTo) return
    const { epoch } = this.#state
    for (const slice of this.#slices.between(this.#activeTo, window.end)) {
      const { keys, groups } = slice
      for (let i = 0; i < keys.length; i++) {
        const of = lentAt(slice, i, epoch) ?? this.#state.get(groups[i]!, keys[i])
        if (of === undefined || of.active !== 0) continue
        this.#activate(of, groups[i]!, keys[i])
        this.#keep(of, groups[i]!, keys[i])
      }
    }
    this.#activeTo = window.end
  }

  #speakNext(window: WindowSpan, output: WindowOutput): void {
    const place = this.#active[this.#at++]!
    const { group, key } = place
    const { epoch } = this.#state
    const isOwn = place.epoch === epoch
    const of = isOwn ? place.of! : this.#state.get(group, key)
    if (of === undefined || of.active !== place.id) return
    place.of = lent(of, epoch)
    place.epoch = epoch
    const from = firstAt(of, window.start)
    const to = firstAt(of, window.end)
    const speaks = from < to && of.shownTo < window.end
    const stays = from < to && !this.#slicing.disjoint
    if (stays) this.#active[this.#kept++] = place
    else of.active = 0
    if (speaks) of.shownTo = window.end
    if (!isOwn) this.#keep(of, group, key)
    if (speaks) this.#give(place, of, from, to, window, output)
  }

  #give(
    place: ActiveKey,
    of: KeySlices,
    from: number,
    to: number,
    { start, end }: WindowSpan,
    output: WindowOutput,
  ): void {
    const { group, key } = place
    const { sumAll } = this.#fold
    // Most windows of most keys: nothing of the user's that could fail.
    if (sumAll !== null || to - from === 1) {
      const made = sumAll === null ? valueAt(of, from) : sumAll(valuesOf(of), from, to)
      output.giveMade(group, key, start, end, made)
      return
    }
    output.give(group, key, start, end, () =>
      this.#sum(of, from, to, this.#sumsOf(place, to - from)),
    )
  }

  /** What sums windows of so many slices; null where that takes no memory. */
  #sumsOf(place: ActiveKey, slices: number): TwoStacks | null {
    const { merge, sumAll } = this.#fold
    if (slices < SLICES_MIN || merge === null || sumAll !== null) return null
    place.sums ??= new TwoStacks(merge)
    return place.sums
  }

  #finish(window: WindowSpan): void {
    this.#active.length = this.#kept
    this.#speaking = null
    const next = this.#slices.firstNeeded(window.end)
    this.#due = next === undefined ? null : this.#slicing.firstWindow(next.start, window.end)
  }

  #sum(of: KeySlices, from: number, to: number, sums: TwoStacks | null): unknown {
    const { merge, sumAll } = this.#fold
    const values = valuesOf(of)
    if (sumAll !== null) return sumAll(values, from, to)
    if (sums !== null) return sums.sum(of.revision, startsOf(of), values, from, to)
    let sum = values[from]
    for (let i = from + 1; i < to; i++) sum = merge!(sum, values[i])
    return sum
  }

  /** The windows with `slice` that have spoken and may speak again; false where there is none. */
  #beginAgain(slice: Slice<KeySlices>, group: number, key: unknown): boolean {
    const window = this.#slicing.firstWindow(slice.start, this.timeMs + 1 - this.#latenessMs)
    if (!this.#speaksAgain(window, slice)) return false
    this.#again = window
    this.#againSlice = slice
    this.#againGroup = group
    this.#againKey = key
    return true
  }

  #speaksAgain(window: WindowSpan | null, slice: Slice<KeySlices>): boolean {
    return window !== null && window.end <= slice.lastEnd && window.end - 1 <= this.timeMs
  }

  #speakAgain(output: WindowOutput): void {
    const { start, end } = this.#again!
    const next = this.#slicing.nextWindow(this.#again!)
    this.#again = this.#speaksAgain(next, this.#againSlice!) ? next : null
    const of = this.#state.get(this.#againGroup, this.#againKey)!
    const [from, to] = [firstAt(of, start), firstAt(of, end)]
    output.give(this.#againGroup, this.#againKey, start, end, () => this.#sum(of, from, to, null))
  }

  /** Finds the slices of the keys that are in state already, which may be those of other windows. */
  #restore(groupOf: (key: unknown) => number): void {
    const startOf = (start: number): number => this.#slices.holderOf(start).start
    const join = (earlier: unknown, later: unknown): unknown => this.#joined(earlier, later)
    for (const [key, stored] of this.#state.entries()) {
      const group = groupOf(key)
      const of = restoredKeySlices(stored, startOf, join)
      if (of === null) {
        this.#state.delete(group, key)
        continue
      }
      of.revision = ++this.#last
      for (const start of startsOf(of)) {
        this.#addKey(of, this.#slices.at(start), group, key, Number.NaN)
      }
      this.#state.set(group, key, of)
    }
  }

  #joined(earlier: unknown, later: unknown): unknown {
    const { merge, sumAll } = this.#fold
    if (sumAll !== null) return sumAll([earlier, later], 0, 2)
    if (merge !== null) return merge(earlier, later)
    throw windowsBecomeOne(this.#operator, 'other windows', 'windows are longer')
  }
}

/** What may be kept of what state gave in an epoch; NaN: it has none. */
const lent = (of: KeySlices, epoch: number): KeySlices | null => (Number.isNaN(epoch) ? null : of)
