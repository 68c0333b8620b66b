/** Timers that have not come due, the next one first: a binary heap, which knows where each of them stands. */

export interface Timer {
  readonly dueMs: number
  /** Of timers due together the one that was set first is the first. */
  readonly order: number
  readonly task: () => void
  /** Its place in the heap; -1: it is in none. */
  at: number
}

export class DueTimers {
  readonly #heap: Timer[] = []

  get size(): number {
    return this.#heap.length
  }

  /** It stays. */
  get first(): Timer | undefined {
    return this.#heap[0]
  }

  add(timer: Timer): void {
    this.#heap.push(timer)
    this.#rise(timer, this.#heap.length - 1)
  }

  /** Does nothing where it is not there any more. */
  remove(timer: Timer): void {
    const { at } = timer
    if (at === -1) return
    timer.at = -1
    const last = this.#heap.pop()!
    if (last === timer) return
    this.#rise(last, at)
    this.#sink(last, last.at)
  }

  #rise(timer: Timer, from: number): void {
    let at = from
    while (at > 0) {
      const above = this.#heap[(at - 1) >> 1]!
      if (isBefore(above, timer)) break
      this.#put(above, at)
      at = (at - 1) >> 1
    }
    this.#put(timer, at)
  }

  #sink(timer: Timer, from: number): void {
    let at = from
    for (;;) {
      const one = this.#heap[2 * at + 1]
      const other = this.#heap[2 * at + 2]
      if (one === undefined) break
      const below = other !== undefined && isBefore(other, one) ? other : one
      if (isBefore(timer, below)) break
      const next = below.at
      this.#put(below, at)
      at = next
    }
    this.#put(timer, at)
  }

  #put(timer: Timer, at: number): void {
    this.#heap[at] = timer
    timer.at = at
  }
}

const isBefore = (one: Timer, other: Timer): boolean =>
  one.dueMs < other.dueMs || (one.dueMs === other.dueMs && one.order < other.order)
