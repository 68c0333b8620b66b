/**
 * The state contract: keyed state by key group.
 *
 * State lives in key groups (`maxParallelism` of them) so that a job can be restored with another
 * parallelism. One subtask owns a contiguous range of groups; an access outside it is a bug.
 * Values are immutable by contract: `set` hands the value over. Keys are compared by their
 * canonical form (`base/key.ts`): `[1, 'a']` equals another `[1, 'a']`.
 */

/** One named value per key. `group` is the key's group, already computed by the caller. */
export interface ValueState<V> {
  get(group: number, key: unknown): V | undefined
  /** Tells a stored `undefined` from no value. */
  has(group: number, key: unknown): boolean
  set(group: number, key: unknown, value: V): void
  delete(group: number, key: unknown): void
  /** All entries, group by group. `set` and `delete` of other keys are allowed meanwhile. */
  entries(): IterableIterator<readonly [key: unknown, value: V]>
  readonly size: number
  clear(): void
}

/** A value of the subtask itself, not of a key. */
export interface SingleState<V> {
  get(): V | undefined
  has(): boolean
  set(value: V): void
  clear(): void
}

/** The state of one operator in one subtask; the same name gives the same state. */
export interface StateStore {
  value<V>(name: string): ValueState<V>
  single<V>(name: string): SingleState<V>
}
