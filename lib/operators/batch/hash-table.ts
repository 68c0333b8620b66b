/** One side of a hash join: records by key, and which keys have found a partner. */
import { keyGroupOf } from '../../base/key.js'
import type { ListState, ValueState } from '../../state/state.js'
import type { HoldLimit } from '../combine/held.js'
import { NO_TIME, Results } from '../combine/results.js'
import type { OperatorContext } from '../operator.js'
import type { Batch } from '../signal.js'
import type { Kept } from './join-kind.js'
import type { Row, RowCursor } from './rows.js'

const NO_PARTNERS: readonly unknown[] = []

export class HashTable {
  readonly #context: OperatorContext
  readonly #kept: Kept
  readonly #limit: HoldLimit
  readonly #records: ListState<unknown>
  readonly #matched: ValueState<true>

  constructor(context: OperatorContext, kept: Kept, limit: HoldLimit) {
    this.#context = context
    this.#kept = kept
    this.#limit = limit
    this.#records = context.state.list('table')
    this.#matched = context.state.value('matched')
    for (const [, records] of this.#records.entries()) limit.found(records.length)
  }

  add(record: unknown, key: unknown, group: number): void {
    this.#limit.claim(key)
    this.#records.append(group, key, record)
  }

  /** The pairs of these rows, at most a batch at a time. Caller must have added the last record. */
  probe(rows: RowCursor): () => Batch | null {
    const results = new Results(true)
    let row: Row | null = null
    let group = 0
    let partners = NO_PARTNERS
    let at = 0

    /** Takes the next row; false where there is none. */
    const take = (): boolean => {
      row = rows.row
      if (row === null) return false
      rows.advance()
      group = this.#groupOf(row.key)
      partners = this.#records.get(group, row.key)
      at = 0
      if (partners.length === 0) {
        if (this.#kept.left) results.push([row.record, undefined], row.key, group, NO_TIME)
      } else if (this.#kept.right) this.#matched.set(group, row.key, true)
      return true
    }

    return () => {
      while (results.room > 0) {
        if (row !== null && at < partners.length) {
          results.push([row.record, partners[at]], row.key, group, NO_TIME)
          at++
        } else if (!take()) break
      }
      return this.#counted(results.take())
    }
  }

  /** The records that no row has found, where the join keeps them. */
  unmatched(): () => Batch | null {
    if (!this.#kept.right) return () => null
    const results = new Results(true)
    const entries = this.#records.entries()
    let records = NO_PARTNERS
    let key: unknown
    let group = 0
    let at = 0
    return () => {
      while (results.room > 0) {
        if (at < records.length) {
          results.push([undefined, records[at]], key, group, NO_TIME)
          at++
          continue
        }
        const entry = entries.next()
        if (entry.done) break
        key = entry.value[0]
        group = this.#groupOf(key)
        records = this.#matched.has(group, key) ? NO_PARTNERS : entry.value[1]
        at = 0
      }
      return this.#counted(results.take())
    }
  }

  #groupOf(key: unknown): number {
    return keyGroupOf(key, this.#context.maxParallelism)
  }

  #counted(pairs: Batch | null): Batch | null {
    if (pairs !== null) this.#context.count(0, pairs.records.length)
    return pairs
  }
}
