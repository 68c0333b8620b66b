/**
 * What a key has in windows that keep their records, each record in one, and speak once: an object per
 * window. Most keys have few records in a window, one mostly: the first of each side lies in the object
 * itself, and in a snapshot in columns.
 */

/** Which side a record of two streams came from, and the record. */
export type Sided = readonly [side: Side, record: unknown]
export type Side = 0 | 1

/** The records of a key in one window, by side; where there are no sides they are all on the left. */
export interface Gathered {
  /** Where the window starts. */
  readonly start: number
  /** Bit `side` is set where that side has records. */
  sides: number
  /** The first record of a side, and those behind it; null where there are none. */
  left: unknown
  lefts: unknown[] | null
  right: unknown
  rights: unknown[] | null
  /**
   * Later windows of the key, by start; null where there are none. So what state has of a key is its earliest
   * window, which is the first to speak.
   */
  later: Gathered[] | null
}

export function gather(start: number, side: Side, record: unknown): Gathered {
  return made(
    start,
    1 << side,
    side === 0 ? record : null,
    null,
    side === 0 ? null : record,
    null,
    null,
  )
}

/** The only place where one is made: V8 takes objects of several literals for several types. */
function made(
  start: number,
  sides: number,
  left: unknown,
  lefts: unknown[] | null,
  right: unknown,
  rights: unknown[] | null,
  later: Gathered[] | null,
): Gathered {
  return { start, sides, left, lefts, right, rights, later }
}

export function gatherMore(into: Gathered, side: Side, record: unknown): void {
  const bit = 1 << side
  if ((into.sides & bit) === 0) {
    into.sides |= bit
    if (side === 0) into.left = record
    else into.right = record
  } else if (side === 0) {
    if (into.lefts === null) into.lefts = [record]
    else into.lefts.push(record)
  } else if (into.rights === null) into.rights = [record]
  else into.rights.push(record)
}

/** The records of a side in a list of its own. */
export function gatheredOf(of: Gathered, side: Side): unknown[] {
  if ((of.sides & (1 << side)) === 0) return []
  const first = side === 0 ? of.left : of.right
  const more = side === 0 ? of.lefts : of.rights
  return more === null ? [first] : [first].concat(more)
}

/** What the key has, to be changed apart from the original. */
export function copyGathered(of: Gathered): Gathered {
  const { start, sides, left, right } = of
  const lefts = of.lefts === null ? null : of.lefts.slice()
  const rights = of.rights === null ? null : of.rights.slice()
  const later = of.later === null ? null : of.later.map(copyGathered)
  return made(start, sides, left, lefts, right, rights, later)
}

/** The same of a window that starts elsewhere, without what the key has in later ones. */
const movedTo = (start: number, { sides, left, lefts, right, rights }: Gathered): Gathered =>
  made(start, sides, left, lefts, right, rights, null)

/** That of a key's later windows which starts at `start`, or undefined. */
export function laterAt({ later }: Gathered, start: number): Gathered | undefined {
  if (later === null) return undefined
  const found = later[lowerBound(later, start)]
  return found?.start === start ? found : undefined
}

/** Adds a window that the key has no records in yet; returns what it has now. */
export function withWindow(of: Gathered, added: Gathered): Gathered {
  if (added.start < of.start) {
    // The list is handed on: a key whose windows come from late to early has no new one each time.
    if (of.later === null) added.later = [of]
    else {
      added.later = of.later
      added.later.unshift(of)
      of.later = null
    }
    return added
  }
  if (of.later === null) of.later = [added]
  else of.later.splice(lowerBound(of.later, added.start), 0, added)
  return of
}

/** What the key has without its earliest window, or null. */
export function withoutFirst(of: Gathered): Gathered | null {
  const { later } = of
  if (later === null) return null
  const next = later.shift()!
  if (later.length > 0) next.later = later
  of.later = null
  return next
}

/**
 * What a key has of other windows, by those that there are now: `startOf` gives the start of the one that takes
 * all of a former one, and keeps their order. Returns `of` where nothing moves, else takes it apart.
 */
export function regather(of: Gathered, startOf: (start: number) => number): Gathered {
  const stays = (each: Gathered): boolean => startOf(each.start) === each.start
  if (stays(of) && (of.later === null || of.later.every(stays))) return of
  const first = movedTo(startOf(of.start), of)
  let newest = first
  for (const each of of.later ?? []) {
    const start = startOf(each.start)
    if (start === newest.start) gatherAll(newest, each)
    else {
      newest = movedTo(start, each)
      if (first.later === null) first.later = [newest]
      else first.later.push(newest)
    }
  }
  return first
}

function gatherAll(into: Gathered, from: Gathered): void {
  for (const side of [0, 1] as const) {
    for (const record of gatheredOf(from, side)) gatherMore(into, side, record)
  }
}

/** Index of the first that starts at or behind `start`. */
function lowerBound(windows: readonly Gathered[], start: number): number {
  let [low, high] = [0, windows.length]
  // Mostly the newest, or behind it.
  if (windows[high - 1]!.start < start) return high
  while (low < high) {
    const middle = (low + high) >> 1
    if (windows[middle]!.start < start) low = middle + 1
    else high = middle
  }
  return low
}
