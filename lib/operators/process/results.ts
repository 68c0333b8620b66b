/** Results on their way: of one output, until there is a batch of them and the gate is open. */
import { MillraceError } from '../../base/errors.js'
import { BATCH_RECORDS_MAX, type Batch, batch } from '../signal.js'
import type { CallScope, Undoable } from './call-scope.js'

/** Results of one call to one output: they wait in memory, however long the gate is closed. */
const RESULTS_PER_CALL_MAX = 65_536

export class Results implements Undoable {
  readonly #scope: CallScope
  readonly #operator: string
  readonly #output: string
  #records: unknown[] = []
  #times: number[] = []
  /** True where a result without event time waits: then the stream has none. */
  #isUntimed = false
  /** Those before it have gone. */
  #from = 0
  /** Where the present call has begun; -1: it has given nothing. */
  #begun = -1

  constructor(scope: CallScope, operator: string, output: string) {
    this.#scope = scope
    this.#operator = operator
    this.#output = output
  }

  add(value: unknown): void {
    this.#scope.assertActive(this.#output)
    if (this.#begun < 0) {
      this.#begun = this.#records.length
      this.#scope.changed(this)
    } else if (this.#records.length - this.#begun >= RESULTS_PER_CALL_MAX) throw this.#tooMany()
    this.#records.push(value)
    const { timeMs } = this.#scope
    if (Number.isNaN(timeMs)) this.#isUntimed = true
    this.#times.push(timeMs)
  }

  get size(): number {
    return this.#records.length - this.#from
  }

  get isFull(): boolean {
    return this.size >= BATCH_RECORDS_MAX
  }

  /** The next batch. Caller must know that there is one; not within a call. */
  take(): Batch {
    const to = Math.min(this.#records.length, this.#from + BATCH_RECORDS_MAX)
    const isAll = this.#from === 0 && to === this.#records.length
    const records = isAll ? this.#records : this.#records.slice(this.#from, to)
    const times = this.#isUntimed ? null : new Float64Array(this.#times.slice(this.#from, to))
    this.#from = to
    if (to === this.#records.length) {
      this.#records = []
      this.#times = []
      this.#from = 0
      this.#isUntimed = false
    }
    return batch(records, null, null, times)
  }

  commit(): void {
    this.#begun = -1
  }

  rollback(): void {
    this.#records.length = this.#begun
    this.#times.length = this.#begun
    this.#begun = -1
  }

  #tooMany(): MillraceError {
    return new MillraceError(
      'E_TOO_MANY_RESULTS',
      `operator "${this.#operator}": one call has given more than ${RESULTS_PER_CALL_MAX} records ` +
        `by ${this.#output}, and all of them wait in memory until it returns; give a list of them as one ` +
        'record, and expand it with mergeMap behind this operator',
      { details: { operator: this.#operator, limit: RESULTS_PER_CALL_MAX } },
    )
  }
}
