/**
 * Sums of a window that slides over slices, with at most three merges per slide whatever the number of
 * slices (two stacks: Tangwongsan, Hirzel, Schneider, "In-order sliding-window aggregation in worst-case
 * constant time", 2021, §2). The front holds suffix sums of older slices, the back one sum of the newer;
 * when the window has left the front behind, all that remains is moved there.
 *
 * It is a cache: the slices themselves lie elsewhere, and `revision` says whether one that was summed
 * has changed since.
 */
export type Merge = (earlier: unknown, later: unknown) => unknown

/** Fewer slices are summed directly: for them no memory is needed. */
export const SLICES_MIN = 4
const NEVER = -1

export class TwoStacks {
  readonly #merge: Merge
  #revision = NEVER
  /** Suffix sums: of this slice and all behind it in the front; and where each slice starts. */
  #sums: unknown[] = []
  #starts: number[] = []
  #at = 0
  #back: unknown = undefined
  #backSlices = 0
  /** Start of the last slice that was summed. */
  #lastStart = -Infinity

  constructor(merge: Merge) {
    this.#merge = merge
  }

  /**
   * The sum of `values[from]` to `values[to - 1]`, at least one, of the slices that start at `starts`,
   * ascending. Caller must not go back: neither `starts[from]` nor `starts[to - 1]` becomes less; and
   * must pass another `revision` (≥ 0) once a slice was changed or added that was summed.
   */
  sum(
    revision: number,
    starts: readonly number[],
    values: readonly unknown[],
    from: number,
    to: number,
  ): unknown {
    if (to - from < SLICES_MIN) return sumOf(this.#merge, values, from, to)
    const known = this.#revision === revision
    // Only valid again once all merges below have returned.
    this.#revision = NEVER
    if (known) this.#leave(starts[from]!)
    if (!known || this.#at === this.#sums.length) this.#flip(starts, values, from, to)
    else this.#extend(starts, values, to)
    this.#revision = revision
    const front = this.#sums[this.#at]
    return this.#backSlices === 0 ? front : this.#merge(front, this.#back)
  }

  #leave(start: number): void {
    while (this.#at < this.#sums.length && this.#starts[this.#at]! < start) {
      this.#sums[this.#at++] = undefined
    }
  }

  #flip(starts: readonly number[], values: readonly unknown[], from: number, to: number): void {
    const sums = new Array<unknown>(to - from)
    let sum = values[to - 1]
    sums[to - from - 1] = sum
    for (let i = to - 2; i >= from; i--) {
      sum = this.#merge(values[i], sum)
      sums[i - from] = sum
    }
    this.#sums = sums
    this.#starts = starts.slice(from, to)
    this.#at = 0
    this.#back = undefined
    this.#backSlices = 0
    this.#lastStart = starts[to - 1]!
  }

  #extend(starts: readonly number[], values: readonly unknown[], to: number): void {
    let from = to
    while (from > 0 && starts[from - 1]! > this.#lastStart) from--
    for (let i = from; i < to; i++) {
      this.#back = this.#backSlices++ === 0 ? values[i] : this.#merge(this.#back, values[i])
    }
    this.#lastStart = starts[to - 1]!
  }
}

/** As `TwoStacks.sum`, without memory. */
export function sumOf(merge: Merge, values: readonly unknown[], from: number, to: number): unknown {
  let sum = values[from]
  for (let i = from + 1; i < to; i++) sum = merge(sum, values[i])
  return sum
}
