/** What a process function keeps: declarations of its states, which decide the types of their handles. */
import { type Duration, durationMs } from '../../base/duration.js'
import { refuseUnknownOptions } from '../../base/unknown-option.js'
import type { StateAggregation, Ttl } from '../../state/state.js'
import { requireFunction } from '../arguments.js'
import type {
  AggregatingHandle,
  BroadcastHandle,
  ListHandle,
  MapHandle,
  OperatorListHandle,
  ReducingHandle,
  ValueHandle,
} from './state-handles.js'

/** Options of keyed states. */
export interface KeyedStateOptions {
  /** How long a value, list element or map entry lives, in processing time. Default: for ever. */
  readonly ttl?: Duration
  /** What begins its life anew. Default: writing it. */
  readonly update?: 'write' | 'readWrite'
}

declare const handle: unique symbol

/** Declares one state of a process function. `H`: what the function is given to work with. */
export interface StateSpec<out H, out Keyed extends boolean = boolean> {
  readonly kind: StateKind
  readonly keyed: Keyed
  readonly ttl: Ttl | null
  /** What it is told with, where it needs functions. */
  readonly add: ((reduced: never, value: never) => unknown) | null
  readonly aggregation: unknown
  readonly [handle]?: H
}

export type StateKind =
  | 'value'
  | 'list'
  | 'map'
  | 'reducing'
  | 'aggregating'
  | 'operatorList'
  | 'broadcast'

/** States by name. */
export type StateSpecs = Readonly<Record<string, StateSpec<unknown>>>

/** Handles by name. */
export type HandlesOf<S extends StateSpecs> = {
  readonly [Name in keyof S]: S[Name] extends StateSpec<infer H> ? H : never
}

/** True where one of the states is kept per key. */
export type NeedsAKey<S extends StateSpecs> = true extends S[keyof S]['keyed'] ? true : false

/**
 * One value per key.
 *
 *     keyBy((bid: Bid) => bid.auction), process({
 *       state: { seen: valueState<number>() },
 *       onRecord: (bid, { state }) => state.seen.set(bid.price),
 *     })
 */
export function valueState<V>(options: KeyedStateOptions = {}): StateSpec<ValueHandle<V>, true> {
  return keyedSpec('value', options)
}

/**
 * A list per key. A TTL holds for each element.
 *
 *     keyBy((bid: Bid) => bid.auction), process({
 *       state: { last: listState<Bid>({ ttl: '1h' }) },
 *       onRecord: (bid, { state }) => state.last.append(bid),
 *     })
 */
export function listState<V>(options: KeyedStateOptions = {}): StateSpec<ListHandle<V>, true> {
  return keyedSpec('list', options)
}

/**
 * A map per key. A TTL holds for each entry. Its keys are compared as stream keys are: by value.
 *
 *     keyBy((bid: Bid) => bid.auction), process({
 *       state: { best: mapState<string, number>() },
 *       onRecord: (bid, { state }) => state.best.set(bid.channel, bid.price),
 *     })
 */
export function mapState<K, V>(options: KeyedStateOptions = {}): StateSpec<MapHandle<K, V>, true> {
  return keyedSpec('map', options)
}

/**
 * One value per key, to which `add` adds. `add` is pure and returns the new value.
 *
 *     keyBy((bid: Bid) => bid.auction), process({
 *       state: { most: reducingState((a: number, b: number) => Math.max(a, b)) },
 *       onRecord: (bid, { state }) => state.most.add(bid.price),
 *     })
 */
export function reducingState<V>(
  add: (reduced: V, value: V) => V,
  options: KeyedStateOptions = {},
): StateSpec<ReducingHandle<V>, true> {
  requireFunction('reducingState', 'add', add)
  return { ...keyedSpec('reducing', options), add }
}

/**
 * An accumulator per key, and a result of it. The functions are pure and return new values.
 *
 *     keyBy((bid: Bid) => bid.auction), process({
 *       state: {
 *         mean: aggregatingState({
 *           begin: (price: number) => ({ sum: price, n: 1 }),
 *           add: ({ sum, n }, price) => ({ sum: sum + price, n: n + 1 }),
 *           result: ({ sum, n }) => sum / n,
 *         }),
 *       },
 *       onRecord: (bid, { state }) => state.mean.add(bid.price),
 *     })
 */
export function aggregatingState<In, Acc, Out>(
  aggregation: StateAggregation<In, Acc, Out>,
  options: KeyedStateOptions = {},
): StateSpec<AggregatingHandle<In, Out>, true> {
  for (const name of ['begin', 'add', 'result'] as const) {
    requireFunction('aggregatingState', name, aggregation?.[name])
  }
  return { ...keyedSpec('aggregating', options), aggregation }
}

/**
 * A list of the subtask, not of a key. Restored with another parallelism, its elements are dealt out
 * evenly.
 *
 *     process({
 *       state: { held: operatorListState<Bid>() },
 *       onRecord: (bid: Bid, { state }) => state.held.append(bid),
 *     })
 */
export function operatorListState<V>(): StateSpec<OperatorListHandle<V>, false> {
  return { kind: 'operatorList', keyed: false, ttl: null, add: null, aggregation: null }
}

/**
 * A map that is meant to be the same in every subtask: each makes the same changes, told by records that
 * all of them see.
 *
 *     broadcast(), process({
 *       state: { rules: broadcastState<number, Bid>() },
 *       onRecord: (bid: Bid, { state }) => state.rules.set(bid.auction, bid),
 *     })
 */
export function broadcastState<K, V>(): StateSpec<BroadcastHandle<K, V>, false> {
  return { kind: 'broadcast', keyed: false, ttl: null, add: null, aggregation: null }
}

function keyedSpec(kind: StateKind, options: KeyedStateOptions): StateSpec<never, true> {
  const operator = `${kind}State`
  refuseUnknownOptions(operator, options, ['ttl', 'update'])
  const { ttl, update = 'write' } = options
  const ms = ttl === undefined ? null : durationMs(ttl, `${operator}: ttl`)
  return {
    kind,
    keyed: true,
    ttl: ms === null ? null : { ms, update },
    add: null,
    aggregation: null,
  }
}
