/** List state on the heap: an array per key; with a TTL, the ends of its elements beside it. */
import { Elements } from './elements.js'
import { Expiry } from './expiry.js'
import type { HeapWorld } from './heap-state.js'
import { GroupedTable } from './key-table.js'
import type { ListState, Ttl } from './state.js'

const NONE: readonly never[] = Object.freeze([])

export class HeapListState<V> implements ListState<V> {
  readonly #table: GroupedTable<Elements<V>>
  readonly #freeze: (value: V) => V
  readonly expiry: Expiry | null

  constructor(world: HeapWorld, ttl: Ttl | null, freeze: (value: V) => V) {
    this.#table = new GroupedTable(world.maxParallelism)
    this.#freeze = freeze
    this.expiry = ttl === null ? null : new Expiry(ttl, world.wallTime, () => this.#visit())
  }

  append(group: number, key: unknown, value: V): void {
    this.expiry?.accessed()
    const found = this.#table.get(group, key)
    const frozen = this.#freeze(value)
    if (found === undefined) {
      const untils = this.expiry === null ? null : [this.expiry.untilMs]
      this.#table.set(group, key, new Elements([frozen], untils))
    } else {
      // A wall clock that was set back must not bring an end before that of an older element.
      const { expiry } = this
      found.push(frozen, expiry === null ? 0 : Math.max(found.untils!.at(-1)!, expiry.untilMs))
    }
  }

  get(group: number, key: unknown): readonly V[] {
    const found = this.#living(group, key)
    if (found === undefined) return NONE
    if (this.expiry?.renewsOnRead) found.untils!.fill(this.expiry.untilMs)
    return found.values
  }

  first(group: number, key: unknown): V | undefined {
    const found = this.#living(group, key)
    if (found === undefined) return undefined
    if (this.expiry?.renewsOnRead) found.untils!.fill(this.expiry.untilMs)
    return found.first
  }

  length(group: number, key: unknown): number {
    return this.#living(group, key)?.length ?? 0
  }

  replace(group: number, key: unknown, values: readonly V[]): void {
    this.expiry?.accessed()
    if (values.length === 0) return this.#table.delete(group, key)
    const own = values.map((value) => this.#freeze(value))
    const { expiry } = this
    const untils = expiry === null ? null : new Array<number>(own.length).fill(expiry.untilMs)
    this.#table.set(group, key, new Elements(own, untils))
  }

  dropFirst(group: number, key: unknown, count: number): void {
    const found = this.#living(group, key)
    if (found === undefined) return
    if (count >= found.length) this.#table.delete(group, key)
    else found.drop(count)
  }

  delete(group: number, key: unknown): void {
    this.#table.delete(group, key)
  }

  *entries(): IterableIterator<readonly [key: unknown, values: readonly V[]]> {
    for (const [group, key, elements] of this.#table.groupedEntries()) {
      if (this.#prune(group, key, elements)) yield [key, elements.values]
    }
  }

  get size(): number {
    return this.#table.size
  }

  /** Of all keys; goes through the keys. */
  get elements(): number {
    let elements = 0
    for (const [, , { length }] of this.#table.groupedEntries()) elements += length
    return elements
  }

  clear(): void {
    this.#table.clear()
  }

  #living(group: number, key: unknown): Elements<V> | undefined {
    const found = this.#table.get(group, key)
    if (this.expiry === null || found === undefined) return found
    this.expiry.accessed()
    return this.#prune(group, key, found) ? found : undefined
  }

  /** Removes what has expired; false where nothing is left. */
  #prune(group: number, key: unknown, elements: Elements<V>): boolean {
    const { untils } = elements
    if (untils === null) return true
    const { nowMs } = this.expiry!
    let expired = 0
    while (expired < untils.length && untils[expired]! <= nowMs) expired++
    if (expired === untils.length) {
      this.#table.delete(group, key)
      return false
    }
    if (expired > 0) elements.drop(expired)
    return true
  }

  *#visit(): Iterator<void> {
    for (const [group, key, elements] of this.#table.groupedEntries()) {
      this.#prune(group, key, elements)
      yield
    }
  }
}
