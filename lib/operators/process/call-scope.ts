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

/** Which of the user's functions is called, and what is its business. */
export interface CallKind {
  readonly name: string
  /** False where there are keys, but it is called for none: it has no keyed state and no timers. */
  readonly hasKey: boolean
  /** False where only another function may change broadcast state. */
  readonly broadcasts: boolean
}

/** What has to hold before a state is read or changed. Each throws where it does not. */
export interface Guard {
  read(): void
  write(): void
}

export class CallScope {
  readonly #operator: string
  /** Parts that have changed in this call: the first `#changes` of them; never shortened, which is slow. */
  readonly #changed: Undoable[] = []
  #changes = 0
  /** Null between calls. */
  #kind: CallKind | null = null
  key: unknown = undefined
  group = 0
  /** Event time of what is emitted; NaN where there is none. */
  timeMs = Number.NaN

  constructor(operator: string) {
    this.#operator = operator
  }

  /** Begins a call, in place of one that has failed. */
  begin(kind: CallKind, key: unknown, group: number, timeMs: number): void {
    if (this.#kind !== null) this.rollback()
    this.#kind = kind
    this.key = key
    this.group = group
    this.timeMs = timeMs
  }

  /** To be called by a part at its first change in a call. */
  changed(part: Undoable): void {
    this.#changed[this.#changes++] = part
  }

  commit(): void {
    this.#kind = null
    for (let i = 0; i < this.#changes; i++) this.#changed[i]!.commit()
    this.#changes = 0
  }

  rollback(): void {
    this.#kind = null
    for (let i = 0; i < this.#changes; i++) this.#changed[i]!.rollback()
    this.#changes = 0
  }

  /** To be called before anything that belongs to a call. */
  assertActive(what: string): void {
    if (this.#kind !== null) return
    throw new MillraceError(
      'E_OUTSIDE_CALL',
      `operator "${this.#operator}": ${what} was used after the function it was given to had returned: ` +
        'by then it belongs to another record. Do what takes time in mergeMap(async (record) => …) before.',
      { details: { operator: this.#operator } },
    )
  }

  /** As `assertActive`, for what belongs to a key. */
  assertKeyed(what: string): void {
    this.assertActive(what)
    if (this.#kind!.hasKey) return
    throw new MillraceError(
      'E_NEEDS_KEY',
      `operator "${this.#operator}": ${what} is kept per key, and ${this.#kind!.name} is called for none: ` +
        'keep what concerns all keys in broadcastState, and look at it when a record comes',
      { details: { operator: this.#operator } },
    )
  }

  /** Of states that are kept per key. */
  get keyedGuard(): Guard {
    const check = () => this.assertKeyed('state')
    return { read: check, write: check }
  }

  /** Of states of the subtask. */
  get subtaskGuard(): Guard {
    const check = () => this.assertActive('state')
    return { read: check, write: check }
  }

  /** Of states that are the same in every subtask. */
  get broadcastGuard(): Guard {
    return {
      read: () => this.assertActive('state'),
      write: () => {
        this.assertActive('state')
        if (!this.#kind!.broadcasts) throw this.#diverging()
      },
    }
  }

  #diverging(): MillraceError {
    return new MillraceError(
      'E_BROADCAST_READ_ONLY',
      `operator "${this.#operator}": ${this.#kind!.name} sees a part of the stream, so if it changed broadcast ` +
        'state the subtasks would come to differ: only onBroadcast changes it',
      { details: { operator: this.#operator } },
    )
  }
}
