/** A list with the changes of the present call laid over what is stored. */
import type { CallScope, Guard, Undoable } from './call-scope.js'
import type { ListHandle } from './state-handles.js'

/** A stored list: that of the present key, or of the subtask. */
export interface StoredList<V> {
  get(): readonly V[]
  append(value: V): void
  replace(values: readonly V[]): void
}

export class LaidOverList<V> implements ListHandle<V>, Undoable {
  readonly #scope: CallScope
  readonly #guard: Guard
  readonly #stored: StoredList<V>
  #changed = false
  /** In the place of what is stored; null while that still holds. */
  #replaced: V[] | null = null
  /** Behind what is stored. */
  #appended: V[] = []

  constructor(scope: CallScope, guard: Guard, stored: StoredList<V>) {
    this.#scope = scope
    this.#guard = guard
    this.#stored = stored
  }

  append(value: V): void {
    this.#change()
    const list = this.#replaced ?? this.#appended
    list.push(value)
  }

  get(): V[] {
    this.#guard.read()
    if (this.#replaced !== null) return [...this.#replaced]
    return [...this.#stored.get(), ...this.#appended]
  }

  get length(): number {
    this.#guard.read()
    if (this.#replaced !== null) return this.#replaced.length
    return this.#stored.get().length + this.#appended.length
  }

  replace(values: readonly V[]): void {
    this.#change()
    this.#replaced = [...values]
    this.#appended = []
  }

  clear(): void {
    this.replace([])
  }

  commit(): void {
    if (this.#replaced !== null) this.#stored.replace(this.#replaced)
    else for (const value of this.#appended) this.#stored.append(value)
    this.rollback()
  }

  rollback(): void {
    this.#changed = false
    this.#replaced = null
    this.#appended = []
  }

  #change(): void {
    this.#guard.write()
    if (this.#changed) return
    this.#changed = true
    this.#scope.changed(this)
  }
}
