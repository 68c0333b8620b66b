/** Keyed state: one table per key group, made when the group's first key comes. The group is what moves. */
import { assert } from '../base/assert.js'
import { isPair } from '../base/key.js'
import { KeyTable } from './key-table.js'
import { PairMap } from './pair-map.js'
import type { RowsAsked } from './read-ahead.js'
import { TableKeys } from './table-keys.js'
import type { TableWorld } from './table-world.js'
import { isTextPair, TextPairs } from './text-pairs.js'

export class GroupedTable<V, N = V> {
  readonly #world: TableWorld<V, N>
  readonly #groups: (KeyTable<V, N> | null)[]
  /** Of all groups: each has keys with the same texts. */
  #texts: TextPairs | null = null

  constructor(maxParallelism: number, world: TableWorld<V, N>) {
    this.#world = world
    this.#groups = new Array<null>(maxParallelism).fill(null)
  }

  get(group: number, key: unknown): V | undefined {
    const found = this.#groups[group]
    return found ? found.get(key) : undefined
  }

  has(group: number, key: unknown): boolean {
    const found = this.#groups[group]
    return found ? found.has(key) : false
  }

  set(group: number, key: unknown, value: V): void {
    const found = this.#groups[group] ?? this.#create(group, key)
    found.set(key, value)
  }

  delete(group: number, key: unknown): void {
    this.#groups[group]?.delete(key)
  }

  /** As `KeyTable.own`. */
  own(group: number, key: unknown): V | undefined {
    const found = this.#groups[group]
    return found ? found.own(key) : undefined
  }

  /** As `RowTable.ask`. */
  ask(group: number, key: unknown, asked: RowsAsked): void {
    this.#groups[group]?.ask(key, asked)
  }

  /** While this is the same, what `own` has given belongs to the caller still; NaN: it never does. */
  get ownEpoch(): number {
    // A row may have been written, and dropped from memory, in between.
    return this.#world.rows === null ? this.#world.epochs.now : Number.NaN
  }

  /** Group by group. Entries may be set and deleted meanwhile. */
  *entries(): IterableIterator<readonly [key: unknown, value: V]> {
    for (const group of this.#groups) if (group !== null) yield* group.entries()
  }

  /** As `entries`, with the group first. */
  *groupedEntries(): IterableIterator<readonly [group: number, key: unknown, value: V]> {
    for (let i = 0; i < this.#groups.length; i++) {
      const group = this.#groups[i]
      if (group) for (const [key, value] of group.entries()) yield [i, key, value]
    }
  }

  get size(): number {
    let size = 0
    for (const group of this.#groups) size += group === null ? 0 : group.size
    return size
  }

  clear(): void {
    // In place too: who reads entries meanwhile must not go on in what is gone.
    for (const group of this.#groups) group?.clear()
    // What a snapshot still has to read lies in the tables.
    if (this.#world.epochs.now > 0) return
    this.#groups.fill(null)
    this.#texts = null
  }

  clearGroup(group: number): void {
    this.#groups[group]?.clear()
  }

  /** The tables that there are. */
  *tables(): IterableIterator<readonly [group: number, table: KeyTable<V, N>]> {
    for (let i = 0; i < this.#groups.length; i++) {
      const group = this.#groups[i]
      if (group) yield [i, group]
    }
  }

  #create(group: number, key: unknown): KeyTable<V, N> {
    assert(
      group >= 0 && group < this.#groups.length,
      'a key group is below the maximal parallelism',
    )
    const created = this.#createFor(key)
    this.#groups[group] = created
    return created
  }

  /** As the first key is, so are mostly the others. */
  #createFor(key: unknown): KeyTable<V, N> {
    const world = this.#world
    if (world.rows !== null) return new KeyTable(world)
    if (isPair(key)) return new KeyTable(world, new PairMap())
    // What has no number lies more densely in a Map.
    if (!isTextPair(key) || this.#texts?.isFull === true) return new KeyTable(world)
    this.#texts ??= new TextPairs(world.epochs)
    return new KeyTable(world, new PairMap(), new TableKeys(this.#texts))
  }
}
