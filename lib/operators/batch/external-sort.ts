/**
 * External merge sort (Knuth, TAOCP 3, §5.4): rows are sorted in memory in chunks; when the memory is
 * used up, the chunks are merged into a run on disk; when a level has too many runs, they are merged into
 * one of the next level; at the end, all that is left is merged. Stable.
 *
 * What takes long is done in steps: while `busy`, call `step`, and add no more than a batch.
 *
 * ## A worked number
 * 64 MiB of memory, rows of 100 B on disk (about 350 B in memory): a run holds 190,000 rows in 19 MB. 16
 * runs are merged into one of 300 MB, 16 of those into 5 GB; each row is written once per level.
 */
import type { Comparer } from '../../base/sort-order.js'
import type { SpillRun, SpillStore, SpillWriter } from '../../spill/spill.js'
import { mergeRows } from './merge-rows.js'
import { arrayCursor, type Row, type RowBlock, type RowCursor, runCursor } from './rows.js'

/** Rows that are sorted in one go: some ms. */
const CHUNK_ROWS = 16_384
const STEP_ROWS = 4096
const BLOCK_ROWS_MAX = 1024
const BLOCK_BYTES = 65_536
/** One row of so many is measured. */
const MEASURED = 64
/** Objects take more in memory than as bytes: a guess from typical records, and the row itself. */
const HEAP_FACTOR = 2.5
const ROW_BYTES = 100
/** Runs merged at once. Each keeps a block in memory. */
const FAN_IN_MIN = 4
const FAN_IN_MAX = 16

export interface ExternalSortOptions {
  readonly compare: Comparer<unknown>
  readonly spill: SpillStore
  readonly memoryBytesMax: number
  /** False where the records are ordered by themselves. */
  readonly ranked: boolean
  readonly keyed: boolean
}

interface Merge {
  readonly from: RowCursor
  readonly into: SpillWriter
  readonly level: number
}

export class ExternalSort {
  readonly #options: ExternalSortOptions
  readonly #fanIn: number
  #chunk: Row[] = []
  /** Sorted, in order of arrival. */
  #chunks: Row[][] = []
  /** Runs by level, in order of arrival; what lies in a higher level came earlier. */
  readonly #levels: SpillRun[][] = []
  #merge: Merge | null = null
  /** Rows in memory, and rows of all. */
  #held = 0
  #added = 0
  /** Mean bytes of a row on disk. */
  #rowBytes = 0
  /** Bytes written so far. */
  spilledBytes = 0

  constructor(options: ExternalSortOptions) {
    this.#options = options
    const blocks = Math.floor(options.memoryBytesMax / (4 * BLOCK_BYTES * HEAP_FACTOR))
    this.#fanIn = Math.max(FAN_IN_MIN, Math.min(FAN_IN_MAX, blocks))
  }

  add(record: unknown, rank: unknown, key: unknown): void {
    if (this.#added % MEASURED === 0) this.#measure(record, rank, key)
    this.#added++
    this.#held++
    this.#chunk.push({ rank, record, key })
    if (this.#chunk.length >= CHUNK_ROWS) this.#endChunk()
    // While it is busy, what is left of a batch finds room beyond the limit.
    if (this.#merge === null) this.#spillIfFull()
  }

  /** True while there is something to be done before the next row. */
  get busy(): boolean {
    return this.#merge !== null
  }

  /** Goes on with it for some ms. */
  step(): void {
    const merge = this.#merge
    if (merge === null) return
    const blockRows = Math.max(
      1,
      Math.min(BLOCK_ROWS_MAX, Math.floor(BLOCK_BYTES / this.#rowBytes)),
    )
    for (let rows = 0; rows < STEP_ROWS && merge.from.row !== null; rows += blockRows) {
      merge.into.write(this.#block(merge.from, blockRows))
    }
    if (merge.from.row === null) this.#finish(merge)
  }

  /** All rows in order. Caller must have added the last one, and not be busy. */
  sorted(): RowCursor {
    this.#endChunk()
    const runs = this.#levels
      .toReversed()
      .flatMap((level) => level.map((run) => runCursor(run.read())))
    return mergeRows([...runs, ...this.#chunks.map(arrayCursor)], this.#options.compare)
  }

  /** Too many runs to be read at once are merged before: true when there is nothing to be done. */
  settle(): boolean {
    const runs = this.#levels.flat().length
    if (runs > this.#fanIn && this.#merge === null) this.#mergeLevel(this.#lowest())
    return this.#merge === null
  }

  get #heldBytes(): number {
    return this.#held * (this.#rowBytes * HEAP_FACTOR + ROW_BYTES)
  }

  #measure(record: unknown, rank: unknown, key: unknown): void {
    const { spill, ranked, keyed } = this.#options
    const bytes =
      spill.bytesOf(record) + (ranked ? spill.bytesOf(rank) : 0) + (keyed ? spill.bytesOf(key) : 0)
    const measured = Math.floor(this.#added / MEASURED)
    this.#rowBytes += (bytes - this.#rowBytes) / Math.min(measured + 1, 256)
  }

  #endChunk(): void {
    const chunk = this.#chunk
    if (chunk.length === 0) return
    const { compare } = this.#options
    this.#chunks.push(chunk.sort((a, b) => compare(a.rank, b.rank)))
    this.#chunk = []
  }

  #spillIfFull(): void {
    if (this.#heldBytes < this.#options.memoryBytesMax) return
    this.#endChunk()
    const from = mergeRows(this.#chunks.map(arrayCursor), this.#options.compare)
    this.#chunks = []
    this.#held = 0
    this.#merge = { from, into: this.#options.spill.create(), level: 0 }
  }

  #block(from: RowCursor, rows: number): RowBlock {
    const { ranked, keyed } = this.#options
    const records: unknown[] = []
    const ranks: unknown[] | null = ranked ? [] : null
    const keys: unknown[] | null = keyed ? [] : null
    for (let { row } = from; row !== null && records.length < rows; row = from.row) {
      records.push(row.record)
      ranks?.push(row.rank)
      keys?.push(row.key)
      from.advance()
    }
    return [records, ranks, keys]
  }

  #finish({ into, level }: Merge): void {
    const run = into.finish()
    this.spilledBytes += run.bytes
    this.#merge = null
    const runs = this.#levels[level] ?? []
    this.#levels[level] = runs
    runs.push(run)
    if (runs.length >= this.#fanIn) this.#mergeLevel(level)
    else this.#spillIfFull()
  }

  /** All runs of a level become one of the next. */
  #mergeLevel(level: number): void {
    const runs = this.#levels[level]!
    this.#levels[level] = []
    const from = mergeRows(
      runs.map((run) => runCursor(run.read())),
      this.#options.compare,
    )
    this.#merge = { from, into: this.#options.spill.create(), level: level + 1 }
  }

  #lowest(): number {
    return this.#levels.findIndex((level) => level.length > 0)
  }
}
