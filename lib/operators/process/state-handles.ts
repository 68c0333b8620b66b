/** What a process function works with: its states, as those of the key of the present record or timer. */

/** The key's value. */
export interface ValueHandle<V> {
  get(): V | undefined
  /** Tells a stored `undefined` from no value. */
  has(): boolean
  set(value: V): void
  clear(): void
}

/** The key's list. */
export interface ListHandle<V> {
  append(value: V): void
  /** A copy, oldest first. */
  get(): V[]
  readonly length: number
  replace(values: readonly V[]): void
  clear(): void
}

/** The key's map. */
export interface MapHandle<K, V> {
  get(mapKey: K): V | undefined
  has(mapKey: K): boolean
  set(mapKey: K, value: V): void
  delete(mapKey: K): void
  /** In order of insertion. Other entries may be set and deleted meanwhile. */
  entries(): IterableIterator<readonly [mapKey: K, value: V]>
  readonly size: number
  clear(): void
}

/** The key's values, reduced to one. */
export interface ReducingHandle<V> {
  add(value: V): void
  get(): V | undefined
  clear(): void
}

/** The key's inputs, aggregated. */
export interface AggregatingHandle<In, Out> {
  add(input: In): void
  get(): Out | undefined
  clear(): void
}

/** The subtask's list. */
export interface OperatorListHandle<V> extends ListHandle<V> {}

/** The map that is the same in every subtask. */
export interface BroadcastHandle<K, V> extends MapHandle<K, V> {}
