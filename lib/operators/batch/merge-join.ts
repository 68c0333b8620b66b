/** The merge of a sort-merge join: two sorted sides, walked once, side by side. */
import { MillraceError } from '../../base/errors.js'
import { keyGroupOf } from '../../base/key.js'
import { NO_TIME, Results } from '../combine/results.js'
import type { OperatorContext } from '../operator.js'
import type { Batch } from '../signal.js'
import type { Kept } from './join-kind.js'
import type { Row, RowCursor } from './rows.js'

/** Records of one key on the right that are held at once. */
const KEY_RECORDS_MAX = 1_000_000

/** Gives the pairs, at most a batch at a time. */
export function joinSorted(
  context: OperatorContext,
  left: RowCursor,
  right: RowCursor,
  kept: Kept,
): () => Batch | null {
  const join = new MergeJoin(context, left, right, kept)
  return () => {
    const pairs = join.next()
    context.count(0, pairs === null ? 0 : pairs.records.length)
    return pairs
  }
}

class MergeJoin {
  readonly #context: OperatorContext
  readonly #left: RowCursor
  readonly #right: RowCursor
  readonly #kept: Kept
  readonly #results = new Results(true)
  /** All rows of one key on the right; empty before the first, and behind the last. */
  #group: Row[] = []
  /** Some left row has found the group. */
  #hasPartner = false
  /** The next row of the group to be paired or given alone; null while none is under way. */
  #at: number | null = null

  constructor(context: OperatorContext, left: RowCursor, right: RowCursor, kept: Kept) {
    this.#context = context
    this.#left = left
    this.#right = right
    this.#kept = kept
    this.#takeGroup()
  }

  next(): Batch | null {
    while (this.#results.room > 0 && this.#step()) {}
    return this.#results.take()
  }

  /** At most one result; false when nothing is left. */
  #step(): boolean {
    const { row } = this.#left
    const first = this.#group[0]
    if (row === null && first === undefined) return false
    if (first === undefined) this.#giveLeft(row!)
    else if (row === null || (first.rank as string) < (row.rank as string)) this.#passGroup()
    else if ((row.rank as string) < (first.rank as string)) this.#giveLeft(row)
    else this.#pair(row)
    return true
  }

  #giveLeft(row: Row): void {
    if (this.#kept.left) this.#push(row.record, undefined, row.key)
    this.#left.advance()
  }

  #pair(row: Row): void {
    const at = this.#at ?? 0
    this.#hasPartner = true
    this.#push(row.record, this.#group[at]!.record, row.key)
    this.#at = at + 1
    if (this.#at < this.#group.length) return
    this.#at = null
    this.#left.advance()
  }

  /** No left row comes any more that could go with the group. */
  #passGroup(): void {
    const at = this.#at ?? 0
    if (this.#kept.right && !this.#hasPartner && at < this.#group.length) {
      const { record, key } = this.#group[at]!
      this.#push(undefined, record, key)
      this.#at = at + 1
    } else this.#takeGroup()
  }

  #takeGroup(): void {
    this.#group = []
    this.#at = null
    this.#hasPartner = false
    const first = this.#right.row
    if (first === null) return
    for (
      let row: Row | null = first;
      row !== null && row.rank === first.rank;
      row = this.#right.row
    ) {
      if (this.#group.length === KEY_RECORDS_MAX) throw this.#tooMany(first.key)
      this.#group.push(row)
      this.#right.advance()
    }
  }

  #push(left: unknown, right: unknown, key: unknown): void {
    const group = keyGroupOf(key, this.#context.maxParallelism)
    this.#results.push([left, right], key, group, NO_TIME)
  }

  #tooMany(key: unknown): MillraceError {
    const { operator } = this.#context
    return new MillraceError(
      'E_JOIN_KEY',
      `"${operator}": more than ${KEY_RECORDS_MAX} records of the other stream have the key ${JSON.stringify(key)}, ` +
        'and each would be paired with every record of the stream: aggregate them before, add to the key what ' +
        'tells them apart, or join the other way round.',
      { details: { operator, key: String(key), limit: KEY_RECORDS_MAX } },
    )
  }
}
