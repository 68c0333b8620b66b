/** State without keys on the heap: of the subtask, dealt out by element, or the same everywhere. */
import { KeyTable } from './key-table.js'
import type { BroadcastState, OperatorListState, SingleState } from './state.js'

type Freeze<V> = (value: V) => V

export class HeapSingleState<V> implements SingleState<V> {
  readonly #freeze: Freeze<V>
  #value: V | undefined = undefined
  #present = false

  constructor(freeze: Freeze<V>) {
    this.#freeze = freeze
  }

  get(): V | undefined {
    return this.#value
  }

  has(): boolean {
    return this.#present
  }

  set(value: V): void {
    this.#value = this.#freeze(value)
    this.#present = true
  }

  clear(): void {
    this.#value = undefined
    this.#present = false
  }
}

export class HeapOperatorListState<V> implements OperatorListState<V> {
  readonly #freeze: Freeze<V>
  #values: V[] = []

  constructor(freeze: Freeze<V>) {
    this.#freeze = freeze
  }

  append(value: V): void {
    this.#values.push(this.#freeze(value))
  }

  get(): readonly V[] {
    return this.#values
  }

  replace(values: readonly V[]): void {
    this.#values = values.map((value) => this.#freeze(value))
  }

  clear(): void {
    this.#values = []
  }

  get length(): number {
    return this.#values.length
  }
}

export class HeapBroadcastState<K, V> implements BroadcastState<K, V> {
  readonly #freeze: Freeze<V>
  readonly #table = new KeyTable<V>()

  constructor(freeze: Freeze<V>) {
    this.#freeze = freeze
  }

  get(mapKey: K): V | undefined {
    return this.#table.get(mapKey)
  }

  has(mapKey: K): boolean {
    return this.#table.has(mapKey)
  }

  set(mapKey: K, value: V): void {
    this.#table.set(mapKey, this.#freeze(value))
  }

  delete(mapKey: K): void {
    this.#table.delete(mapKey)
  }

  entries(): IterableIterator<readonly [mapKey: K, value: V]> {
    return this.#table.entries() as IterableIterator<[K, V]>
  }

  get size(): number {
    return this.#table.size
  }

  clear(): void {
    this.#table.clear()
  }
}
