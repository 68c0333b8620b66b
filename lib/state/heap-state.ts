/**
 * State in tables; each kind has its file. The heap backend has all of it as Maps and arrays in this
 * thread's heap. The level backend is the same with keyed values, lists and maps in rows of a database
 * (`level-state.ts`); what has no key, and timers, are in the heap there too.
 */
import { assert, unreachable } from '../base/assert.js'
import { systemClock } from '../base/clock.js'
import { Epochs } from '../base/epochs.js'
import { type Pace, unpaced } from '../base/pace.js'
import { createTimers, type Timers } from '../time/timers.js'
import { copyPlain } from './copy-plain.js'
import type { Expiry } from './expiry.js'
import { FoldingAggregatingState, FoldingReducingState } from './folding-state.js'
import type {
  Restoring,
  Rows,
  SnapshotSource,
  StateKind,
  StoredState,
  UnclaimedState,
} from './frozen.js'
import { groupOrder } from './group-order.js'
import { HeapListState } from './heap-list.js'
import { HeapMapState, MortalMapState } from './heap-map.js'
import { HeapBroadcastState, HeapOperatorListState, HeapSingleState } from './heap-subtask.js'
import { HeapTimerState } from './heap-timers.js'
import { HeapValueState, MortalValueState } from './heap-value.js'
import type { HeapWorld } from './heap-world.js'
import { type ReadAhead, type ReadsAhead, RowsAsked } from './read-ahead.js'
import type { RowCache } from './row-cache.js'
import type {
  AggregatingState,
  BroadcastState,
  ListState,
  MapState,
  OperatorListState,
  ReducingState,
  SingleState,
  StateAggregation,
  StateOptions,
  StateStore,
  Ttl,
  ValueState,
} from './state.js'
import { declaredTwice, restoredOtherwise } from './state-errors.js'
import type { StateRows } from './state-rows.js'

export interface HeapStateOptions {
  /** Ms since 1970, for times to live. Default: the system's. */
  readonly wallTime?: () => number
  /** Freezes what is handed over, in development and tests. Default: leaves it as it is. */
  readonly freeze?: <V>(value: V) => V
}

/** Empty state of one operator in one subtask of a job with `maxParallelism` key groups. */
export function createHeapState(
  maxParallelism: number,
  options: HeapStateOptions = {},
): StateStore {
  return new TableStateStore(maxParallelism, options, null)
}

/** What every kind of state can do for snapshots. */
interface Walkable {
  walk(rows: Rows, from: number | null, pace: Pace): Iterator<void>
  restoring(): Restoring
  /** Present where it can be told which rows are going to be needed. */
  ask?(group: number, key: unknown, asked: RowsAsked): void
}

interface Declared {
  readonly kind: StateKind
  readonly ttl: Ttl | null
  readonly state: Walkable
  /** False while it is restored, and its operator has not declared it yet. */
  readonly isClaimed: boolean
}

interface Mortals {
  readonly expiry: Expiry
  readonly state: { readonly size: number }
}

/** Reading a row takes 10 µs, encoding it 0.5. */
const READ_COST = 16
const DEFAULT_SWEEP = 1_000
const unchanged = <V>(value: V): V => value

/** Gives the rows of a state by its name. */
export type RowsOf = (state: string) => StateRows

/** As `createHeapState`, over rows. */
export function createStateOver(
  rowsOf: RowsOf,
  cache: RowCache,
  maxParallelism: number,
  options: HeapStateOptions = {},
): StateStore & ReadsAhead {
  return new RowStateStore(maxParallelism, options, rowsOf, cache)
}

class TableStateStore implements StateStore, SnapshotSource {
  readonly epochs = new Epochs()
  readonly maxParallelism: number
  readonly rowCost: number
  readonly #world: HeapWorld
  readonly #rowsOf: RowsOf | null
  readonly #freeze: <V>(value: V) => V
  readonly #declared = new Map<string, Declared>()
  /** States with a TTL. */
  readonly #mortal = new Map<string, Mortals>()

  constructor(maxParallelism: number, options: HeapStateOptions, rowsOf: RowsOf | null) {
    const { epochs } = this
    const wallTime = options.wallTime ?? systemClock.wallTime
    this.maxParallelism = maxParallelism
    this.#world = { maxParallelism, epochs, wallTime, rows: null }
    this.#rowsOf = rowsOf
    this.rowCost = rowsOf === null ? 1 : READ_COST
    this.#freeze = options.freeze ?? unchanged
  }

  value<V>(name: string, options?: StateOptions): ValueState<V> {
    return this.#declare(name, 'value', options, () => this.#values<V>(name, options))
  }

  list<V>(name: string, options?: StateOptions): ListState<V> {
    return this.#declare(name, 'list', options, () => {
      const ttl = options?.ttl ?? null
      return new HeapListState<V>(this.#worldOf(name), ttl, this.#freezeOf(options))
    })
  }

  map<K, V>(name: string, options?: StateOptions): MapState<K, V> {
    return this.#declare(name, 'map', options, () => {
      const freeze = this.#freezeOf<V>(options)
      const copy = copyOf<V>(options)
      const world = this.#worldOf(name)
      if (options?.ttl === undefined) return new HeapMapState<K, V>(world, freeze, copy)
      return new MortalMapState<K, V>(world, options.ttl, freeze, copy)
    })
  }

  reducing<V>(
    name: string,
    add: (reduced: V, value: V) => V,
    options?: StateOptions,
  ): ReducingState<V> {
    const values = this.#declare(name, 'reducing', options, () => this.#values<V>(name, options))
    return new FoldingReducingState(values, add)
  }

  aggregating<In, Acc, Out>(
    name: string,
    aggregation: StateAggregation<In, Acc, Out>,
    options?: StateOptions,
  ): AggregatingState<In, Out> {
    const make = () => this.#values<Acc>(name, options)
    return new FoldingAggregatingState(
      this.#declare(name, 'aggregating', options, make),
      aggregation,
    )
  }

  single<V>(name: string): SingleState<V> {
    return this.#declare(
      name,
      'single',
      {},
      () => new HeapSingleState<V>(this.#world, this.#freeze),
    )
  }

  operatorList<V>(name: string): OperatorListState<V> {
    return this.#declare(name, 'operatorList', {}, () => {
      return new HeapOperatorListState<V>(this.#world, this.#freeze)
    })
  }

  broadcast<K, V>(name: string): BroadcastState<K, V> {
    return this.#declare(name, 'broadcast', {}, () => {
      return new HeapBroadcastState<K, V>(this.#world, this.#freeze)
    })
  }

  timers(name: string): Timers {
    return this.#declare(name, 'timers', {}, () => new HeapTimerState(createTimers(this.epochs)))
      .timers
  }

  sweep(entries = DEFAULT_SWEEP): boolean {
    let remain = false
    for (const { expiry, state } of this.#mortal.values()) {
      expiry.sweep(entries)
      remain ||= state.size > 0
    }
    return remain
  }

  countEntries(): number {
    let entries = 0
    for (const { state } of this.#declared.values()) entries += entriesOf(state)
    return entries
  }

  states(): readonly StoredState[] {
    return [...this.#declared].map(([name, { kind, ttl, state }]) => ({
      name,
      kind,
      ttl,
      size: sizeOf(state),
      walk: (rows, from, pace) => state.walk(rows, from, pace),
    }))
  }

  restore(name: string, kind: StateKind, ttl: Ttl | null): Restoring {
    const found = this.#declared.get(name)
    if (found !== undefined) {
      if (found.kind !== kind || !isSameTtl(found.ttl, ttl)) {
        throw declaredTwice(name, kind, ttl, found)
      }
      return found.state.restoring()
    }
    const state = this.#make(name, kind, ttl === null ? {} : { ttl })
    this.#keep(name, { kind, ttl, state, isClaimed: false })
    return state.restoring()
  }

  unclaimed(): readonly UnclaimedState[] {
    return [...this.#declared]
      .filter(([, { isClaimed }]) => !isClaimed)
      .map(([name, { kind, state }]) => ({ name, kind, entries: entriesOf(state) }))
      .filter(({ entries }) => entries > 0)
  }

  dropUnclaimed(): void {
    for (const [name, { isClaimed, state }] of this.#declared) {
      if (isClaimed) continue
      if (this.#rowsOf !== null) leaveNoRows(state)
      this.#declared.delete(name)
      this.#mortal.delete(name)
    }
  }

  /** States that can be told which rows are going to be needed. */
  *asking(): IterableIterator<Required<Pick<Walkable, 'ask'>>> {
    for (const { state } of this.#declared.values()) {
      if (state.ask !== undefined) yield state as Required<Pick<Walkable, 'ask'>>
    }
  }

  #freezeOf<V>(options: StateOptions | undefined): (value: V) => V {
    return options?.mutable === true ? unchanged : this.#freeze
  }

  #values<V>(name: string, options: StateOptions | undefined): ValueState<V> & Walkable {
    const freeze = this.#freezeOf<V>(options)
    const copy = copyOf<V>(options)
    const world = this.#worldOf(name)
    if (options?.ttl === undefined) return new HeapValueState(world, freeze, copy)
    return new MortalValueState(world, options.ttl, freeze, copy)
  }

  /** Of a state with keys. */
  #worldOf(name: string): HeapWorld {
    return this.#rowsOf === null ? this.#world : { ...this.#world, rows: this.#rowsOf(name) }
  }

  /** Of what is restored nobody knows yet how it will be used. */
  #make(name: string, kind: StateKind, options: StateOptions): Walkable {
    const world = this.#worldOf(name)
    switch (kind) {
      case 'value':
      case 'reducing':
      case 'aggregating':
        return this.#values(name, options)
      case 'list':
        return new HeapListState(world, options.ttl ?? null, unchanged)
      case 'map':
        return options.ttl === undefined
          ? new HeapMapState(world, unchanged, null)
          : new MortalMapState(world, options.ttl, unchanged, null)
      case 'single':
        return new HeapSingleState(world, unchanged)
      case 'operatorList':
        return new HeapOperatorListState(world, unchanged)
      case 'broadcast':
        return new HeapBroadcastState(world, unchanged)
      case 'timers':
        return new HeapTimerState(createTimers(this.epochs))
      default:
        return unreachable(kind)
    }
  }

  #keep(name: string, declared: Declared): void {
    this.#declared.set(name, declared)
    const { expiry } = declared.state as { expiry?: Expiry | null }
    if (expiry != null) this.#mortal.set(name, { expiry, state: declared.state as never })
    else this.#mortal.delete(name)
  }

  /** The state of that name; `make` makes it at the first declaration. */
  #declare<S extends Walkable>(
    name: string,
    kind: StateKind,
    options: StateOptions = {},
    make: () => S,
  ): S {
    const ttl = options.ttl ?? null
    const found = this.#declared.get(name)
    if (found?.isClaimed === false) return this.#claim(name, kind, options, found, make)
    if (found !== undefined) {
      if (found.kind !== kind || !isSameTtl(found.ttl, ttl))
        throw declaredTwice(name, kind, ttl, found)
      return found.state as S
    }
    assert(ttl === null || ttl.ms > 0, 'a time to live is positive')
    const state = make()
    this.#keep(name, { kind, ttl, state, isClaimed: true })
    return state
  }

  /** The first declaration of a state that was restored: what it holds goes on as what is declared. */
  #claim<S extends Walkable>(
    name: string,
    kind: StateKind,
    options: StateOptions,
    found: Declared,
    make: () => S,
  ): S {
    const ttl = options.ttl ?? null
    if (found.kind !== kind) throw restoredOtherwise(name, kind, found)
    const fits = isSameTtl(found.ttl, ttl) && options.mutable !== true
    if ((fits && this.#freeze === unchanged) || kind === 'timers') {
      this.#keep(name, { ...found, isClaimed: true })
      return found.state as S
    }
    const state = make()
    const rows = state.restoring()
    const begunMs = found.ttl === null && ttl !== null ? this.#world.wallTime() + ttl.ms : null
    const into: Rows =
      begunMs === null
        ? rows
        : { ...rows, put: (group, key, record) => rows.put(group, key, record, begunMs) }
    const steps = found.state.walk(into, null, unpaced())
    while (steps.next().done !== true);
    rows.done()
    if (this.#rowsOf !== null) leaveNoRows(found.state)
    this.#keep(name, { kind, ttl, state, isClaimed: true })
    return state
  }
}

class RowStateStore extends TableStateStore implements ReadsAhead {
  readonly #cache: RowCache
  readonly #groupsMax: number

  constructor(maxParallelism: number, options: HeapStateOptions, rowsOf: RowsOf, cache: RowCache) {
    super(maxParallelism, options, rowsOf)
    this.#cache = cache
    this.#groupsMax = maxParallelism
  }

  readAhead(groups: Uint16Array, keys: readonly unknown[]): ReadAhead | null {
    const asked = new RowsAsked(this.#cache.aheadBytes, this.#cache.aheadMin)
    // Rows of one group lie side by side: what the database looks through for one, it has at hand for the next.
    const order = groupOrder(groups, this.#groupsMax)
    for (const state of this.asking()) {
      for (const at of order) state.ask(groups[at]!, keys[at], asked)
    }
    return asked.start((rowKeys) => this.#cache.readMany(rowKeys))
  }
}

const copyOf = <V>(options: StateOptions | undefined): ((value: V) => V) | null =>
  options?.mutable === true ? ((options.copy ?? copyPlain) as (value: V) => V) : null

/** Every kind of state has one of these; where there are several, the first counts most. */
type Countable = { readonly elements?: number; readonly size?: number; readonly length?: number }

const entriesOf = (state: unknown): number => (state as Countable).elements ?? sizeOf(state)

/** Without going through lists and maps. */
function sizeOf(state: unknown): number {
  const { size, length } = state as Countable
  return size ?? length ?? Number((state as HeapSingleState<unknown>).has())
}

/** What a state had there is not left in the database. */
const leaveNoRows = (state: Walkable): void => (state as { clear?: () => void }).clear?.()

const isSameTtl = (a: Ttl | null, b: Ttl | null): boolean =>
  a?.ms === b?.ms && a?.update === b?.update
