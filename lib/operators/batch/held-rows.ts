/** Rows that wait, in order of arrival: some in memory, what is more in a spilled run. */
import type { SpillStore, SpillWriter } from '../../spill/spill.js'
import { arrayCursor, type Row, type RowBlock, type RowCursor, runCursor } from './rows.js'

const HELD_ROWS = 16_384
const BLOCK_ROWS = 1024

export class HeldRows {
  readonly #spill: SpillStore
  readonly #first: Row[] = []
  #last: Row[] = []
  #writer: SpillWriter | null = null

  constructor(spill: SpillStore) {
    this.#spill = spill
  }

  push(record: unknown, key: unknown): void {
    const row = { record, key, rank: null }
    if (this.#first.length < HELD_ROWS) {
      this.#first.push(row)
      return
    }
    this.#last.push(row)
    if (this.#last.length < BLOCK_ROWS) return
    this.#writer ??= this.#spill.create()
    const records = this.#last.map((each) => each.record)
    const keys = this.#last.map((each) => each.key)
    this.#writer.write([records, null, keys] satisfies RowBlock)
    this.#last = []
  }

  /** All of them; nothing may be pushed any more. */
  rows(): RowCursor {
    const parts = [arrayCursor(this.#first)]
    if (this.#writer !== null) parts.push(runCursor(this.#writer.finish().read()))
    parts.push(arrayCursor(this.#last))
    return oneAfterTheOther(parts)
  }
}

function oneAfterTheOther(cursors: readonly RowCursor[]): RowCursor {
  let at = 0
  const skipEmpty = () => {
    while (at < cursors.length && cursors[at]!.row === null) at++
  }
  skipEmpty()
  return {
    get row() {
      return cursors[at]?.row ?? null
    },
    advance() {
      cursors[at]?.advance()
      skipEmpty()
    },
  }
}
