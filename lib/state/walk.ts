/** Walks over what tables were when the epoch began, and gives it as rows. */

import type { Pace } from '../base/pace.js'
import type { Rows, Run } from './frozen.js'
import { frozenAtOnce, frozenEntries } from './frozen-table.js'
import type { GroupedTable } from './grouped-table.js'
import type { KeyTable } from './key-table.js'
import { changesSince, isWholeSince } from './table-changes.js'
import { ABSENT, type Absent } from './table-values.js'

/**
 * A table of more keys is given one by one: to take them all at once takes ms, most where the key of each is an array
 * or an object.
 */
const RUN_KEYS_MAX = 8_192

/** How what a key has becomes rows; null where that is done at once. */
export interface RowShape<N> {
  /** What a table keeps is the record itself. */
  readonly isRecord?: true
  whole(rows: Rows, group: number, key: unknown, now: N, pace: Pace): Generator<void> | null
  /** What makes `now` of `before`, which was there at the beginning of epoch `from`. */
  change(
    rows: Rows,
    group: number,
    key: unknown,
    before: N,
    now: N,
    from: number,
    pace: Pace,
  ): Generator<void> | null
}

export function* walkGroups<V, N>(
  table: GroupedTable<V, N>,
  shape: RowShape<N>,
  rows: Rows,
  from: number | null,
  pace: Pace,
): Generator<void> {
  const run: Run = { keys: [], records: [], size: 0 }
  for (const [group, each] of table.tables()) {
    const steps = walkTable(each, shape, rows, run, group, from, pace)
    yield* steps
    each.walked()
  }
}

function walkTable<V, N>(
  table: KeyTable<V, N>,
  shape: RowShape<N>,
  rows: Rows,
  run: Run,
  group: number,
  from: number | null,
  pace: Pace,
): Generator<void> {
  if (from === null || isWholeSince(table, from)) {
    if (from !== null) rows.dropGroup(group)
    // In a run, what is changed in place before its turn comes would be changed.
    const isRun = shape.isRecord === true && rows.putRun !== undefined && table.world.copy === null
    if (isRun && fillRun(run, table)) {
      table.walked()
      return giveRun(run, rows as Required<Rows>, group, pace)
    }
    return frozenEntries(table, (key, now) => shape.whole(rows, group, key, now, pace), pace)
  }
  const give = (key: unknown, before: N | Absent, now: N | Absent): Generator<void> | null => {
    if (now === ABSENT) {
      if (before !== ABSENT) rows.dropKey(group, key)
      return null
    }
    if (before === ABSENT) return shape.whole(rows, group, key, now, pace)
    return shape.change(rows, group, key, before, now, from, pace)
  }
  return changesSince(table, from, give, pace)
}

/** False where the table has too many keys, or lies in rows. */
function fillRun<V, N>(run: Run, table: KeyTable<V, N>): boolean {
  const { keys, records } = run
  let size = 0
  const take = (key: unknown, record: N): void => {
    keys[size] = key
    records[size++] = record
  }
  const count = frozenAtOnce(table, take, RUN_KEYS_MAX)
  run.size = size
  return count >= 0
}

function* giveRun(run: Run, rows: Required<Rows>, group: number, pace: Pace): Generator<void> {
  for (let at = 0; at < run.size; ) {
    const from = at
    at = rows.putRun(group, run, from, Math.ceil(pace.left))
    pace.left -= at - from
    if (pace.left <= 0) yield
  }
}
