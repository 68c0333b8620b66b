/** List state on the heap: an array per key; with a TTL, the ends of its elements beside it. */

import type { Pace } from '../base/pace.js'
import { Elements, type ListView, type PackedElements } from './elements.js'
import { Expiry } from './expiry.js'
import type { ElementRecord, Restoring, Rows } from './frozen.js'
import { GroupedTable } from './grouped-table.js'
import type { HeapWorld } from './heap-world.js'
import type { ListState, Ttl } from './state.js'
import { type RowShape, walkGroups } from './walk.js'

const NONE: readonly never[] = Object.freeze([])

export class HeapListState<V> implements ListState<V> {
  readonly #table: GroupedTable<Elements<V>, ListView<V>>
  freeze: (value: V) => V
  readonly expiry: Expiry | null

  constructor(world: HeapWorld, ttl: Ttl | null, freeze: (value: V) => V) {
    this.#table = new GroupedTable(world.maxParallelism, {
      epochs: world.epochs,
      copy: null,
      note: (elements) => elements.view(),
      compares: true,
      release: null,
      rows:
        world.rows?.world<Elements<V>>({
          pack: (elements) => elements.pack(),
          unpack: (data) => Elements.unpack(data as PackedElements<V>, this.freeze),
          isBusy: null,
        }) ?? null,
    })
    this.freeze = freeze
    this.expiry = ttl === null ? null : new Expiry(ttl, world.wallTime, () => this.#visit())
  }

  append(group: number, key: unknown, value: V): void {
    this.expiry?.accessed()
    const found = this.#table.own(group, key)
    const frozen = this.freeze(value)
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
    this.#read(group, key, found)
    return found.values
  }

  first(group: number, key: unknown): V | undefined {
    const found = this.#living(group, key)
    if (found === undefined) return undefined
    this.#read(group, key, found)
    return found.first
  }

  length(group: number, key: unknown): number {
    return this.#living(group, key)?.length ?? 0
  }

  replace(group: number, key: unknown, values: readonly V[]): void {
    this.expiry?.accessed()
    if (values.length === 0) return this.#table.delete(group, key)
    const own = values.map((value) => this.freeze(value))
    const { expiry } = this
    const untils = expiry === null ? null : new Array<number>(own.length).fill(expiry.untilMs)
    this.#table.set(group, key, new Elements(own, untils))
  }

  dropFirst(group: number, key: unknown, count: number): void {
    const found = this.#living(group, key)
    if (found === undefined) return
    if (count >= found.length) this.#table.delete(group, key)
    else this.#table.own(group, key)!.drop(count)
  }

  delete(group: number, key: unknown): void {
    this.#table.delete(group, key)
  }

  *entries(): IterableIterator<readonly [key: unknown, values: readonly V[]]> {
    for (const [group, key, elements] of this.#table.groupedEntries()) {
      const left = this.#prune(group, key, elements)
      if (left !== undefined) yield [key, left.values]
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

  walk(rows: Rows, from: number | null, pace: Pace): Generator<void> {
    return walkGroups(this.#table, LISTS, rows, from, pace)
  }

  restoring(): Restoring {
    const table = this.#table
    const { expiry } = this
    return {
      dropGroup: (group) => table.clearGroup(group),
      dropKey: (group, key) => table.delete(group, key),
      dropPart(group, key, part) {
        const found = table.get(group, key)?.view()
        const count = found === undefined ? 0 : (part as number) - found.first
        if (found === undefined || count <= 0) return
        if (count >= found.length) table.delete(group, key)
        else table.own(group, key)!.drop(count)
      },
      put(group, key, record, timeMs) {
        const { at, value } = record as ElementRecord
        const found = table.own(group, key)
        if (found === undefined) {
          table.set(group, key, new Elements([value as V], expiry === null ? null : [timeMs], at))
        } else if (at === found.end) found.push(value as V, timeMs)
      },
      done() {},
    }
  }

  #read(group: number, key: unknown, found: Elements<V>): void {
    if (this.expiry === null || !this.expiry.renewsOnRead) return
    this.#table.own(group, key)
    found.renew(this.expiry.untilMs)
  }

  #living(group: number, key: unknown): Elements<V> | undefined {
    const found = this.#table.get(group, key)
    if (this.expiry === null || found === undefined) return found
    this.expiry.accessed()
    return this.#prune(group, key, found)
  }

  /** Removes what has expired; undefined where nothing is left. */
  #prune(group: number, key: unknown, elements: Elements<V>): Elements<V> | undefined {
    const { untils } = elements
    if (untils === null) return elements
    const { nowMs } = this.expiry!
    let expired = 0
    while (expired < untils.length && untils[expired]! <= nowMs) expired++
    if (expired === untils.length) {
      this.#table.delete(group, key)
      return undefined
    }
    if (expired === 0) return elements
    // What a walk has met may be a copy that nobody keeps.
    const own = this.#table.own(group, key)!
    own.drop(expired)
    return own
  }

  *#visit(): Generator<void> {
    for (const [group, key, elements] of this.#table.groupedEntries()) {
      this.#prune(group, key, elements)
      yield
    }
  }
}

/** A list as rows: its elements, or those that are new. */
const LISTS: RowShape<ListView<unknown>> = {
  whole: (rows, group, key, now, pace) => putElements(rows, group, key, now, now.first, pace),
  change(rows, group, key, before, now, _from, pace) {
    if (before.of !== now.of || before.renewals !== now.renewals) {
      rows.dropKey(group, key)
      return putElements(rows, group, key, now, now.first, pace)
    }
    if (now.first > before.first) rows.dropPart(group, key, now.first)
    const from = Math.max(now.first, before.first + before.length)
    return putElements(rows, group, key, now, from, pace)
  },
}

/** A short list goes at once. */
function putElements(
  rows: Rows,
  group: number,
  key: unknown,
  view: ListView<unknown>,
  from: number,
  pace: Pace,
): Generator<void> | null {
  const end = view.first + view.length
  if (end - from > pace.left) return putPaced(rows, group, key, view, from, pace)
  for (let at = from; at < end; at++) putElement(rows, group, key, view, at)
  pace.left -= end - from
  return null
}

function* putPaced(
  rows: Rows,
  group: number,
  key: unknown,
  view: ListView<unknown>,
  from: number,
  pace: Pace,
): Generator<void> {
  for (let at = from; at < view.first + view.length; at++) {
    putElement(rows, group, key, view, at)
    if (--pace.left <= 0) yield
  }
}

function putElement(
  rows: Rows,
  group: number,
  key: unknown,
  { values, untils, offset, first }: ListView<unknown>,
  at: number,
): void {
  const index = offset + at - first
  const record: ElementRecord = { at, value: values[index] }
  rows.put(group, key, record, untils === null ? 0 : untils[index]!)
}
