/**
 * What is due at a time, in the order of those times; of equal ones the first pushed comes first.
 *
 * As in `TimeQueue`, only the next ones are in order; later ones lie unordered in leaves, each with the times
 * from its own beginning to that of the leaf behind it, and a leaf is sorted when its turn comes. So a push
 * is a search among the leaves, and whatever is pushed in about the order of its time costs one sort of what is sorted already.
 * The next ones may be many, where they have one time; whatever comes then lies in leaves before or behind
 * them, and moves them once at most.
 */

export interface Due {
  readonly dueMs: number
}

/** More than this, and a leaf, or what comes next, is split. */
const ENTRIES_MAX = 2_048
/** How many of a leaf's times are looked at to find about the middle one. */
const SAMPLE = 31

interface Leaf<T> {
  /** None of its times is earlier. */
  fromMs: number
  entries: T[]
  /** It is split when there are more; twice as many, where all have one time. */
  max: number
}

/** Times must not change while they are in it. */
export class DueQueue<T extends Due> {
  /** In order; those before `#at` have been taken. */
  #next: T[] = []
  #at = 0
  /** The latest first. */
  readonly #leaves: Leaf<T>[] = []

  push(entry: T): void {
    const leaf = this.#leafOf(entry.dueMs)
    if (leaf < 0) {
      this.#insert(entry)
      return
    }
    const { entries, max } = this.#leaves[leaf]!
    entries.push(entry)
    if (entries.length > max) this.#splitLeaf(leaf)
  }

  /** Removes and returns the first that is due at `timeMs`; null where none is. */
  takeDue(timeMs: number): T | null {
    if (this.#at === this.#next.length && !this.#openLeaf(timeMs)) return null
    const entry = this.#next[this.#at]!
    if (entry.dueMs > timeMs) return null
    this.#at++
    // Of what has been taken no more is kept than of what has not.
    if (this.#at === this.#next.length) this.#setNext([])
    else if (this.#at > ENTRIES_MAX && 2 * this.#at > this.#next.length) this.#trim()
    return entry
  }

  /** The next leaf is put in order; false where none begins by then. */
  #openLeaf(timeMs: number): boolean {
    const leaf = this.#leaves.at(-1)
    if (leaf === undefined || leaf.fromMs > timeMs) return false
    this.#leaves.pop()
    this.#setNext(leaf.entries.sort((a, b) => a.dueMs - b.dueMs))
    return true
  }

  #setNext(next: T[]): void {
    this.#next = next
    this.#at = 0
  }

  #trim(): void {
    this.#setNext(this.#next.slice(this.#at))
  }

  /** The leaf with the latest beginning that is not after the time; −1: it belongs to the next ones. */
  #leafOf(timeMs: number): number {
    const leaves = this.#leaves
    let [low, high] = [0, leaves.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (leaves[middle]!.fromMs <= timeMs) high = middle
      else low = middle + 1
    }
    return low < leaves.length ? low : -1
  }

  /** Among the next ones, behind those of the same time. */
  #insert(entry: T): void {
    const next = this.#next
    let [low, high] = [this.#at, next.length]
    if (high > low && next[high - 1]!.dueMs <= entry.dueMs) low = high
    while (low < high) {
      const middle = (low + high) >> 1
      if (next[middle]!.dueMs <= entry.dueMs) low = middle + 1
      else high = middle
    }
    const isLast = low === next.length
    if (next.length - this.#at > ENTRIES_MAX) {
      if (isLast && next[low - 1]!.dueMs !== entry.dueMs) {
        this.#pushBehind(entry)
        return
      }
      // Those behind it would be moved for each that comes before them.
      if (!isLast) this.#leaves.push(leafOf(next[low]!.dueMs, next.splice(low)))
      next.push(entry)
      return
    }
    if (isLast) next.push(entry)
    else next.splice(low, 0, entry)
    if (next.length > ENTRIES_MAX) this.#splitNext()
  }

  /** Between the next ones and the first leaf, which then begins with it. */
  #pushBehind(entry: T): void {
    const first = this.#leaves.length - 1
    if (first < 0 || this.#leaves[first]!.entries.length >= this.#leaves[first]!.max) {
      this.#leaves.push(leafOf(entry.dueMs, [entry]))
      return
    }
    const leaf = this.#leaves[first]!
    leaf.fromMs = entry.dueMs
    leaf.entries.push(entry)
  }

  #splitNext(): void {
    this.#trim()
    const next = this.#next
    if (2 * next.length <= ENTRIES_MAX) return
    let half = next.length >> 1
    // Equal times stay together.
    while (half > 0 && next[half - 1]!.dueMs === next[half]!.dueMs) half--
    if (half === 0) {
      while (half < next.length && next[half]!.dueMs === next[0]!.dueMs) half++
    }
    if (half === next.length) return
    const later = next.splice(half)
    this.#leaves.push(leafOf(later[0]!.dueMs, later))
  }

  #splitLeaf(at: number): void {
    const leaf = this.#leaves[at]!
    const fromMs = splitTime(leaf)
    if (fromMs === null) {
      leaf.max = 2 * leaf.entries.length
      return
    }
    const earlier = leafOf<T>(leaf.fromMs, [])
    const later = leafOf<T>(fromMs, [])
    for (const entry of leaf.entries) (entry.dueMs < fromMs ? earlier : later).entries.push(entry)
    this.#leaves.splice(at, 1, later, earlier)
  }
}

const leafOf = <T>(fromMs: number, entries: T[]): Leaf<T> => ({
  fromMs,
  entries,
  max: Math.max(ENTRIES_MAX, 2 * entries.length),
})

/** A time with some before it and some from it on, about the middle one; null where all are the same. */
function splitTime<T extends Due>({ entries }: Leaf<T>): number | null {
  let [least, most] = [Infinity, -Infinity]
  for (const { dueMs } of entries) {
    if (dueMs < least) least = dueMs
    if (dueMs > most) most = dueMs
  }
  if (least === most) return null
  const step = Math.floor(entries.length / SAMPLE)
  const sample = new Float64Array(SAMPLE)
  for (let i = 0; i < SAMPLE; i++) sample[i] = entries[i * step]!.dueMs
  const middle = sample.sort()[SAMPLE >> 1]!
  if (middle > least) return middle
  // Most are the earliest.
  let second = most
  for (const { dueMs } of entries) if (dueMs > least && dueMs < second) second = dueMs
  return second
}
