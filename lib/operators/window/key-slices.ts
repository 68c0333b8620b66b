/** What a key has in state while its windows share slices, and how it is found and changed. */

/** One key's slices that windows still need; only those in which it has records. */
export interface KeySlices {
  /** Windows that end at or before have spoken, or had nothing to say; −∞ before the first. */
  shownTo: number
  /** Raised when a slice changes that a result has shown already: sums over it are stale. */
  revision: number
  /** Its place among the keys of the windows under way; 0: none. Found anew after a restore. */
  active: number
  /** Where each slice starts, ascending, and its accumulator. */
  readonly starts: number[]
  readonly values: unknown[]
}

/** Most keys never get another slice: lists of exactly one, where one that grew has room for seventeen. */
export function createKeySlices(revision: number, start: number, value: unknown): KeySlices {
  return { shownTo: -Infinity, revision, active: 0, starts: [start], values: [value] }
}

/** What the key has, to be changed apart from the original. */
export function copyKeySlices(of: KeySlices, copy: (accumulator: unknown) => unknown): KeySlices {
  return { ...of, starts: of.starts.slice(), values: of.values.map(copy) }
}

/** Index of the first slice that starts at or behind `timeMs`. */
export function firstAt({ starts }: KeySlices, timeMs: number): number {
  let [low, high] = [0, starts.length]
  // Windows mostly begin where the oldest slice does, and end with the newest.
  if (high === 0 || starts[0]! >= timeMs) return 0
  if (starts[high - 1]! < timeMs) return high
  while (low < high) {
    const middle = (low + high) >> 1
    if (starts[middle]! < timeMs) low = middle + 1
    else high = middle
  }
  return low
}

/** Puts a new slice in its place. */
export function insertSlice(of: KeySlices, at: number, start: number, value: unknown): void {
  if (at === of.starts.length) {
    of.starts.push(start)
    of.values.push(value)
    return
  }
  of.starts.splice(at, 0, start)
  of.values.splice(at, 0, value)
}

/** Forgets the slices up to the one that starts at `start`. */
export function dropThrough(of: KeySlices, start: number): void {
  while (of.starts.length > 0 && of.starts[0]! <= start) {
    of.starts.shift()
    of.values.shift()
  }
}
