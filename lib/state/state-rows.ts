/** The rows of one state: tables that lie in them, and errors that say whose they are. */
import { MillraceError } from '../base/errors.js'
import type { RowCache } from './row-cache.js'
import { RowTable, type RowTableHead, type ValueShape } from './row-table.js'
import type { RowWorld } from './table-world.js'

/** A map of fewer entries lies in the row of its key. */
const NESTED_MAX = 64
/** Of the budget, what notes of changes may take; and what one takes. */
const NOTES_PART = 1 / 4
const NOTE_BYTES = 100
const NOTES_MIN = 256

export interface StateOwner {
  readonly operator: string
  readonly state: string
}

export class StateRows {
  readonly #cache: RowCache
  readonly #owner: StateOwner
  readonly #notesMax: number
  readonly #nestedMax: number

  /** `groups`: key groups of a subtask, about. */
  constructor(cache: RowCache, owner: StateOwner, groups: number, nestedMax = NESTED_MAX) {
    this.#nestedMax = nestedMax
    this.#cache = cache
    this.#owner = owner
    const notes = (cache.budgetBytes * NOTES_PART) / NOTE_BYTES
    this.#notesMax = Math.max(NOTES_MIN, Math.floor(notes / groups))
  }

  /** Tables of which each entry lies in a row. */
  world<V>(shape: ValueShape<V>): RowWorld<V> {
    return { create: () => this.table(shape), growAt: 0, notesMax: this.#notesMax }
  }

  /** Tables that lie in a row themselves, until they are too large for that. */
  nestedWorld<V>(shape: ValueShape<V>): RowWorld<V> {
    return { ...this.world(shape), growAt: this.#nestedMax }
  }

  /** `head`: of one that is there already. */
  table<V>(shape: ValueShape<V>, head: RowTableHead | null = null): RowTable<V> {
    return new RowTable(this.#cache, { ...shape, encode: (row) => this.#encode(row) }, head)
  }

  #encode(row: unknown): string {
    try {
      return this.#cache.codec.encode(row)
    } catch (cause) {
      throw cannotBeStored(this.#owner, cause)
    }
  }
}

function cannotBeStored(owner: StateOwner, cause: unknown): unknown {
  if (!(cause instanceof MillraceError)) return cause
  const { operator, state } = owner
  return new MillraceError(
    'E_STATE_VALUE',
    `operator ${operator} keeps in its state "${state}" what the level backend cannot hold: ` +
      `${cause.message}; keep plain data (numbers, strings, arrays, plain objects, Date, Map, Set, typed ` +
      'arrays), or take the heap backend',
    { cause, details: { ...cause.details, operator, state } },
  )
}
