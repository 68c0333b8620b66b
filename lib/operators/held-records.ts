/**
 * Records that an operator has taken and not finished, as its state while a barrier passes: those in
 * flight, those that it has emitted in part, and those that still wait in its input batch.
 *
 * They are written before the barrier is passed on and taken back behind it, so they are in the snapshot
 * and nowhere else. Restored, the operator calls its function again for each of them, in their order, and
 * drops as many results as were sent. So a function that gives several results for a record must give the
 * same ones again, as long as there are any: what it gives less was given before.
 *
 * They lie in one list, each with its split and its key, so that at another parallelism, or where keys are brought
 * together and were not, they go to the subtask that has what follows on their way (`lanes.ts`,
 * `state/held-rows.ts`). State cost: one entry per record that
 * is held, only in the snapshot.
 */
import { MillraceError } from '../base/errors.js'
import { HELD, type HeldBy } from '../state/held-rows.js'
import type { OperatorListState } from '../state/state.js'
import type { OperatorContext } from './operator.js'

/** A record that is held, with what is to be known in order to go on with it. */
export interface HeldRecord {
  readonly record: unknown
  /** Undefined where it has none. */
  readonly key: unknown
  /** In ms since 1970; null on a stream without event time. */
  readonly timeMs: number | null
  /** Of its results, those that were emitted before the barrier. */
  readonly sent: number
  /** Id of the split by which it came; null: of none that is still read. */
  readonly split: string | null
}

/** As it is stored. */
type Row = HeldRecord & HeldBy

export class HeldRecords {
  readonly #context: OperatorContext

  constructor(context: OperatorContext) {
    this.#context = context
  }

  /**
   * What a former life held, in order. It is no state any more. Throws where the pipeline has changed so that
   * it cannot be gone on with: E_STATE_NAME, E_HELD_KEYS.
   */
  take(): readonly HeldRecord[] {
    // What holds nothing declares nothing: of most operators there is no state at all.
    if (this.#context.state.countEntries() === 0) return []
    const rows = [...this.#list.get()]
    this.forget()
    this.#check(rows)
    return rows
  }

  /** Until `forget`, these are the operator's state. */
  save(records: readonly HeldRecord[]): void {
    const { keyed, subtask } = this.#context
    const list = this.#list
    for (const held of records) list.append({ ...held, keyed, subtask })
  }

  forget(): void {
    this.#list.clear()
  }

  get #list(): OperatorListState<Row> {
    return this.#context.state.operatorList<Row>(HELD)
  }

  #check(rows: readonly Row[]): void {
    const { operator, state, keyed } = this.#context
    if (state.countEntries() > 0) {
      throw refused(
        'E_STATE_NAME',
        operator,
        'state of another kind, which it cannot read: give the operator another name, and allow the loss (--allow-dropped-state)',
      )
    }
    if (keyed && rows.some((row) => !row.keyed)) {
      throw refused(
        'E_HELD_KEYS',
        operator,
        'records in flight that have no key, and it stands behind keyBy now: let the former pipeline finish with them (drain it), or keep keyBy behind it',
      )
    }
  }
}

const refused = (code: string, operator: string, why: string): MillraceError =>
  new MillraceError(code, `the snapshot has of operator ${operator} ${why}`, {
    details: { operator },
  })
