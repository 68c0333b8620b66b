/** Map state on the heap: a table per key in a table per key group. */
import { Expiry, Mortal } from './expiry.js'
import type { HeapWorld } from './heap-state.js'
import { GroupedTable, KeyTable } from './key-table.js'
import type { MapState, Ttl } from './state.js'

export class HeapMapState<K, V> implements MapState<K, V> {
  readonly #table: GroupedTable<KeyTable<V>>
  readonly #freeze: (value: V) => V

  constructor(maxParallelism: number, freeze: (value: V) => V) {
    this.#table = new GroupedTable(maxParallelism)
    this.#freeze = freeze
  }

  get(group: number, key: unknown, mapKey: K): V | undefined {
    return this.#table.get(group, key)?.get(mapKey)
  }

  has(group: number, key: unknown, mapKey: K): boolean {
    return this.#table.get(group, key)?.has(mapKey) ?? false
  }

  set(group: number, key: unknown, mapKey: K, value: V): void {
    let found = this.#table.get(group, key)
    if (found === undefined) {
      found = new KeyTable()
      this.#table.set(group, key, found)
    }
    found.set(mapKey, this.#freeze(value))
  }

  delete(group: number, key: unknown, mapKey: K): void {
    const found = this.#table.get(group, key)
    if (found === undefined) return
    found.delete(mapKey)
    if (found.size === 0) this.#table.delete(group, key)
  }

  deleteAll(group: number, key: unknown): void {
    this.#table.delete(group, key)
  }

  count(group: number, key: unknown): number {
    return this.#table.get(group, key)?.size ?? 0
  }

  entries(group: number, key: unknown): IterableIterator<readonly [mapKey: K, value: V]> {
    const found = this.#table.get(group, key)
    return (found?.entries() ?? [].values()) as IterableIterator<readonly [K, V]>
  }

  *keys(): IterableIterator<unknown> {
    for (const [key] of this.#table.entries()) yield key
  }

  *groupedKeys(): IterableIterator<readonly [group: number, key: unknown]> {
    for (const [group, key] of this.#table.groupedEntries()) yield [group, key]
  }

  get size(): number {
    return this.#table.size
  }

  /** Entries of all keys; goes through the keys. */
  get elements(): number {
    let elements = 0
    for (const [, { size }] of this.#table.entries()) elements += size
    return elements
  }

  clear(): void {
    this.#table.clear()
  }
}

/** With a TTL: a map of values with their ends. */
export class MortalMapState<K, V> implements MapState<K, V> {
  readonly #maps: HeapMapState<K, Mortal<V>>
  readonly #freeze: (value: V) => V
  readonly expiry: Expiry

  constructor(world: HeapWorld, ttl: Ttl, freeze: (value: V) => V) {
    this.#maps = new HeapMapState(world.maxParallelism, (value) => value)
    this.#freeze = freeze
    this.expiry = new Expiry(ttl, world.wallTime, () => this.#visit())
  }

  get(group: number, key: unknown, mapKey: K): V | undefined {
    return this.#living(group, key, mapKey)?.value
  }

  has(group: number, key: unknown, mapKey: K): boolean {
    return this.#living(group, key, mapKey) !== null
  }

  set(group: number, key: unknown, mapKey: K, value: V): void {
    this.expiry.accessed()
    const found = this.#maps.get(group, key, mapKey)
    const frozen = this.#freeze(value)
    if (found === undefined) {
      this.#maps.set(group, key, mapKey, new Mortal(frozen, this.expiry.untilMs))
    } else {
      found.value = frozen
      found.untilMs = this.expiry.untilMs
    }
  }

  delete(group: number, key: unknown, mapKey: K): void {
    this.#maps.delete(group, key, mapKey)
  }

  deleteAll(group: number, key: unknown): void {
    this.#maps.deleteAll(group, key)
  }

  count(group: number, key: unknown): number {
    this.expiry.accessed()
    for (const _ of this.#pruned(group, key));
    return this.#maps.count(group, key)
  }

  *entries(group: number, key: unknown): IterableIterator<readonly [mapKey: K, value: V]> {
    this.expiry.accessed()
    for (const [mapKey, mortal] of this.#pruned(group, key)) {
      if (this.expiry.renewsOnRead) mortal.untilMs = this.expiry.untilMs
      yield [mapKey, mortal.value]
    }
  }

  *keys(): IterableIterator<unknown> {
    for (const [group, key] of this.#maps.groupedKeys()) {
      for (const _ of this.#pruned(group, key));
      if (this.#maps.count(group, key) > 0) yield key
    }
  }

  get size(): number {
    return this.#maps.size
  }

  get elements(): number {
    return this.#maps.elements
  }

  clear(): void {
    this.#maps.clear()
  }

  #living(group: number, key: unknown, mapKey: K): Mortal<V> | null {
    this.expiry.accessed()
    const found = this.#maps.get(group, key, mapKey)
    if (found === undefined) return null
    if (found.untilMs <= this.expiry.nowMs) {
      this.#maps.delete(group, key, mapKey)
      return null
    }
    if (this.expiry.renewsOnRead) found.untilMs = this.expiry.untilMs
    return found
  }

  /** The living entries of one key; removes the others. */
  *#pruned(group: number, key: unknown): IterableIterator<readonly [K, Mortal<V>]> {
    const { nowMs } = this.expiry
    for (const entry of this.#maps.entries(group, key)) {
      if (entry[1].untilMs > nowMs) yield entry
      else this.#maps.delete(group, key, entry[0])
    }
  }

  *#visit(): Iterator<void> {
    const { expiry } = this
    for (const [group, key] of this.#maps.groupedKeys()) {
      for (const [mapKey, mortal] of this.#maps.entries(group, key)) {
        // The map may have been deleted between two visits, and another begun.
        const isExpired = mortal.untilMs <= expiry.nowMs
        if (isExpired && this.#maps.get(group, key, mapKey) === mortal) {
          this.#maps.delete(group, key, mapKey)
        }
        yield
      }
    }
  }
}
