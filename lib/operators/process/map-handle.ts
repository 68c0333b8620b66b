/** A map with the changes of the present call laid over what is stored. */
import { KeyTable } from '../../state/key-table.js'
import type { CallScope, Guard, Undoable } from './call-scope.js'
import type { MapHandle } from './state-handles.js'

/** A stored map: that of the present key, or of the subtask. */
export interface StoredMap<K, V> {
  get(mapKey: K): V | undefined
  has(mapKey: K): boolean
  set(mapKey: K, value: V): void
  delete(mapKey: K): void
  entries(): IterableIterator<readonly [mapKey: K, value: V]>
  readonly size: number
  clear(): void
}

/** In the place of an entry that the call has deleted. */
const DELETED: unique symbol = Symbol('deleted')

export class LaidOverMap<K, V> implements MapHandle<K, V>, Undoable {
  readonly #scope: CallScope
  readonly #guard: Guard
  readonly #stored: StoredMap<K, V>
  #changed = false
  /** Nothing that is stored counts any more. */
  #cleared = false
  readonly #changes = new KeyTable<V | typeof DELETED>()

  constructor(scope: CallScope, guard: Guard, stored: StoredMap<K, V>) {
    this.#scope = scope
    this.#guard = guard
    this.#stored = stored
  }

  get(mapKey: K): V | undefined {
    this.#guard.read()
    if (this.#changed && this.#changes.has(mapKey)) {
      const change = this.#changes.get(mapKey)
      return change === DELETED ? undefined : change
    }
    return this.#cleared ? undefined : this.#stored.get(mapKey)
  }

  has(mapKey: K): boolean {
    this.#guard.read()
    if (this.#changed && this.#changes.has(mapKey)) return this.#changes.get(mapKey) !== DELETED
    return !this.#cleared && this.#stored.has(mapKey)
  }

  set(mapKey: K, value: V): void {
    this.#change()
    this.#changes.set(mapKey, value)
  }

  delete(mapKey: K): void {
    this.#change()
    this.#changes.set(mapKey, DELETED)
  }

  *entries(): IterableIterator<readonly [mapKey: K, value: V]> {
    this.#guard.read()
    if (!this.#cleared) {
      for (const [mapKey, value] of this.#stored.entries()) {
        if (this.#cleared) break
        const isChanged = this.#changed && this.#changes.has(mapKey)
        const present = isChanged ? this.#changes.get(mapKey) : value
        if (present !== DELETED) yield [mapKey, present as V]
      }
    }
    for (const [mapKey, value] of this.#changes.entries()) {
      const isNew = this.#cleared || !this.#stored.has(mapKey as K)
      if (value !== DELETED && isNew) yield [mapKey as K, value as V]
    }
  }

  get size(): number {
    this.#guard.read()
    let size = this.#cleared ? 0 : this.#stored.size
    for (const [mapKey, value] of this.#changes.entries()) {
      const was = !this.#cleared && this.#stored.has(mapKey as K)
      size += Number(value !== DELETED) - Number(was)
    }
    return size
  }

  clear(): void {
    this.#change()
    this.#cleared = true
    this.#changes.clear()
  }

  commit(): void {
    if (this.#cleared) this.#stored.clear()
    for (const [mapKey, value] of this.#changes.entries()) {
      if (value === DELETED) this.#stored.delete(mapKey as K)
      else this.#stored.set(mapKey as K, value as V)
    }
    this.rollback()
  }

  rollback(): void {
    this.#changed = false
    this.#cleared = false
    this.#changes.clear()
  }

  #change(): void {
    this.#guard.write()
    if (this.#changed) return
    this.#changed = true
    this.#scope.changed(this)
  }
}
