/** Value state on the heap: one table per key group; with a TTL, values lie in it with their end. */
import { Expiry, Mortal } from './expiry.js'
import type { HeapWorld } from './heap-state.js'
import { GroupedTable } from './key-table.js'
import type { Ttl, ValueState } from './state.js'

export class HeapValueState<V> implements ValueState<V> {
  readonly #table: GroupedTable<V>
  readonly #freeze: (value: V) => V

  constructor(maxParallelism: number, freeze: (value: V) => V) {
    this.#table = new GroupedTable(maxParallelism)
    this.#freeze = freeze
  }

  get(group: number, key: unknown): V | undefined {
    return this.#table.get(group, key)
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

  entries(): IterableIterator<readonly [key: unknown, value: V]> {
    return this.#table.entries()
  }

  get size(): number {
    return this.#table.size
  }

  clear(): void {
    this.#table.clear()
  }
}

export class MortalValueState<V> implements ValueState<V> {
  readonly #table: GroupedTable<Mortal<V>>
  readonly #freeze: (value: V) => V
  readonly expiry: Expiry

  constructor(world: HeapWorld, ttl: Ttl, freeze: (value: V) => V) {
    this.#table = new GroupedTable(world.maxParallelism)
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
    const found = this.#table.get(group, key)
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

  *entries(): IterableIterator<readonly [key: unknown, value: V]> {
    for (const [key, { value, untilMs }] of this.#table.entries()) {
      if (untilMs > this.expiry.nowMs) yield [key, value]
    }
  }

  get size(): number {
    return this.#table.size
  }

  clear(): void {
    this.#table.clear()
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
    if (this.expiry.renewsOnRead) found.untilMs = this.expiry.untilMs
    return found
  }

  *#visit(): Iterator<void> {
    const { expiry } = this
    for (const [group, key, { untilMs }] of this.#table.groupedEntries()) {
      if (untilMs <= expiry.nowMs) this.#table.delete(group, key)
      yield
    }
  }
}
