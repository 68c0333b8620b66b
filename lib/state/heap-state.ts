/**
 * The heap backend: state as Maps in this thread's heap.
 *
 * One Map per key group, made when the group's first key comes: a Map ends at 2^24 entries, and a
 * group is the unit that moves when a job is rescaled. Values lie in the Maps without a wrapper,
 * under the canonical key; where that is not the key itself (arrays, objects, dates), the key lies
 * in a second Map beside it.
 */
import { assert } from '../base/assert.js'
import { type CanonicalKey, canonicalKey, flatKey, isEscaped, isView } from '../base/key.js'
import type { SingleState, StateStore, ValueState } from './state.js'

/** Empty state of one operator in one subtask of a job with `maxParallelism` key groups. */
export function createHeapState(maxParallelism: number): StateStore {
  const values = new Map<string, ValueState<unknown>>()
  const singles = new Map<string, SingleState<unknown>>()
  return {
    value<V>(name: string): ValueState<V> {
      let state = values.get(name)
      if (state === undefined) {
        state = new HeapValueState<unknown>(maxParallelism)
        values.set(name, state)
      }
      return state as ValueState<V>
    },
    single<V>(name: string): SingleState<V> {
      let state = singles.get(name)
      if (state === undefined) {
        state = new HeapSingleState<unknown>()
        singles.set(name, state)
      }
      return state as SingleState<V>
    },
  }
}

class HeapValueState<V> implements ValueState<V> {
  readonly #groups: (Group<V> | null)[]

  constructor(maxParallelism: number) {
    this.#groups = new Array<null>(maxParallelism).fill(null)
  }

  get(group: number, key: unknown): V | undefined {
    const found = this.#groups[group]
    return found ? found.values.get(canonicalKey(key)) : undefined
  }

  has(group: number, key: unknown): boolean {
    const found = this.#groups[group]
    return found ? found.values.has(canonicalKey(key)) : false
  }

  set(group: number, key: unknown, value: V): void {
    const found = this.#groups[group] ?? this.#create(group)
    const canonical = canonicalKey(key)
    const { values } = found
    const { size } = values
    values.set(canonical, value)
    if (values.size > size) found.own(canonical, key, value)
  }

  delete(group: number, key: unknown): void {
    const canonical = canonicalKey(key)
    const found = this.#groups[group]
    found?.values.delete(canonical)
    found?.keys?.delete(canonical)
  }

  *entries(): IterableIterator<readonly [key: unknown, value: V]> {
    for (const group of this.#groups) {
      if (group === null) continue
      for (const [canonical, value] of group.values) {
        yield [isEscaped(canonical) ? group.keys?.get(canonical) : canonical, value]
      }
    }
  }

  get size(): number {
    let size = 0
    for (const group of this.#groups) size += group === null ? 0 : group.values.size
    return size
  }

  clear(): void {
    this.#groups.fill(null)
  }

  #create(group: number): Group<V> {
    assert(
      group >= 0 && group < this.#groups.length,
      'a key group is below the maximal parallelism',
    )
    const created = new Group<V>()
    this.#groups[group] = created
    return created
  }
}

class Group<V> {
  readonly values = new Map<CanonicalKey, V>()
  /** The keys that are not their own canonical form. */
  keys: Map<CanonicalKey, unknown> | null = null

  /** Makes a new entry's key its own, so that state keeps no batch alive through a string. */
  own(canonical: CanonicalKey, key: unknown, value: V): void {
    if (isEscaped(canonical)) {
      this.keys ??= new Map()
      this.keys.set(canonical, flatKey(key))
    } else if (typeof canonical === 'string' && isView(canonical)) {
      this.values.delete(canonical)
      this.values.set(flatKey(canonical) as string, value)
    }
  }
}

class HeapSingleState<V> implements SingleState<V> {
  #value: V | undefined = undefined
  #present = false

  get(): V | undefined {
    return this.#value
  }

  has(): boolean {
    return this.#present
  }

  set(value: V): void {
    this.#value = value
    this.#present = true
  }

  clear(): void {
    this.#value = undefined
    this.#present = false
  }
}
