/** Walks over what tables were when the epoch began, and gives it as rows. */
import type { Rows } from './frozen.js'
import type { GroupedTable } from './grouped-table.js'
import { ABSENT } from './journal.js'
import type { KeyTable } from './key-table.js'

/** How what a key has becomes rows; null where that is done at once. */
export interface RowShape<N> {
  whole(rows: Rows, group: number, key: unknown, now: N): Iterator<void> | null
  /** What makes `now` of `before`, which was there at the beginning of epoch `from`. */
  change(
    rows: Rows,
    group: number,
    key: unknown,
    before: N,
    now: N,
    from: number,
  ): Iterator<void> | null
}

export function* walkGroups<V, N>(
  table: GroupedTable<V, N>,
  shape: RowShape<N>,
  rows: Rows,
  from: number | null,
): Iterator<void> {
  for (const [group, each] of table.tables()) {
    const steps = walkTable(each, shape, rows, group, from)
    while (steps.next().done !== true) yield
  }
}

function* walkTable<V, N>(
  table: KeyTable<V, N>,
  shape: RowShape<N>,
  rows: Rows,
  group: number,
  from: number | null,
): Iterator<void> {
  if (from === null || table.isWholeSince(from)) {
    if (from !== null) rows.dropGroup(group)
    for (const entry of table.frozen()) {
      const steps = entry === null ? null : shape.whole(rows, group, entry[0], entry[1])
      if (steps !== null) while (steps.next().done !== true) yield
      yield
    }
  } else {
    for (const [key, before, now] of table.changes(from)) {
      let steps: Iterator<void> | null = null
      if (now === ABSENT) {
        if (before !== ABSENT) rows.dropKey(group, key)
      } else if (before === ABSENT) steps = shape.whole(rows, group, key, now)
      else steps = shape.change(rows, group, key, before, now, from)
      if (steps !== null) while (steps.next().done !== true) yield
      yield
    }
  }
  table.prune()
}
