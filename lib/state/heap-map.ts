/** Map state on the heap: a table per key in a table per key group. */

import type { Pace } from '../base/pace.js'
import { Expiry } from './expiry.js'
import type { Restoring, Rows } from './frozen.js'
import type { HeapWorld } from './heap-world.js'
import { Cell, cellShape, MapCells, MortalCell, mortalCellShape } from './map-cells.js'
import type { MapState, Ttl } from './state.js'

export class HeapMapState<K, V> implements MapState<K, V> {
  readonly #cells: MapCells<Cell<V>>
  readonly #isMutable: boolean
  readonly #freeze: (value: V) => V

  constructor(world: HeapWorld, freeze: (value: V) => V, copy: ((value: V) => V) | null) {
    const copyCell = ({ value, at }: Cell<V>) => new Cell(copy === null ? value : copy(value), at)
    this.#cells = new MapCells(world, copyCell, cellShape(freeze))
    this.#isMutable = copy !== null
    this.#freeze = freeze
  }

  get(group: number, key: unknown, mapKey: K): V | undefined {
    const cells = this.#cells
    return (this.#isMutable ? cells.own(group, key, mapKey) : cells.get(group, key, mapKey))?.value
  }

  has(group: number, key: unknown, mapKey: K): boolean {
    return this.#cells.get(group, key, mapKey) !== undefined
  }

  set(group: number, key: unknown, mapKey: K, value: V): void {
    const cells = this.#cells
    const found = cells.own(group, key, mapKey)
    const frozen = this.#freeze(value)
    if (found === undefined) cells.add(group, key, mapKey, new Cell(frozen, cells.nextPlace))
    else found.value = frozen
  }

  delete(group: number, key: unknown, mapKey: K): void {
    this.#cells.delete(group, key, mapKey)
  }

  deleteAll(group: number, key: unknown): void {
    this.#cells.deleteAll(group, key)
  }

  count(group: number, key: unknown): number {
    return this.#cells.count(group, key)
  }

  *entries(group: number, key: unknown): IterableIterator<readonly [mapKey: K, value: V]> {
    const cells = this.#cells
    for (const [mapKey, { value }] of cells.entries(group, key)) {
      yield [mapKey as K, this.#isMutable ? cells.own(group, key, mapKey)!.value : value]
    }
  }

  *keys(): IterableIterator<unknown> {
    for (const [, key] of this.#cells.groupedKeys()) yield key
  }

  get size(): number {
    return this.#cells.size
  }

  /** Entries of all keys; goes through the keys. */
  get elements(): number {
    return this.#cells.elements
  }

  clear(): void {
    this.#cells.clear()
  }

  walk(rows: Rows, from: number | null, pace: Pace): Generator<void> {
    return this.#cells.walk(rows, from, pace)
  }

  restoring(): Restoring {
    return this.#cells.restoring(({ value, at }) => new Cell(value as V, at))
  }
}

/** With a TTL: a map of values with their ends. */
export class MortalMapState<K, V> implements MapState<K, V> {
  readonly #cells: MapCells<MortalCell<V>>
  readonly #isMutable: boolean
  readonly #freeze: (value: V) => V
  readonly expiry: Expiry

  constructor(world: HeapWorld, ttl: Ttl, freeze: (value: V) => V, copy: ((value: V) => V) | null) {
    const copyCell = ({ value, at, untilMs }: MortalCell<V>) =>
      new MortalCell(copy === null ? value : copy(value), at, untilMs)
    this.#cells = new MapCells(world, copyCell, mortalCellShape(freeze))
    this.#isMutable = copy !== null
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
    const { expiry } = this
    expiry.accessed()
    const cells = this.#cells
    const found = cells.own(group, key, mapKey)
    const frozen = this.#freeze(value)
    if (found === undefined) {
      cells.add(group, key, mapKey, new MortalCell(frozen, cells.nextPlace, expiry.untilMs))
    } else {
      found.value = frozen
      found.untilMs = expiry.untilMs
    }
  }

  delete(group: number, key: unknown, mapKey: K): void {
    this.#cells.delete(group, key, mapKey)
  }

  deleteAll(group: number, key: unknown): void {
    this.#cells.deleteAll(group, key)
  }

  count(group: number, key: unknown): number {
    this.expiry.accessed()
    for (const _ of this.#pruned(group, key));
    return this.#cells.count(group, key)
  }

  *entries(group: number, key: unknown): IterableIterator<readonly [mapKey: K, value: V]> {
    this.expiry.accessed()
    for (const [mapKey, cell] of this.#pruned(group, key)) {
      if (this.expiry.renewsOnRead || this.#isMutable) {
        const own = this.#cells.own(group, key, mapKey)!
        if (this.expiry.renewsOnRead) own.untilMs = this.expiry.untilMs
        yield [mapKey, own.value]
      } else yield [mapKey, cell.value]
    }
  }

  *keys(): IterableIterator<unknown> {
    for (const [group, key] of this.#cells.groupedKeys()) {
      for (const _ of this.#pruned(group, key));
      if (this.#cells.count(group, key) > 0) yield key
    }
  }

  get size(): number {
    return this.#cells.size
  }

  get elements(): number {
    return this.#cells.elements
  }

  clear(): void {
    this.#cells.clear()
  }

  walk(rows: Rows, from: number | null, pace: Pace): Generator<void> {
    return this.#cells.walk(rows, from, pace)
  }

  restoring(): Restoring {
    return this.#cells.restoring(({ value, at }, untilMs) => {
      return new MortalCell(value as V, at, untilMs)
    })
  }

  #living(group: number, key: unknown, mapKey: K): MortalCell<V> | null {
    this.expiry.accessed()
    const found = this.#cells.get(group, key, mapKey)
    if (found === undefined) return null
    if (found.untilMs <= this.expiry.nowMs) {
      this.#cells.delete(group, key, mapKey)
      return null
    }
    if (!this.expiry.renewsOnRead && !this.#isMutable) return found
    const own = this.#cells.own(group, key, mapKey)!
    if (this.expiry.renewsOnRead) own.untilMs = this.expiry.untilMs
    return own
  }

  /** The living entries of one key; removes the others. */
  *#pruned(group: number, key: unknown): IterableIterator<readonly [K, MortalCell<V>]> {
    const { nowMs } = this.expiry
    for (const [mapKey, cell] of this.#cells.entries(group, key)) {
      if (cell.untilMs > nowMs) yield [mapKey as K, cell]
      else this.#cells.delete(group, key, mapKey)
    }
  }

  *#visit(): Generator<void> {
    const { expiry } = this
    for (const [group, key] of this.#cells.groupedKeys()) {
      for (const [mapKey, cell] of this.#cells.entries(group, key)) {
        if (cell.untilMs <= expiry.nowMs) {
          // The map may have been deleted between two visits, and another begun.
          const found = this.#cells.get(group, key, mapKey)
          const isExpired = found !== undefined && found.untilMs <= expiry.nowMs
          if (isExpired) this.#cells.delete(group, key, mapKey)
        }
        yield
      }
    }
  }
}
