/** Value state on the heap: one table per key group; with a TTL, values lie in it with their end. */

import type { Pace } from '../base/pace.js'
import { Expiry, Mortal } from './expiry.js'
import type { Restoring, Rows } from './frozen.js'
import { GroupedTable } from './grouped-table.js'
import type { HeapWorld } from './heap-world.js'
import type { RowsAsked } from './read-ahead.js'
import type { Ttl, ValueState } from './state.js'
import { type RowShape, walkGroups } from './walk.js'

export class HeapValueState<V> implements ValueState<V> {
  readonly #table: GroupedTable<V>
  /** For values that are changed in place; null: they never are. */
  readonly #copy: ((value: V) => V) | null
  readonly #freeze: (value: V) => V

  constructor(world: HeapWorld, freeze: (value: V) => V, copy: ((value: V) => V) | null) {
    this.#table = new GroupedTable(world.maxParallelism, {
      epochs: world.epochs,
      copy,
      note: null,
      compares: false,
      release: null,
      rows:
        world.rows?.world<V>({
          pack: (value) => value,
          unpack: (data) => freeze(data as V),
          isBusy: null,
        }) ?? null,
    })
    this.#freeze = freeze
    this.#copy = copy
  }

  get(group: number, key: unknown): V | undefined {
    return this.#copy === null ? this.#table.get(group, key) : this.#table.own(group, key)
  }

  has(group: number, key: unknown): boolean {
    return this.#table.has(group, key)
  }

  set(group: number, key: unknown, value: V): void {
    this.#table.set(group, key, this.#freeze(value))
  }

  delete(group: number, key: unknown): void {
    this.#table.delete(group, key)
  }

  get epoch(): number {
    return this.#table.ownEpoch
  }

  entries(): IterableIterator<readonly [key: unknown, value: V]> {
    return this.#copy === null ? this.#table.entries() : this.#owned()
  }

  get size(): number {
    return this.#table.size
  }

  clear(): void {
    this.#table.clear()
  }

  ask(group: number, key: unknown, asked: RowsAsked): void {
    this.#table.ask(group, key, asked)
  }

  walk(rows: Rows, from: number | null, pace: Pace): Generator<void> {
    return walkGroups(this.#table, VALUES, rows, from, pace)
  }

  restoring(): Restoring {
    const table = this.#table
    return {
      dropGroup: (group) => table.clearGroup(group),
      dropKey: (group, key) => table.delete(group, key),
      dropPart() {},
      put: (group, key, record) => table.set(group, key, record as V),
      done() {},
    }
  }

  *#owned(): IterableIterator<readonly [key: unknown, value: V]> {
    for (const [group, key] of this.#table.groupedEntries()) {
      yield [key, this.#table.own(group, key) as V]
    }
  }
}

const VALUES: RowShape<unknown> = {
  isRecord: true,
  whole(rows, group, key, now) {
    rows.put(group, key, now, 0)
    return null
  },
  change(rows, group, key, _before, now) {
    rows.put(group, key, now, 0)
    return null
  },
}

export class MortalValueState<V> implements ValueState<V> {
  readonly #table: GroupedTable<Mortal<V>>
  readonly #isMutable: boolean
  readonly #freeze: (value: V) => V
  readonly expiry: Expiry

  constructor(world: HeapWorld, ttl: Ttl, freeze: (value: V) => V, copy: ((value: V) => V) | null) {
    this.#table = new GroupedTable(world.maxParallelism, {
      epochs: world.epochs,
      copy: ({ value, untilMs }) => new Mortal(copy === null ? value : copy(value), untilMs),
      note: null,
      compares: false,
      release: null,
      rows:
        world.rows?.world<Mortal<V>>({
          pack: ({ value, untilMs }) => [value, untilMs],
          unpack(data) {
            const [value, untilMs] = data as [V, number]
            return new Mortal(freeze(value), untilMs)
          },
          isBusy: null,
        }) ?? null,
    })
    this.#isMutable = copy !== null
    this.#freeze = freeze
    this.expiry = new Expiry(ttl, world.wallTime, () => this.#visit())
  }

  get(group: number, key: unknown): V | undefined {
    return this.#living(group, key)?.value
  }

  has(group: number, key: unknown): boolean {
    return this.#living(group, key) !== null
  }

  set(group: number, key: unknown, value: V): void {
    this.expiry.accessed()
    const found = this.#table.own(group, key)
    const frozen = this.#freeze(value)
    if (found === undefined) this.#table.set(group, key, new Mortal(frozen, this.expiry.untilMs))
    else {
      found.value = frozen
      found.untilMs = this.expiry.untilMs
    }
  }

  delete(group: number, key: unknown): void {
    this.#table.delete(group, key)
  }

  /** A value's life begins anew with every `set`. */
  get epoch(): number {
    return Number.NaN
  }

  *entries(): IterableIterator<readonly [key: unknown, value: V]> {
    for (const [group, key, { value, untilMs }] of this.#table.groupedEntries()) {
      if (untilMs <= this.expiry.nowMs) continue
      yield [key, this.#isMutable ? this.#table.own(group, key)!.value : value]
    }
  }

  get size(): number {
    return this.#table.size
  }

  clear(): void {
    this.#table.clear()
  }

  ask(group: number, key: unknown, asked: RowsAsked): void {
    this.#table.ask(group, key, asked)
  }

  walk(rows: Rows, from: number | null, pace: Pace): Generator<void> {
    return walkGroups(this.#table, MORTALS, rows, from, pace)
  }

  restoring(): Restoring {
    const table = this.#table
    return {
      dropGroup: (group) => table.clearGroup(group),
      dropKey: (group, key) => table.delete(group, key),
      dropPart() {},
      put: (group, key, record, timeMs) => table.set(group, key, new Mortal(record as V, timeMs)),
      done() {},
    }
  }

  /** Null where there is none; removes it where it has expired. */
  #living(group: number, key: unknown): Mortal<V> | null {
    this.expiry.accessed()
    const found = this.#table.get(group, key)
    if (found === undefined) return null
    if (found.untilMs <= this.expiry.nowMs) {
      this.#table.delete(group, key)
      return null
    }
    if (!this.expiry.renewsOnRead && !this.#isMutable) return found
    const own = this.#table.own(group, key)!
    if (this.expiry.renewsOnRead) own.untilMs = this.expiry.untilMs
    return own
  }

  *#visit(): Generator<void> {
    const { expiry } = this
    for (const [group, key, { untilMs }] of this.#table.groupedEntries()) {
      if (untilMs <= expiry.nowMs) this.#table.delete(group, key)
      yield
    }
  }
}

const MORTALS: RowShape<Mortal<unknown>> = {
  whole(rows, group, key, { value, untilMs }) {
    rows.put(group, key, value, untilMs)
    return null
  },
  change(rows, group, key, _before, { value, untilMs }) {
    rows.put(group, key, value, untilMs)
    return null
  },
}
