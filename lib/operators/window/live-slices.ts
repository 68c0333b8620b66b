/**
 * The slices that some window still needs, with the keys that have records in each: derived from the
 * state of the keys, so that a window's end finds its keys without a timer per key.
 */
import { emptyList } from '../../base/list.js'
import type { Slicing } from '../../window/slicing.js'
import { checkSpan } from '../../window/span.js'

/** `T`: what a key has, as its state gives it. */
export interface Slice<T> {
  readonly start: number
  readonly end: number
  /** Ends of the first and the last window with it; the last −∞ where it lies in none. */
  readonly firstEnd: number
  readonly lastEnd: number
  /** End of the last of them that is known to be over, −∞ before the first; and of the one that is over next. */
  overTo: number
  nextEnd: number
  /** Nothing needs it once time has come so far. */
  readonly expiresMs: number
  /** False until a key has a record in it. */
  live: boolean
  /** Keys with records in it, and their groups. A key that was dropped may still be listed. */
  readonly keys: unknown[]
  readonly groups: number[]
  /**
   * What each key has, as state gave it in `epoch`, from the key at `lentFrom` on: in the same epoch those
   * need not be looked up again. Null where state has no epochs: what it lends must not be kept in memory.
   */
  readonly lent: (T | null)[]
  epoch: number
  lentFrom: number
}

/** What the key at a place has, where state need not be asked; null where it must be. */
export function lentAt<T>(slice: Slice<T>, at: number, epoch: number): T | null {
  return slice.epoch === epoch && at >= slice.lentFrom ? slice.lent[at]! : null
}

export class LiveSlices<T> {
  readonly #slicing: Slicing
  readonly #latenessMs: number
  readonly #byStart = new Map<number, Slice<T>>()
  /** Live ones, by start. */
  readonly #sorted: Slice<T>[] = []

  constructor(slicing: Slicing, latenessMs: number) {
    this.#slicing = slicing
    this.#latenessMs = latenessMs
  }

  /** The slice of a time; a new one is remembered once a key is added. Throws E_WINDOW_RANGE. */
  at(timeMs: number): Slice<T> {
    const { start, end } = this.#slicing.sliceAt(timeMs)
    return this.#byStart.get(start) ?? this.#create(start, end, timeMs)
  }

  /**
   * Which slice takes all of a former one that began at `start`: the one that holds that instant, or the next
   * where that lies between windows. Records have no times of their own any more.
   */
  holderOf(start: number): Slice<T> {
    const slice = this.at(start)
    return slice.lastEnd === -Infinity ? this.at(slice.end) : slice
  }

  /** End of the last window with this slice that is over at `timeMs`; −∞ where there is none. Time goes on. */
  overTo(slice: Slice<T>, timeMs: number): number {
    while (slice.nextEnd - 1 <= timeMs) {
      slice.overTo = slice.nextEnd
      const next =
        slice.overTo < slice.lastEnd ? this.#slicing.firstWindow(slice.start, slice.overTo) : null
      slice.nextEnd = next === null ? Infinity : next.end
    }
    return slice.overTo
  }

  /**
   * True where the slice has just become live. `of`: what the key has, which state has given in this epoch;
   * NaN: none.
   */
  addKey(slice: Slice<T>, group: number, key: unknown, of: T, epoch: number): boolean {
    // Never equal where there are no epochs.
    if (slice.epoch !== epoch) {
      slice.epoch = epoch
      slice.lentFrom = slice.keys.length
    }
    slice.keys.push(key)
    slice.groups.push(group)
    slice.lent.push(Number.isNaN(epoch) ? null : of)
    if (slice.live) return false
    slice.live = true
    this.#byStart.set(slice.start, slice)
    this.#sorted.splice(this.#lowerBound(slice.start), 0, slice)
    return true
  }

  /** Live slices that start from `fromMs` to before `toMs`, in order. */
  between(fromMs: number, toMs: number): readonly Slice<T>[] {
    return this.#sorted.slice(this.#lowerBound(fromMs), this.#lowerBound(toMs))
  }

  /** The first live slice with a window that ends behind `afterMs`. */
  firstNeeded(afterMs: number): Slice<T> | undefined {
    let [low, high] = [0, this.#sorted.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#sorted[middle]!.lastEnd > afterMs) high = middle
      else low = middle + 1
    }
    return this.#sorted[low]
  }

  /** Removes and returns the slices that nothing needs any more. */
  takeExpired(timeMs: number): readonly Slice<T>[] {
    let count = 0
    while (count < this.#sorted.length && this.#sorted[count]!.expiresMs <= timeMs) count++
    if (count === 0) return NONE
    const expired = this.#sorted.splice(0, count)
    for (const slice of expired) {
      slice.live = false
      this.#byStart.delete(slice.start)
    }
    return expired
  }

  #create(start: number, end: number, timeMs: number): Slice<T> {
    const lastEnd = this.#slicing.lastEnd(start)
    const first = this.#slicing.firstWindow(start, -Infinity)
    const firstEnd = first === null ? -Infinity : first.end
    checkSpan(first === null ? start : first.start, Math.max(lastEnd, end), timeMs)
    const expiresMs = lastEnd - 1 + this.#latenessMs
    return {
      start,
      end,
      firstEnd,
      lastEnd,
      overTo: -Infinity,
      nextEnd: first === null ? Infinity : firstEnd,
      expiresMs,
      live: false,
      keys: emptyList(),
      groups: [],
      lent: emptyList(),
      epoch: Number.NaN,
      lentFrom: 0,
    }
  }

  #lowerBound(start: number): number {
    let [low, high] = [0, this.#sorted.length]
    // Nearly always the newest: time goes on.
    if (high > 0 && this.#sorted[high - 1]!.start < start) return high
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#sorted[middle]!.start < start) low = middle + 1
      else high = middle
    }
    return low
  }
}

const NONE: readonly never[] = []
