/**
 * What a key has in state while its windows share slices, and how it is found and changed. Most keys have
 * records in one slice only: that lies in the object itself, and in a snapshot in columns.
 */

/** One key's slices that windows still need, at least one; only those in which it has records. */
export interface KeySlices {
  /**
   * End of a window that has spoken, or had nothing to say, as all before it; −∞ before the first. So slices that
   * start before it have been shown, whichever windows there are, and those behind have not.
   */
  shownTo: number
  /** Raised when a slice changes that a result has shown already: sums over it are stale. */
  revision: number
  /** Its place among the keys of the windows under way; 0: none. Found anew after a restore. */
  active: number
  /** Where its only slice starts, and the accumulator; NaN and null where it has several. */
  start: number
  value: unknown
  /** Where each of several slices starts, ascending, and their accumulators; null where it has one. */
  starts: number[] | null
  values: unknown[] | null
}

/** What snapshots had before: all slices in lists. */
export interface ListedSlices {
  readonly shownTo: number
  readonly starts: readonly number[]
  readonly values: readonly unknown[]
}

export const createKeySlices = (revision: number, start: number, value: unknown): KeySlices =>
  made(-Infinity, revision, 0, start, value, null, null)

/** What the key has, to be changed apart from the original. */
export function copyKeySlices(of: KeySlices, copy: (accumulator: unknown) => unknown): KeySlices {
  const { shownTo, revision, active, start, value, starts, values } = of
  if (starts === null) return made(shownTo, revision, active, start, copy(value), null, null)
  return made(shownTo, revision, active, start, value, starts.slice(), values!.map(copy))
}

/**
 * What a snapshot had, put in the slices that there are now: `startOf` gives the start of the one that takes all of
 * a former one, and keeps their order; `join` sums two that come to lie in the same. Null: no slice.
 */
export function restoredKeySlices(
  of: KeySlices | ListedSlices,
  startOf: (start: number) => number,
  join: (earlier: unknown, later: unknown) => unknown,
): KeySlices | null {
  const starts: number[] = []
  const values: unknown[] = []
  const had = valuesOf(of)
  for (const [i, former] of startsOf(of).entries()) {
    const start = startOf(former)
    const last = starts.length - 1
    if (starts[last] === start) values[last] = join(values[last], had[i])
    else {
      starts.push(start)
      values.push(had[i])
    }
  }
  const { shownTo } = of
  const [first] = starts
  if (first === undefined) return null
  if (starts.length === 1) return made(shownTo, 0, 0, first, values[0], null, null)
  return made(shownTo, 0, 0, Number.NaN, null, starts, values)
}

const hasOne = (of: KeySlices | ListedSlices): of is KeySlices => of.starts === null

/** The only place where one is made: V8 takes objects of several literals for several types. */
function made(
  shownTo: number,
  revision: number,
  active: number,
  start: number,
  value: unknown,
  starts: number[] | null,
  values: unknown[] | null,
): KeySlices {
  return { shownTo, revision, active, start, value, starts, values }
}

/** Whether the newest of several slices starts there. */
export const isNewest = ({ starts }: KeySlices, start: number): boolean =>
  starts !== null && starts[starts.length - 1] === start

/** Index of the first slice that starts at or behind `timeMs`. */
export function firstAt({ start, starts }: KeySlices, timeMs: number): number {
  if (starts === null) return start >= timeMs ? 0 : 1
  let [low, high] = [0, starts.length]
  // Windows mostly begin where the oldest slice does, and end with the newest, where most records are.
  if (starts[0]! >= timeMs) return 0
  if (starts[high - 1]! < timeMs) return high
  if (starts[high - 2]! < timeMs) return high - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (starts[middle]! < timeMs) low = middle + 1
    else high = middle
  }
  return low
}

/** The accumulator of a slice that it has. */
export const valueAt = ({ value, values }: KeySlices, at: number): unknown =>
  values === null ? value : values[at]

/** All that it has. */
export const startsOf = (of: KeySlices | ListedSlices): readonly number[] =>
  hasOne(of) ? [of.start] : of.starts
export const valuesOf = (of: KeySlices | ListedSlices): readonly unknown[] =>
  hasOne(of) ? [of.value] : of.values

/** Puts a new slice in its place. */
export function insertSlice(of: KeySlices, at: number, start: number, value: unknown): void {
  if (of.starts === null) {
    of.starts = at === 0 ? [start, of.start] : [of.start, start]
    of.values = at === 0 ? [value, of.value] : [of.value, value]
    of.start = Number.NaN
    of.value = null
  } else if (at === of.starts.length) {
    of.starts.push(start)
    of.values!.push(value)
  } else {
    of.starts.splice(at, 0, start)
    of.values!.splice(at, 0, value)
  }
}

/** Forgets the slices up to the one that starts at `start`; false where none is left, and the key has to go. */
export function dropThrough(of: KeySlices, start: number): boolean {
  const { starts, values } = of
  if (starts === null) return of.start > start
  while (starts.length > 0 && starts[0]! <= start) {
    starts.shift()
    values!.shift()
  }
  if (starts.length > 1) return true
  of.starts = null
  of.values = null
  if (starts.length === 0) return false
  of.start = starts[0]!
  of.value = values![0]
  return true
}
