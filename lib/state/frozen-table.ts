/**
 * A table as it was when the epoch began, however it changes meanwhile; while none is read: as it is.
 *
 * It is what lies in the table, or lay there until it was cleared; without what has come since; with what the
 * journal has noted of each key laid over it; and with what is not met there any more, because it was deleted.
 * The journal is looked up anew in each step: it may begin, and does get longer, while a walk pauses.
 */
import type { CanonicalKey } from '../base/key.js'
import type { Pace } from '../base/pace.js'
import type { EntryCursor } from './entry-cursor.js'
import type { Journal } from './journal.js'
import type { KeyTable } from './key-table.js'
import { type PairCursor, PairMap } from './pair-map.js'
import { RowTable } from './row-table.js'
import { ABSENT, type Absent, cursorOf, type Values, valueIn } from './table-values.js'
import { noteOf } from './table-world.js'

/** Takes what a key had when the epoch began; null where that is done at once. */
export type Give<N> = (key: unknown, now: N) => Generator<void> | null

type Changed<N> = ReadonlyMap<CanonicalKey, N | Absent>

/** Of a walk: every entry has been given. */
const OVER: unique symbol = Symbol('over')

export class FrozenTable<V, N> {
  readonly #table: KeyTable<V, N>
  readonly #values: Values<V>
  /** Where those begin that have come since; null: they are noted by key. */
  readonly #newcomers: PairCursor<V> | null

  constructor(table: KeyTable<V, N>) {
    this.#table = table
    this.#newcomers = table.markNewcomers()
    this.#values = this.#undo?.cleared?.values ?? table.values
  }

  /** True where keys are better looked up one by one: in rows. */
  get isInRows(): boolean {
    return this.#values instanceof RowTable
  }

  /** Gives all entries; one may come twice. `from`: of a map of pairs, from there on. */
  *all(give: Give<N>, pace: Pace, from: PairCursor<V> | null = null): Generator<void> {
    const entries = cursorOf(this.#values, from, this.#newcomers)
    try {
      for (;;) {
        const steps = this.#giveOn(entries, give, pace)
        if (steps === OVER) break
        if (steps !== null) yield* steps
        if (pace.left <= 0) yield
      }
    } finally {
      entries.end()
    }
    const undo = this.#undo
    for (const form of undo?.removed ?? []) {
      const steps = give(this.#table.keyOf(form), undo!.changed.get(form) as N)
      if (steps !== null) yield* steps
      if (--pace.left <= 0) yield
    }
  }

  /**
   * As `all`, in one go, in a fraction of the time. Returns how many there were; −1 where there are more than `max`,
   * or they lie in rows: none is given.
   */
  allAtOnce(give: (key: unknown, now: N) => void, max: number): number {
    const values = this.#values
    const undo = this.#undo
    const count = values.size + (undo?.removed?.size ?? 0)
    if (values instanceof RowTable || count > max) return -1
    const changed = undo?.changed ?? null
    const take = (value: V, form: CanonicalKey): void => {
      const was = this.#was(changed, form, value)
      if (was !== ABSENT) give(this.#table.keyOf(form), was)
    }
    if (values instanceof PairMap) values.forEach(take, this.#newcomers)
    else values.forEach(take)
    for (const form of undo?.removed ?? []) {
      give(this.#table.keyOf(form), undo!.changed.get(form) as N)
    }
    return count
  }

  /**
   * Fills in what so many keys had. They lie anywhere in memory: while look-ups follow each other, with nothing in
   * between, a processor waits for several at a time.
   */
  lookUp(forms: readonly CanonicalKey[], count: number, was: (N | Absent)[]): void {
    const found = was as (V | Absent)[]
    for (let i = 0; i < count; i++) found[i] = valueIn(this.#values, forms[i]!, this.#newcomers)
    const changed = this.#undo?.changed ?? null
    for (let i = 0; i < count; i++) was[i] = this.#was(changed, forms[i]!, found[i]!)
  }

  /** What has changed since the beginning that is being read; null where nothing has. */
  get #undo(): Journal<V, N> | null {
    const { journal, world } = this.#table
    const { now, reading } = world.epochs
    return reading && journal !== null && journal.epoch === now ? journal : null
  }

  /**
   * Gives entries until the pace is used up, or one of them takes steps of its own, which are returned. Not in
   * the generator itself, where V8 makes an object for each of them.
   */
  #giveOn(
    entries: EntryCursor<V>,
    give: Give<N>,
    pace: Pace,
  ): Generator<void> | null | typeof OVER {
    const changed = this.#undo?.changed ?? null
    while (pace.left > 0) {
      if (!entries.next()) return OVER
      const was = this.#was(changed, entries.form, entries.value)
      pace.left--
      if (was === ABSENT) continue
      const steps = give(entries.key ?? this.#table.keyOf(entries.form), was)
      if (steps !== null) return steps
    }
    return null
  }

  /** What a key had. `value`: what lies there; `changed`: since then. */
  #was(changed: Changed<N> | null, form: CanonicalKey, value: V | Absent): N | Absent {
    if (changed !== null && changed.size > 0) {
      const was = changed.get(form)
      if (was !== undefined || changed.has(form)) return was as N | Absent
    }
    return value === ABSENT ? ABSENT : noteOf(this.#table.world, value)
  }
}
