/** What map states have in common: cells by entry, by key, by key group, and as rows. */
import type { EntryRecord, Restoring, Rows } from './frozen.js'
import { GroupedTable } from './grouped-table.js'
import type { HeapWorld } from './heap-world.js'
import { ABSENT } from './journal.js'
import { KeyTable, type TableWorld } from './key-table.js'
import { type RowShape, walkGroups } from './walk.js'

/** One entry: its value, and its place in the order of entries. */
export class Cell<V> {
  value: V
  readonly at: number

  constructor(value: V, at: number) {
    this.value = value
    this.at = at
  }
}

/** With a TTL, the end of its life in ms of wall time too. */
export class MortalCell<V> {
  value: V
  readonly at: number
  untilMs: number

  constructor(value: V, at: number, untilMs: number) {
    this.value = value
    this.at = at
    this.untilMs = untilMs
  }
}

interface AnyCell {
  readonly value: unknown
  readonly at: number
  readonly untilMs?: number
}

type MakeCell<C> = (record: EntryRecord, untilMs: number) => C

/** A key whose map is empty is not there. */
export class MapCells<C extends AnyCell> {
  readonly #table: GroupedTable<KeyTable<C>>
  readonly #world: TableWorld<C>
  #places = 0

  constructor({ maxParallelism, epochs }: HeapWorld, copy: (cell: C) => C) {
    this.#table = new GroupedTable(maxParallelism, {
      epochs,
      copy: null,
      note: null,
      compares: true,
      release: (map) => map.prune(),
    })
    this.#world = { epochs, copy, note: null, compares: false, release: null }
  }

  get nextPlace(): number {
    return this.#places++
  }

  get(group: number, key: unknown, mapKey: unknown): C | undefined {
    return this.#table.get(group, key)?.get(mapKey)
  }

  /** A cell that may be changed in place. */
  own(group: number, key: unknown, mapKey: unknown): C | undefined {
    return this.#table.own(group, key)?.own(mapKey)
  }

  add(group: number, key: unknown, mapKey: unknown, cell: C): void {
    let found = this.#table.get(group, key)
    if (found === undefined) {
      found = new KeyTable(this.#world)
      this.#table.set(group, key, found)
    }
    found.set(mapKey, cell)
  }

  delete(group: number, key: unknown, mapKey: unknown): void {
    const found = this.#table.own(group, key)
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

  entries(group: number, key: unknown): IterableIterator<readonly [mapKey: unknown, cell: C]> {
    return this.#table.get(group, key)?.entries() ?? [].values()
  }

  *groupedKeys(): IterableIterator<readonly [group: number, key: unknown]> {
    for (const [group, key] of this.#table.groupedEntries()) yield [group, key]
  }

  get size(): number {
    return this.#table.size
  }

  get elements(): number {
    let elements = 0
    for (const [, { size }] of this.#table.entries()) elements += size
    return elements
  }

  clear(): void {
    this.#table.clear()
  }

  walk(rows: Rows, from: number | null): Iterator<void> {
    return walkGroups(this.#table, MAPS as unknown as RowShape<KeyTable<C>>, rows, from)
  }

  restoring(make: MakeCell<C>): Restoring {
    const table = this.#table
    /** Maps whose entries have come out of their order. */
    const unordered = new Set<KeyTable<C>>()
    return {
      dropGroup: (group) => table.clearGroup(group),
      dropKey: (group, key) => table.delete(group, key),
      dropPart: (group, key, part) => this.delete(group, key, part),
      put: (group, key, record, timeMs) => {
        const cell = make(record as EntryRecord, timeMs)
        this.add(group, key, (record as EntryRecord).key, cell)
        this.#places = Math.max(this.#places, cell.at + 1)
        const map = table.get(group, key)!
        if (map.size > 1) unordered.add(map)
      },
      done() {
        for (const map of unordered) putInOrder(map)
      },
    }
  }
}

/** Entries come in no order from several snapshots. */
export function putInOrder<C extends AnyCell>(map: KeyTable<C>): void {
  const entries = [...map.entries()]
  let last = -1
  const inOrder = entries.every(([, { at }]) => {
    const ascends = at > last
    last = at
    return ascends
  })
  if (inOrder) return
  map.clear()
  entries.sort(([, a], [, b]) => a.at - b.at)
  for (const [mapKey, cell] of entries) map.set(mapKey, cell)
}

/** The entries of one map as rows: all of them, or what has changed. */
export function* putEntries<C extends AnyCell>(
  rows: Rows,
  group: number,
  key: unknown,
  map: KeyTable<C>,
  from: number | null,
): Iterator<void> {
  if (from === null) {
    for (const entry of map.frozen()) {
      if (entry !== null) put(rows, group, key, entry[0], entry[1])
      yield
    }
  } else {
    for (const [mapKey, before, now] of map.changes(from)) {
      if (now !== ABSENT) put(rows, group, key, mapKey, now)
      else if (before !== ABSENT) rows.dropPart(group, key, mapKey)
      yield
    }
  }
  map.prune()
}

function put(rows: Rows, group: number, key: unknown, mapKey: unknown, cell: AnyCell): void {
  const record: EntryRecord = { key: mapKey, at: cell.at, value: cell.value }
  rows.put(group, key, record, cell.untilMs ?? 0)
}

const MAPS: RowShape<KeyTable<AnyCell>> = {
  whole: (rows, group, key, now) => putEntries(rows, group, key, now, null),
  change(rows, group, key, before, now, from) {
    if (before === now && !now.isWholeSince(from)) return putEntries(rows, group, key, now, from)
    rows.dropKey(group, key)
    return putEntries(rows, group, key, now, null)
  },
}
