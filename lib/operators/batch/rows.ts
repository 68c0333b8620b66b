/** What is sorted: records with their rank and, behind `keyBy`, their key; and sorted rows one by one. */
import type { SpillReader } from '../../spill/spill.js'

/** `rank` is what it is ordered by. */
export interface Row {
  readonly rank: unknown
  readonly record: unknown
  readonly key: unknown
}

/** Sorted rows, from the first to the last. */
export interface RowCursor {
  /** Null behind the last one. */
  readonly row: Row | null
  advance(): void
}

/** As rows are spilled, column by column. `ranks` null: the records themselves; `keys` null: none. */
export type RowBlock = readonly [
  records: readonly unknown[],
  ranks: readonly unknown[] | null,
  keys: readonly unknown[] | null,
]

export function arrayCursor(rows: readonly Row[]): RowCursor {
  let at = 0
  return {
    get row() {
      return rows[at] ?? null
    },
    advance: () => {
      at++
    },
  }
}

/** Reads block by block. */
export function runCursor(reader: SpillReader): RowCursor {
  let block = reader.next() as RowBlock | null
  let at = 0
  const rowAt = (): Row | null => {
    if (block === null) return null
    const [records, ranks, keys] = block
    const record = records[at]
    return { record, rank: ranks === null ? record : ranks[at], key: keys?.[at] }
  }
  let row = rowAt()
  return {
    get row() {
      return row
    },
    advance() {
      if (block === null) return
      at++
      if (at === block[0].length) {
        block = reader.next() as RowBlock | null
        at = 0
      }
      row = rowAt()
    },
  }
}
