/** The heap backend: state as Maps and arrays in this thread's heap; each kind has its file. */
import { assert } from '../base/assert.js'
import { systemClock } from '../base/clock.js'
import { MillraceError } from '../base/errors.js'
import { createTimers, type Timers } from '../time/timers.js'
import type { Expiry } from './expiry.js'
import { FoldingAggregatingState, FoldingReducingState } from './folding-state.js'
import { HeapListState } from './heap-list.js'
import { HeapMapState, MortalMapState } from './heap-map.js'
import { HeapBroadcastState, HeapOperatorListState, HeapSingleState } from './heap-subtask.js'
import { HeapValueState, MortalValueState } from './heap-value.js'
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

export interface HeapStateOptions {
  /** Ms since 1970, for times to live. Default: the system's. */
  readonly wallTime?: () => number
  /** Freezes what is handed over, in development and tests. Default: leaves it as it is. */
  readonly freeze?: <V>(value: V) => V
}

/** What all states of a store share. */
export interface HeapWorld {
  readonly maxParallelism: number
  readonly wallTime: () => number
}

/** Empty state of one operator in one subtask of a job with `maxParallelism` key groups. */
export function createHeapState(
  maxParallelism: number,
  options: HeapStateOptions = {},
): StateStore {
  return new HeapStateStore(maxParallelism, options)
}

type Kind =
  | 'value'
  | 'list'
  | 'map'
  | 'reducing'
  | 'aggregating'
  | 'single'
  | 'operatorList'
  | 'broadcast'
  | 'timers'

interface Declared {
  readonly kind: Kind
  readonly ttl: Ttl | null
  readonly state: unknown
}

interface Mortals {
  readonly expiry: Expiry
  readonly state: { readonly size: number }
}

const DEFAULT_SWEEP = 1_000
const unchanged = <V>(value: V): V => value

class HeapStateStore implements StateStore {
  readonly #world: HeapWorld
  readonly #freeze: <V>(value: V) => V
  readonly #declared = new Map<string, Declared>()
  /** States with a TTL. */
  readonly #mortal: Mortals[] = []

  constructor(maxParallelism: number, options: HeapStateOptions) {
    this.#world = { maxParallelism, wallTime: options.wallTime ?? systemClock.wallTime }
    this.#freeze = options.freeze ?? unchanged
  }

  value<V>(name: string, options?: StateOptions): ValueState<V> {
    return this.#declare(name, 'value', options, () => this.#values<V>(options))
  }

  list<V>(name: string, options?: StateOptions): ListState<V> {
    return this.#declare(name, 'list', options, () => {
      const state = new HeapListState<V>(this.#world, options?.ttl ?? null, this.#freezeOf(options))
      if (state.expiry !== null) this.#mortal.push({ expiry: state.expiry, state })
      return state
    })
  }

  map<K, V>(name: string, options?: StateOptions): MapState<K, V> {
    return this.#declare(name, 'map', options, () => {
      const freeze = this.#freezeOf<V>(options)
      if (options?.ttl === undefined) return new HeapMapState<K, V>(this.#groups, freeze)
      const state = new MortalMapState<K, V>(this.#world, options.ttl, freeze)
      this.#mortal.push({ expiry: state.expiry, state })
      return state
    })
  }

  reducing<V>(
    name: string,
    add: (reduced: V, value: V) => V,
    options?: StateOptions,
  ): ReducingState<V> {
    const values = this.#declare(name, 'reducing', options, () => this.#values<V>(options))
    return new FoldingReducingState(values, add)
  }

  aggregating<In, Acc, Out>(
    name: string,
    aggregation: StateAggregation<In, Acc, Out>,
    options?: StateOptions,
  ): AggregatingState<In, Out> {
    const make = () => this.#values<Acc>(options)
    return new FoldingAggregatingState(
      this.#declare(name, 'aggregating', options, make),
      aggregation,
    )
  }

  single<V>(name: string): SingleState<V> {
    return this.#declare(name, 'single', {}, () => new HeapSingleState<V>(this.#freeze))
  }

  operatorList<V>(name: string): OperatorListState<V> {
    return this.#declare(name, 'operatorList', {}, () => new HeapOperatorListState<V>(this.#freeze))
  }

  broadcast<K, V>(name: string): BroadcastState<K, V> {
    return this.#declare(name, 'broadcast', {}, () => new HeapBroadcastState<K, V>(this.#freeze))
  }

  timers(name: string): Timers {
    return this.#declare(name, 'timers', {}, createTimers)
  }

  sweep(entries = DEFAULT_SWEEP): boolean {
    let remain = false
    for (const { expiry, state } of this.#mortal) {
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

  get #groups(): number {
    return this.#world.maxParallelism
  }

  #freezeOf<V>(options: StateOptions | undefined): (value: V) => V {
    return options?.mutable === true ? unchanged : this.#freeze
  }

  #values<V>(options: StateOptions | undefined): ValueState<V> {
    const freeze = this.#freezeOf<V>(options)
    if (options?.ttl === undefined) return new HeapValueState(this.#groups, freeze)
    const state = new MortalValueState(this.#world, options.ttl, freeze)
    this.#mortal.push({ expiry: state.expiry, state })
    return state
  }

  /** The state of that name; `make` makes it at the first declaration. */
  #declare<S>(name: string, kind: Kind, options: StateOptions = {}, make: () => S): S {
    const ttl = options.ttl ?? null
    const found = this.#declared.get(name)
    if (found !== undefined) {
      if (found.kind !== kind || !isSameTtl(found.ttl, ttl))
        throw declaredTwice(name, kind, ttl, found)
      return found.state as S
    }
    assert(ttl === null || ttl.ms > 0, 'a time to live is positive')
    const state = make()
    this.#declared.set(name, { kind, ttl, state })
    return state
  }
}

/** Every kind of state has one of these; where there are several, the first counts most. */
type Countable = { readonly elements?: number; readonly size?: number; readonly length?: number }

function entriesOf(state: unknown): number {
  const { elements, size, length } = state as Countable
  return elements ?? size ?? length ?? Number((state as HeapSingleState<unknown>).has())
}

const isSameTtl = (a: Ttl | null, b: Ttl | null): boolean =>
  a?.ms === b?.ms && a?.update === b?.update

function declaredTwice(name: string, kind: Kind, ttl: Ttl | null, found: Declared): MillraceError {
  return new MillraceError(
    'E_STATE_NAME',
    `state "${name}" is declared as ${describe(kind, ttl)}, but the same operator has it as ` +
      `${describe(found.kind, found.ttl)} already: give one of them another name`,
    { details: { state: name } },
  )
}

const describe = (kind: Kind, ttl: Ttl | null): string =>
  ttl === null ? kind : `${kind} with a TTL of ${ttl.ms} ms (${ttl.update})`
