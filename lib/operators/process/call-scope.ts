/**
 * One call of a user's function: for which key and time, and what it has done so far.
 *
 * Writes, timers and results of a call are collected by parts (`Undoable`), each of which reports itself
 * at its first change in a call. `commit` makes them count, `rollback` forgets them: so a record that
 * is skipped leaves no trace, and a function that is called again begins from the same state. One
 * scope serves all calls of an operator in turn; nothing is allocated per call.
 */
import { MillraceError } from '../../base/errors.js'

/** A part of what a call does. */
export interface Undoable {
  commit(): void
  rollback(): void
}

export class CallScope {
  readonly #operator: string
  readonly #changed: Undoable[] = []
  #active = false
  key: unknown = undefined
  group = 0
  /** Event time of what is emitted; NaN where there is none. */
  timeMs = Number.NaN

  constructor(operator: string) {
    this.#operator = operator
  }

  /** Begins a call, in place of one that has failed. */
  begin(key: unknown, group: number, timeMs: number): void {
    if (this.#active) this.rollback()
    this.#active = true
    this.key = key
    this.group = group
    this.timeMs = timeMs
  }

  /** To be called by a part at its first change in a call. */
  changed(part: Undoable): void {
    this.#changed.push(part)
  }

  commit(): void {
    this.#active = false
    const changed = this.#changed
    for (let i = 0; i < changed.length; i++) changed[i]!.commit()
    changed.length = 0
  }

  rollback(): void {
    this.#active = false
    for (const part of this.#changed) part.rollback()
    this.#changed.length = 0
  }

  /** To be called before anything that belongs to a call. */
  assertActive(what: string): void {
    if (this.#active) return
    throw new MillraceError(
      'E_OUTSIDE_CALL',
      `operator "${this.#operator}": ${what} was used after the function it was given to had returned: ` +
        'by then it belongs to another record. Do what takes time in mergeMap(async (record) => …) before.',
      { details: { operator: this.#operator } },
    )
  }
}
