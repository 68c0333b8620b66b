/**
 * The states of one key, with the writes of the present call laid over what is stored: a call reads its
 * own writes, and they are stored when it is over.
 */
import type { StateAggregation, ValueState } from '../../state/state.js'
import type { CallScope, Undoable } from './call-scope.js'
import type { AggregatingHandle, ReducingHandle, ValueHandle } from './state-handles.js'

export class KeyedValue<V> implements ValueHandle<V>, Undoable {
  readonly #scope: CallScope
  readonly #stored: ValueState<V>
  #change: 'none' | 'set' | 'cleared' = 'none'
  #value: V | undefined = undefined

  constructor(scope: CallScope, stored: ValueState<V>) {
    this.#scope = scope
    this.#stored = stored
  }

  get(): V | undefined {
    this.#scope.assertKeyed('state')
    if (this.#change !== 'none') return this.#value
    return this.#stored.get(this.#scope.group, this.#scope.key)
  }

  has(): boolean {
    this.#scope.assertKeyed('state')
    if (this.#change !== 'none') return this.#change === 'set'
    return this.#stored.has(this.#scope.group, this.#scope.key)
  }

  set(value: V): void {
    this.#become('set', value)
  }

  clear(): void {
    this.#become('cleared', undefined)
  }

  commit(): void {
    const { group, key } = this.#scope
    if (this.#change === 'set') this.#stored.set(group, key, this.#value as V)
    else this.#stored.delete(group, key)
    this.rollback()
  }

  rollback(): void {
    this.#change = 'none'
    this.#value = undefined
  }

  #become(change: 'set' | 'cleared', value: V | undefined): void {
    this.#scope.assertKeyed('state')
    if (this.#change === 'none') this.#scope.changed(this)
    this.#change = change
    this.#value = value
  }
}

export class KeyedReducing<V> implements ReducingHandle<V> {
  readonly #reduced: KeyedValue<V>
  readonly #add: (reduced: V, value: V) => V

  constructor(reduced: KeyedValue<V>, add: (reduced: V, value: V) => V) {
    this.#reduced = reduced
    this.#add = add
  }

  add(value: V): void {
    const reduced = this.#reduced
    reduced.set(reduced.has() ? this.#add(reduced.get() as V, value) : value)
  }

  get(): V | undefined {
    return this.#reduced.get()
  }

  clear(): void {
    this.#reduced.clear()
  }
}

export class KeyedAggregating<In, Acc, Out> implements AggregatingHandle<In, Out> {
  readonly #accumulator: KeyedValue<Acc>
  readonly #aggregation: StateAggregation<In, Acc, Out>

  constructor(accumulator: KeyedValue<Acc>, aggregation: StateAggregation<In, Acc, Out>) {
    this.#accumulator = accumulator
    this.#aggregation = aggregation
  }

  add(input: In): void {
    const accumulator = this.#accumulator
    const { begin, add } = this.#aggregation
    accumulator.set(accumulator.has() ? add(accumulator.get() as Acc, input) : begin(input))
  }

  get(): Out | undefined {
    if (!this.#accumulator.has()) return undefined
    return this.#aggregation.result(this.#accumulator.get() as Acc)
  }

  clear(): void {
    this.#accumulator.clear()
  }
}
