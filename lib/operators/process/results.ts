/** Results on their way: of one output, until there is a batch of them and the gate is open. */
import { MillraceError } from '../../base/errors.js'
import { BATCH_RECORDS_MAX, type Batch, batch } from '../signal.js'
import type { CallScope, Undoable } from './call-scope.js'

/** Results of one call to one output: they wait in memory, however long the gate is closed. */
const RESULTS_PER_CALL_MAX = 65_536
const ROOM_MIN = 64
/** What a call with very many results has needed is given back. */
const ROOM_KEPT_MAX = 4 * BATCH_RECORDS_MAX

export class Results implements Undoable {
  readonly #scope: CallScope
  readonly #operator: string
  readonly #output: string
  /** With room for more than there are, since `push` costs as much as a short function of the user. */
  #records: unknown[] = []
  #times = new Float64Array(0)
  #count = 0
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
      this.#begun = this.#count
      this.#scope.changed(this)
    } else if (this.#count - this.#begun >= RESULTS_PER_CALL_MAX) throw this.#tooMany()
    if (this.#count === this.#times.length) this.#makeRoom()
    this.#records[this.#count] = value
    const { timeMs } = this.#scope
    if (Number.isNaN(timeMs)) this.#isUntimed = true
    this.#times[this.#count] = timeMs
    this.#count++
  }

  get size(): number {
    return this.#count - this.#from
  }

  get isFull(): boolean {
    return this.size >= BATCH_RECORDS_MAX
  }

  /** The next batch. Caller must know that there is one; not within a call. */
  take(): Batch {
    const to = Math.min(this.#count, this.#from + BATCH_RECORDS_MAX)
    const isAll = this.#from === 0 && to === this.#count
    if (isAll) this.#records.length = to
    const records = isAll ? this.#records : this.#records.slice(this.#from, to)
    const times = this.#isUntimed ? null : this.#times.slice(this.#from, to)
    this.#from = to
    if (to === this.#count) this.#begin()
    return batch(records, null, null, times)
  }

  #begin(): void {
    // The next batch is mostly as long as this one.
    this.#records = new Array(Math.min(this.#count, BATCH_RECORDS_MAX))
    if (this.#times.length > ROOM_KEPT_MAX) this.#times = new Float64Array(0)
    this.#count = 0
    this.#from = 0
    this.#isUntimed = false
  }

  commit(): void {
    this.#begun = -1
  }

  rollback(): void {
    this.#count = this.#begun
    this.#begun = -1
  }

  #makeRoom(): void {
    const times = new Float64Array(Math.max(ROOM_MIN, 2 * this.#times.length))
    times.set(this.#times)
    this.#times = times
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
