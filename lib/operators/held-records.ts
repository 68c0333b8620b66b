/**
 * Records that an operator has taken and not finished, as its state while a barrier passes: those in
 * flight, those that it has emitted in part, and those that still wait in its input batch.
 *
 * They are written before the barrier is passed on and taken back behind it, so they are in the snapshot
 * and nowhere else. Restored, the operator calls its function again for each of them, in their order, and
 * drops as many results as were sent. So a function that gives several results for a record must give the
 * same ones again, as long as there are any: what it gives less was given before.
 *
 * Where the parallelism has changed they go to the subtask that has what follows on their way
 * (`lanes.ts`). Those of an operator that owns its keys lie under them; others in a list, each with its split
 * (`state/held-rows.ts`), also behind a key that several subtasks have: a map of one key is restored from one of
 * them. State cost: one entry per record that is held, only in the snapshot.
 */
import { keyGroupOf } from '../base/key.js'
import { HELD, HELD_OF_KEYS, type HeldBy } from '../state/held-rows.js'
import type { MapState, OperatorListState } from '../state/state.js'
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
interface Row extends HeldRecord, HeldBy {
  /** Its place among those of the subtask. */
  readonly place: number
}

export class HeldRecords {
  readonly #context: OperatorContext

  constructor(context: OperatorContext) {
    this.#context = context
  }

  /** What a former life held, in order. It is no state any more. */
  take(): readonly HeldRecord[] {
    // What holds nothing declares nothing: of most operators there is no state at all.
    if (this.#context.state.countEntries() === 0) return []
    const rows = this.#rows()
    this.forget()
    return rows
  }

  /** Until `forget`, these are the operator's state. */
  save(records: readonly HeldRecord[]): void {
    const { ownsKeys, subtask } = this.#context
    for (const [place, held] of records.entries()) {
      const row: Row = { ...held, subtask, place }
      // Where several subtasks come together, each has entries of its own in the map.
      if (ownsKeys) this.#byKey.set(this.#groupOf(held.key), held.key, `${subtask}.${place}`, row)
      else this.#list.append(row)
    }
  }

  forget(): void {
    if (this.#context.keyed) this.#byKey.clear()
    this.#list.clear()
  }

  get #byKey(): MapState<string, Row> {
    return this.#context.state.map<string, Row>(HELD)
  }

  get #list(): OperatorListState<Row> {
    return this.#context.state.operatorList<Row>(this.#context.keyed ? HELD_OF_KEYS : HELD)
  }

  /** A former life may have held by splits what is held by keys now. */
  #rows(): HeldRecord[] {
    const rows = [...this.#list.get()]
    if (this.#context.keyed) rows.push(...this.#keyed())
    // What an earlier release wrote knows of no splits.
    return rows.map(({ record, key, timeMs, sent, split }) => ({
      record,
      key,
      timeMs,
      sent,
      split: split ?? null,
    }))
  }

  #keyed(): Row[] {
    const byKey = this.#byKey
    const rows: Row[] = []
    for (const key of byKey.keys()) {
      for (const [, row] of byKey.entries(this.#groupOf(key), key)) rows.push(row)
    }
    return rows.sort((a, b) => a.place - b.place)
  }

  #groupOf(key: unknown): number {
    return key === undefined ? 0 : keyGroupOf(key, this.#context.maxParallelism)
  }
}
