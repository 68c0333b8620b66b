/**
 * A sink that keeps no rows but a sum of their hashes: two results are equal, in whatever order, if
 * their sums are. Far cheaper than sorting.
 */
import { createHash } from 'node:crypto'
import type { Sink } from 'millrace/connectors'

/** What each subtask publishes at its end. */
export interface RowSum {
  readonly rows: number
  /** Sum of the rows' hashes modulo 2^48. */
  readonly sum: number
}

export const NO_ROWS: RowSum = { rows: 0, sum: 0 }

const MODULUS = 2 ** 48

export const addSums = (a: RowSum, b: RowSum): RowSum => ({
  rows: a.rows + b.rows,
  sum: (a.sum + b.sum) % MODULUS,
})

/** What takes a row out of a sum again. */
export const negated = ({ rows, sum }: RowSum): RowSum => ({ rows: -rows, sum: MODULUS - sum })

/** The sum of one row. */
export const sumOf = (text: string): RowSum => ({
  rows: 1,
  sum: createHash('md5').update(text).digest().readUIntBE(0, 6),
})

export function rowHash<Row>(text: (row: Row) => string): Sink<Row> {
  return {
    kind: 'rowHash',
    label: 'rowHash',
    guarantee: 'idempotent',
    parallelism: null,
    settings: {},
    functions: [text],
    open(context) {
      let total = NO_ROWS
      return {
        write(records) {
          for (const record of records) total = addSums(total, sumOf(text(record)))
          return true
        },
        flush() {},
        async finish() {
          context.publish([total])
        },
        abort() {},
      }
    },
  }
}
