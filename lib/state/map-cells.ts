/** What map states have in common: cells by entry, by key, by key group, and as rows. */
import type { Epochs } from '../base/epochs.js'
import { type CanonicalKey, canonicalKey } from '../base/key.js'
import type { Pace } from '../base/pace.js'
import type { EntryRecord, Restoring, Rows } from './frozen.js'
import { frozenAtOnce, frozenEntries } from './frozen-table.js'
import { GroupedTable } from './grouped-table.js'
import type { HeapWorld } from './heap-world.js'
import { KeyTable } from './key-table.js'
import { nestedShape } from './nested-table.js'
import type { ValueShape } from './row-table.js'
import { changesSince, isWholeSince } from './table-changes.js'
import { ABSENT, type Absent } from './table-values.js'
import type { TableWorld } from './table-world.js'
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

/** Cells as plain data. */
export function cellShape<V>(freeze: (value: V) => V): ValueShape<Cell<V>> {
  return {
    pack: ({ value, at }) => [at, value],
    unpack(data) {
      const [at, value] = data as [number, V]
      return new Cell(freeze(value), at)
    },
    isBusy: null,
  }
}

export function mortalCellShape<V>(freeze: (value: V) => V): ValueShape<MortalCell<V>> {
  return {
    pack: ({ value, at, untilMs }) => [at, value, untilMs],
    unpack(data) {
      const [at, value, untilMs] = data as [number, V, number]
      return new MortalCell(freeze(value), at, untilMs)
    },
    isBusy: null,
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
  readonly #epochs: Epochs
  /** Deleted while a snapshot still had to read them. */
  #deleted: KeyTable<C>[] = []
  #places = 0

  constructor(
    { maxParallelism, epochs, rows }: HeapWorld,
    copy: (cell: C) => C,
    shape: ValueShape<C>,
  ) {
    const nested = rows?.nestedWorld(shape) ?? null
    this.#world = { epochs, copy, note: null, compares: false, release: null, rows: nested }
    this.#epochs = epochs
    this.#table = new GroupedTable(maxParallelism, {
      epochs,
      copy: null,
      note: null,
      compares: true,
      release: (map) => map.prune(),
      rows: rows?.world(nestedShape(shape, this.#world, (head) => rows.table(shape, head))) ?? null,
    })
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
    let found = this.#table.own(group, key)
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
    if (found.size === 0) this.#remove(group, key, found)
  }

  deleteAll(group: number, key: unknown): void {
    if (this.#world.rows === null) return this.#table.delete(group, key)
    const found = this.#table.get(group, key)
    if (found !== undefined) this.#remove(group, key, found)
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

  walk(rows: Rows, from: number | null, pace: Pace): Generator<void> {
    return walkGroups(this.#table, MAPS as unknown as RowShape<KeyTable<C>>, rows, from, pace)
  }

  restoring(make: MakeCell<C>): Restoring {
    const table = this.#table
    /** Keys of maps whose entries may have come out of their order: by group, by canonical form. */
    const unordered = new Map<number, Map<CanonicalKey, unknown>>()
    const last = { group: -1, key: null as CanonicalKey, at: 0 }
    return {
      dropGroup: (group) => table.clearGroup(group),
      dropKey: (group, key) => this.deleteAll(group, key),
      dropPart: (group, key, part) => this.delete(group, key, part),
      put: (group, key, record, timeMs) => {
        const cell = make(record as EntryRecord, timeMs)
        this.add(group, key, (record as EntryRecord).key, cell)
        this.#places = Math.max(this.#places, cell.at + 1)
        const canonical = canonicalKey(key)
        const follows = last.key === canonical && last.group === group && cell.at > last.at
        if (!follows && this.count(group, key) > 1) {
          const keys = unordered.get(group) ?? new Map<CanonicalKey, unknown>()
          unordered.set(group, keys.set(canonical, key))
        }
        last.group = group
        last.key = canonical
        last.at = cell.at
      },
      done: () => {
        for (const [group, keys] of unordered) {
          for (const key of keys.values()) this.#putInOrder(group, key)
        }
      },
    }
  }

  /**
   * Entry by entry, as anybody adds them: a map that was looked up once may be written, thrown out and
   * replaced in the cache before the last of its entries is there.
   */
  #putInOrder(group: number, key: unknown): void {
    const entries = [...this.entries(group, key)]
    if (areInOrder(entries)) return
    this.deleteAll(group, key)
    for (const [mapKey, cell] of inOrder(entries)) this.add(group, key, mapKey, cell)
  }

  #remove(group: number, key: unknown, found: KeyTable<C>): void {
    this.#table.delete(group, key)
    if (this.#world.rows === null) return
    this.#deleted.push(found)
    if (this.#epochs.reading) return
    for (const map of this.#deleted) map.forget()
    this.#deleted = []
  }
}

type Entries<C> = readonly (readonly [mapKey: unknown, cell: C])[]

const areInOrder = (entries: Entries<AnyCell>): boolean =>
  entries.every(([, { at }], i) => i === 0 || at > entries[i - 1]![1].at)

const inOrder = <C extends AnyCell>(entries: Entries<C>): Entries<C> =>
  entries.toSorted(([, a], [, b]) => a.at - b.at)

/** Entries come in no order from several snapshots. Of a table in memory alone. */
export function putInOrder<C extends AnyCell>(map: KeyTable<C>): void {
  const entries = [...map.entries()]
  if (areInOrder(entries)) return
  map.clear()
  for (const [mapKey, cell] of inOrder(entries)) map.set(mapKey, cell)
}

/** The entries of one map as rows: all of them, or what has changed. Null where they were given at once. */
function putEntries<C extends AnyCell>(
  rows: Rows,
  group: number,
  key: unknown,
  map: KeyTable<C>,
  from: number | null,
  pace: Pace,
): Generator<void> | null {
  if (from !== null) return walkEntries(rows, group, key, map, from, pace)
  const give = (mapKey: unknown, now: C): void => put(rows, group, key, mapKey, now)
  // Most maps are small, and to begin a walk over each takes longer than the walk.
  const given = frozenAtOnce(map, give, pace.left)
  if (given < 0) return walkEntries(rows, group, key, map, from, pace)
  pace.left -= given
  map.prune()
  return null
}

/** The same step by step. */
export function* walkEntries<C extends AnyCell>(
  rows: Rows,
  group: number,
  key: unknown,
  map: KeyTable<C>,
  from: number | null,
  pace: Pace,
): Generator<void> {
  const steps = entriesOf(rows, group, key, map, from, pace)
  yield* steps
  map.prune()
}

function entriesOf<C extends AnyCell>(
  rows: Rows,
  group: number,
  key: unknown,
  map: KeyTable<C>,
  from: number | null,
  pace: Pace,
): Generator<void> {
  const give = (mapKey: unknown, now: C): null => {
    put(rows, group, key, mapKey, now)
    return null
  }
  if (from === null) return frozenEntries(map, give, pace)
  const giveChange = (mapKey: unknown, before: C | Absent, now: C | Absent): null => {
    if (now !== ABSENT) put(rows, group, key, mapKey, now)
    else if (before !== ABSENT) rows.dropPart(group, key, mapKey)
    return null
  }
  return changesSince(map, from, giveChange, pace)
}

function put(rows: Rows, group: number, key: unknown, mapKey: unknown, cell: AnyCell): void {
  const record: EntryRecord = { key: mapKey, at: cell.at, value: cell.value }
  rows.put(group, key, record, cell.untilMs ?? 0)
}

const MAPS: RowShape<KeyTable<AnyCell>> = {
  whole: (rows, group, key, now, pace) => putEntries(rows, group, key, now, null, pace),
  change(rows, group, key, before, now, from, pace) {
    if (before === now && !isWholeSince(now, from)) {
      return putEntries(rows, group, key, now, from, pace)
    }
    rows.dropKey(group, key)
    return putEntries(rows, group, key, now, null, pace)
  },
}
