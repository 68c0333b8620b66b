/**
 * A Map whose keys are compared by value (`base/key.ts`), and the same by key group.
 *
 * Values lie in the Map without a wrapper, under the canonical key; where that is not the key itself
 * (arrays, objects, dates), the key lies in a second Map beside it. A new key is copied flat, so that
 * state keeps no batch alive through a string.
 */
import { assert } from '../base/assert.js'
import { type CanonicalKey, canonicalKey, flatKey, isEscaped, isView } from '../base/key.js'

/** A Map ends at 2^24 entries, so keyed state has one table per key group. */
export class KeyTable<V> {
  readonly #values = new Map<CanonicalKey, V>()
  /** The keys that are not their own canonical form. */
  #keys: Map<CanonicalKey, unknown> | null = null

  get(key: unknown): V | undefined {
    return this.#values.get(canonicalKey(key))
  }

  has(key: unknown): boolean {
    return this.#values.has(canonicalKey(key))
  }

  set(key: unknown, value: V): void {
    const canonical = canonicalKey(key)
    const values = this.#values
    const { size } = values
    values.set(canonical, value)
    if (values.size > size) this.#own(canonical, key, value)
  }

  delete(key: unknown): void {
    const canonical = canonicalKey(key)
    this.#values.delete(canonical)
    this.#keys?.delete(canonical)
  }

  /** In order of insertion. Entries may be set and deleted meanwhile. */
  *entries(): IterableIterator<[key: unknown, value: V]> {
    for (const [canonical, value] of this.#values) {
      yield [isEscaped(canonical) ? this.#keys?.get(canonical) : canonical, value]
    }
  }

  get size(): number {
    return this.#values.size
  }

  clear(): void {
    this.#values.clear()
    this.#keys = null
  }

  #own(canonical: CanonicalKey, key: unknown, value: V): void {
    if (isEscaped(canonical)) {
      this.#keys ??= new Map()
      this.#keys.set(canonical, flatKey(key))
    } else if (typeof canonical === 'string' && isView(canonical)) {
      this.#values.delete(canonical)
      this.#values.set(flatKey(canonical) as string, value)
    }
  }
}

/** One table per key group, made when the group's first key comes: the unit that moves on rescaling. */
export class GroupedTable<V> {
  readonly #groups: (KeyTable<V> | null)[]

  constructor(maxParallelism: number) {
    this.#groups = new Array<null>(maxParallelism).fill(null)
  }

  get(group: number, key: unknown): V | undefined {
    const found = this.#groups[group]
    return found ? found.get(key) : undefined
  }

  has(group: number, key: unknown): boolean {
    const found = this.#groups[group]
    return found ? found.has(key) : false
  }

  set(group: number, key: unknown, value: V): void {
    const found = this.#groups[group] ?? this.#create(group)
    found.set(key, value)
  }

  delete(group: number, key: unknown): void {
    this.#groups[group]?.delete(key)
  }

  /** Group by group. Entries may be set and deleted meanwhile. */
  *entries(): IterableIterator<readonly [key: unknown, value: V]> {
    for (const group of this.#groups) if (group !== null) yield* group.entries()
  }

  /** As `entries`, with the group first. */
  *groupedEntries(): IterableIterator<readonly [group: number, key: unknown, value: V]> {
    for (let i = 0; i < this.#groups.length; i++) {
      const group = this.#groups[i]
      if (group) for (const [key, value] of group.entries()) yield [i, key, value]
    }
  }

  get size(): number {
    let size = 0
    for (const group of this.#groups) size += group === null ? 0 : group.size
    return size
  }

  clear(): void {
    // In place too: who reads entries meanwhile must not go on in what is gone.
    for (const group of this.#groups) group?.clear()
    this.#groups.fill(null)
  }

  #create(group: number): KeyTable<V> {
    assert(
      group >= 0 && group < this.#groups.length,
      'a key group is below the maximal parallelism',
    )
    const created = new KeyTable<V>()
    this.#groups[group] = created
    return created
  }
}
