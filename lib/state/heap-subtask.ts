/** State without keys on the heap: of the subtask, dealt out by element, or the same everywhere. */

import type { Pace } from '../base/pace.js'
import type { EntryRecord, Restoring, Rows } from './frozen.js'
import { HeapListState } from './heap-list.js'
import type { HeapWorld } from './heap-world.js'
import { KeyTable } from './key-table.js'
import { Cell, putInOrder, walkEntries } from './map-cells.js'
import type { BroadcastState, OperatorListState, SingleState } from './state.js'
import { isWholeSince } from './table-changes.js'

const NO_STEPS: readonly undefined[] = []

type Freeze<V> = (value: V) => V

export class HeapSingleState<V> implements SingleState<V> {
  readonly #world: HeapWorld
  readonly #freeze: Freeze<V>
  #value: V | undefined = undefined
  #present = false
  /** The epoch of the last change, and what was there when it began. */
  #epoch = 0
  #before: V | undefined = undefined
  #presentBefore = false

  constructor(world: HeapWorld, freeze: Freeze<V>) {
    this.#world = world
    this.#freeze = freeze
  }

  get(): V | undefined {
    return this.#value
  }

  has(): boolean {
    return this.#present
  }

  set(value: V): void {
    if (this.#world.epochs.now !== this.#epoch) this.#touch()
    this.#value = this.#freeze(value)
    this.#present = true
  }

  clear(): void {
    if (this.#world.epochs.now !== this.#epoch) this.#touch()
    this.#value = undefined
    this.#present = false
  }

  walk(rows: Rows, from: number | null): Iterator<void> {
    const { now, reading } = this.#world.epochs
    if (!reading || now !== this.#epoch) this.#touch()
    if (this.#presentBefore) rows.put(0, undefined, this.#before, 0)
    else if (from !== null) rows.dropKey(0, undefined)
    return NO_STEPS.values()
  }

  restoring(): Restoring {
    return {
      dropGroup: () => this.clear(),
      dropKey: () => this.clear(),
      dropPart() {},
      put: (_group, _key, record) => this.set(record as V),
      done() {},
    }
  }

  #touch(): void {
    this.#epoch = this.#world.epochs.now
    this.#before = this.#value
    this.#presentBefore = this.#present
  }
}

/** A list without keys. */
export class HeapOperatorListState<V> implements OperatorListState<V> {
  readonly #list: HeapListState<V>

  constructor(world: HeapWorld, freeze: Freeze<V>) {
    this.#list = new HeapListState({ ...world, maxParallelism: 1, rows: null }, null, freeze)
  }

  append(value: V): void {
    this.#list.append(0, undefined, value)
  }

  get(): readonly V[] {
    return this.#list.get(0, undefined)
  }

  replace(values: readonly V[]): void {
    this.#list.replace(0, undefined, values)
  }

  clear(): void {
    this.#list.delete(0, undefined)
  }

  get length(): number {
    return this.#list.length(0, undefined)
  }

  walk(rows: Rows, from: number | null, pace: Pace): Generator<void> {
    return this.#list.walk(rows, from, pace)
  }

  restoring(): Restoring {
    return this.#list.restoring()
  }
}

export class HeapBroadcastState<K, V> implements BroadcastState<K, V> {
  readonly #freeze: Freeze<V>
  readonly #table: KeyTable<Cell<V>>
  #places = 0

  constructor({ epochs }: HeapWorld, freeze: Freeze<V>) {
    this.#table = new KeyTable({
      epochs,
      copy: ({ value, at }) => new Cell(value, at),
      note: null,
      compares: false,
      release: null,
      rows: null,
    })
    this.#freeze = freeze
  }

  get(mapKey: K): V | undefined {
    return this.#table.get(mapKey)?.value
  }

  has(mapKey: K): boolean {
    return this.#table.has(mapKey)
  }

  set(mapKey: K, value: V): void {
    const found = this.#table.own(mapKey)
    const frozen = this.#freeze(value)
    if (found === undefined) this.#table.set(mapKey, new Cell(frozen, this.#places++))
    else found.value = frozen
  }

  delete(mapKey: K): void {
    this.#table.delete(mapKey)
  }

  *entries(): IterableIterator<readonly [mapKey: K, value: V]> {
    for (const [mapKey, { value }] of this.#table.entries()) yield [mapKey as K, value]
  }

  get size(): number {
    return this.#table.size
  }

  clear(): void {
    this.#table.clear()
  }

  walk(rows: Rows, from: number | null, pace: Pace): Generator<void> {
    if (from === null || !isWholeSince(this.#table, from)) {
      return walkEntries(rows, 0, undefined, this.#table, from, pace)
    }
    rows.dropGroup(0)
    return walkEntries(rows, 0, undefined, this.#table, null, pace)
  }

  restoring(): Restoring {
    const table = this.#table
    return {
      dropGroup: () => table.clear(),
      dropKey: () => table.clear(),
      dropPart: (_group, _key, part) => table.delete(part),
      put: (_group, _key, record) => {
        const { key, at, value } = record as EntryRecord
        table.set(key, new Cell(value as V, at))
        this.#places = Math.max(this.#places, at + 1)
      },
      done: () => putInOrder(table),
    }
  }
}
