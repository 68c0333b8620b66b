/**
 * The state contract: what an operator keeps, by name.
 *
 * ## Where state lives
 * Keyed state lives in key groups (`maxParallelism` of them) so that a job can be restored with
 * another parallelism. One subtask owns a contiguous range of groups; an access outside it is a bug.
 * Keys are compared by their canonical form (`base/key.ts`): `[1, 'a']` equals another `[1, 'a']`.
 * `group` is the key's group, already computed by the caller. What an operator without keys keeps as
 * keyed state lies under the key `undefined` in group 0; it then runs in one subtask. State of the
 * subtask itself (`single`), state that is dealt out anew when the parallelism changes (`operatorList`)
 * and state that is the same in every subtask (`broadcast`) have no key.
 *
 * ## Names
 * A state is declared by its name, at any time: the same name gives the same state. Caller must
 * declare a name as one kind and with one TTL; else E_STATE_NAME.
 *
 * ## What a snapshot relies on
 * - Every change is a method of a state (`set`, `append`, `delete` …): no container is handed out that
 *   could be changed from outside. A method changes one key, element or entry, or clears.
 * - Values are immutable by contract: `set` hands a value over, `get` hands a reference out. With
 *   `mutable: true` an operator may change a value that never escapes it in place: within the turn in
 *   which `get` or `entries` gave it, and followed by `set`; a value of a key also later, and without more
 *   ado, as long as the state's `epoch` is what it was and the key was neither deleted nor set to another.
 *   Until a snapshot under way has read an entry, `get` then gives a copy that takes its place.
 * - What is not in the store is not in the snapshot. An operator is restored by being opened over a
 *   store that has content, so it reads in `open` what it derives from its state.
 * - In development and tests values are frozen deeply when they are handed over, but for `mutable`.
 *
 * ## Time to live
 * Processing time (`Clock.wallTime`, so it outlives a restart), per key; in lists and maps per element
 * and entry. What has expired is never returned. It is removed when it is met, and by a sweep that
 * visits a few entries per access, so the memory of keys that never come again is given back while
 * others come. While no input comes at all, the subtask calls `sweep` now and then.
 */
import type { Timers } from '../time/timers.js'

/** How long entries live. */
export interface Ttl {
  /** Positive number of milliseconds. */
  readonly ms: number
  /** What begins an entry's life anew: writing it, or reading it too. */
  readonly update: 'write' | 'readWrite'
}

export interface StateOptions {
  /** Default: for ever. */
  readonly ttl?: Ttl
  /** True where the operator changes values in place (see the contract above). Default false. */
  readonly mutable?: boolean
  /**
   * With `mutable`: a copy as deep as the operator changes values, for a value that is changed before the
   * snapshot has come to it. Default: `copyPlain`, which copies everything that could be changed.
   */
  readonly copy?: (value: never) => unknown
}

/** One named value per key. */
export interface ValueState<V> {
  get(group: number, key: unknown): V | undefined
  /** Tells a stored `undefined` from no value. */
  has(group: number, key: unknown): boolean
  set(group: number, key: unknown, value: V): void
  delete(group: number, key: unknown): void
  /**
   * With `mutable`: while this is the same, a value that `get` has given, or `set` has taken, may be changed
   * again. NaN, which is never the same: only in the turn in which `get` gave it, followed by `set`.
   */
  readonly epoch: number
  /** All entries, group by group. `set` and `delete` of other keys are allowed meanwhile. */
  entries(): IterableIterator<readonly [key: unknown, value: V]>
  /** Number of keys; with a TTL, some of them may have expired. */
  readonly size: number
  clear(): void
}

/** A list per key. A key whose list is empty is not there. */
export interface ListState<V> {
  append(group: number, key: unknown, value: V): void
  /** The elements, oldest first; valid until the next change of this list. Caller must not change it. */
  get(group: number, key: unknown): readonly V[]
  /** The oldest element, at the cost of one access whatever the length; as `get`, it reads them all. */
  first(group: number, key: unknown): V | undefined
  length(group: number, key: unknown): number
  replace(group: number, key: unknown, values: readonly V[]): void
  /** Removes the `count` oldest elements. */
  dropFirst(group: number, key: unknown, count: number): void
  delete(group: number, key: unknown): void
  /** As `ValueState.entries`. */
  entries(): IterableIterator<readonly [key: unknown, values: readonly V[]]>
  /** Number of keys. */
  readonly size: number
  clear(): void
}

/** A map per key. Its own keys are compared as stream keys are. A key whose map is empty is not there. */
export interface MapState<K, V> {
  get(group: number, key: unknown, mapKey: K): V | undefined
  has(group: number, key: unknown, mapKey: K): boolean
  set(group: number, key: unknown, mapKey: K, value: V): void
  delete(group: number, key: unknown, mapKey: K): void
  /** Removes the key's whole map. */
  deleteAll(group: number, key: unknown): void
  /** Number of entries of the key. */
  count(group: number, key: unknown): number
  /** Entries of one key in order of insertion; its other entries may be set and deleted meanwhile. */
  entries(group: number, key: unknown): IterableIterator<readonly [mapKey: K, value: V]>
  /** Every key that has a map. Maps of other keys may be changed meanwhile. */
  keys(): IterableIterator<unknown>
  /** Number of keys. */
  readonly size: number
  clear(): void
}

/** Values of a key, reduced to one as they come. */
export interface ReducingState<V> {
  add(group: number, key: unknown, value: V): void
  get(group: number, key: unknown): V | undefined
  has(group: number, key: unknown): boolean
  delete(group: number, key: unknown): void
  entries(): IterableIterator<readonly [key: unknown, value: V]>
  readonly size: number
  clear(): void
}

/** How inputs become an accumulator, and an accumulator the result. Pure functions. */
export interface StateAggregation<In, Acc, Out> {
  /** The accumulator of the first input. */
  begin(input: In): Acc
  add(accumulator: Acc, input: In): Acc
  /** For states whose keys can become one (sessions). */
  merge?(left: Acc, right: Acc): Acc
  result(accumulator: Acc): Out
}

/** Inputs of a key, aggregated as they come; the accumulator is what is kept. */
export interface AggregatingState<In, Out> {
  add(group: number, key: unknown, input: In): void
  get(group: number, key: unknown): Out | undefined
  has(group: number, key: unknown): boolean
  delete(group: number, key: unknown): void
  entries(): IterableIterator<readonly [key: unknown, result: Out]>
  readonly size: number
  clear(): void
}

/** A value of the subtask itself, not of a key. Belongs to operators that run in one subtask. */
export interface SingleState<V> {
  get(): V | undefined
  has(): boolean
  set(value: V): void
  clear(): void
}

/** Elements of a subtask that any other could hold as well: restored, they are dealt out evenly. */
export interface OperatorListState<V> {
  append(value: V): void
  /** Valid until the next change. Caller must not change it. */
  get(): readonly V[]
  replace(values: readonly V[]): void
  clear(): void
  readonly length: number
}

/** A map that is the same in every subtask, because each makes the same changes in the same order. */
export interface BroadcastState<K, V> {
  get(mapKey: K): V | undefined
  has(mapKey: K): boolean
  set(mapKey: K, value: V): void
  delete(mapKey: K): void
  /** In order of insertion. Other entries may be changed meanwhile. */
  entries(): IterableIterator<readonly [mapKey: K, value: V]>
  readonly size: number
  clear(): void
}

/** The state of one operator in one subtask. */
export interface StateStore {
  value<V>(name: string, options?: StateOptions): ValueState<V>
  list<V>(name: string, options?: StateOptions): ListState<V>
  map<K, V>(name: string, options?: StateOptions): MapState<K, V>
  reducing<V>(
    name: string,
    add: (reduced: V, value: V) => V,
    options?: StateOptions,
  ): ReducingState<V>
  aggregating<In, Acc, Out>(
    name: string,
    aggregation: StateAggregation<In, Acc, Out>,
    options?: StateOptions,
  ): AggregatingState<In, Out>
  single<V>(name: string): SingleState<V>
  operatorList<V>(name: string): OperatorListState<V>
  broadcast<K, V>(name: string): BroadcastState<K, V>
  /** Event and processing time timers are two names. */
  timers(name: string): Timers
  /**
   * Removes what has expired of the next `entries` entries (default 1,000) of each state with a TTL. For
   * quiet times. True while entries with a TTL remain.
   */
  sweep(entries?: number): boolean
  /**
   * Entries under all names: keys with a value, elements of lists, entries of maps, timers. Goes through
   * the lists and maps, so it is for reports.
   */
  countEntries(): number
}
