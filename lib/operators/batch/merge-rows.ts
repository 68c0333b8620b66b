/**
 * Merges sorted rows: a binary heap of cursors by their first row (Knuth, TAOCP 3, §5.4.1). Stable: of
 * equal rows those of the earlier cursor come first. Pure.
 */
import type { Comparer } from '../../base/sort-order.js'
import type { Row, RowCursor } from './rows.js'

export function mergeRows(cursors: readonly RowCursor[], compare: Comparer<unknown>): RowCursor {
  const living = cursors.filter(({ row }) => row !== null)
  if (living.length === 1) return living[0]!
  return new MergedRows(living, compare)
}

class MergedRows implements RowCursor {
  readonly #cursors: readonly RowCursor[]
  readonly #compare: Comparer<unknown>
  /** Indexes of cursors, the one with the first row at the top. */
  readonly #heap: number[]

  constructor(cursors: readonly RowCursor[], compare: Comparer<unknown>) {
    this.#cursors = cursors
    this.#compare = compare
    this.#heap = cursors.map((_, index) => index)
    for (let at = (this.#heap.length >> 1) - 1; at >= 0; at--) this.#sink(at)
  }

  get row(): Row | null {
    const top = this.#heap[0]
    return top === undefined ? null : this.#cursors[top]!.row
  }

  advance(): void {
    const top = this.#heap[0]
    if (top === undefined) return
    const cursor = this.#cursors[top]!
    cursor.advance()
    if (cursor.row === null) {
      const last = this.#heap.pop()!
      if (this.#heap.length === 0) return
      this.#heap[0] = last
    }
    this.#sink(0)
  }

  #sink(from: number): void {
    const heap = this.#heap
    for (let at = from; ; ) {
      const left = 2 * at + 1
      if (left >= heap.length) return
      const right = left + 1
      const child = right < heap.length && this.#isBefore(right, left) ? right : left
      if (!this.#isBefore(child, at)) return
      const moved = heap[at]!
      heap[at] = heap[child]!
      heap[child] = moved
      at = child
    }
  }

  #isBefore(a: number, b: number): boolean {
    const [left, right] = [this.#heap[a]!, this.#heap[b]!]
    const order = this.#compare(this.#cursors[left]!.row!.rank, this.#cursors[right]!.row!.rank)
    return order < 0 || (order === 0 && left < right)
  }
}
