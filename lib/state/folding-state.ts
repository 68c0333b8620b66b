/** Reducing and aggregating state: a value per key, and a function that says how it grows. */
import type { AggregatingState, ReducingState, StateAggregation, ValueState } from './state.js'

export class FoldingReducingState<V> implements ReducingState<V> {
  readonly #values: ValueState<V>
  readonly #add: (reduced: V, value: V) => V

  constructor(values: ValueState<V>, add: (reduced: V, value: V) => V) {
    this.#values = values
    this.#add = add
  }

  add(group: number, key: unknown, value: V): void {
    const values = this.#values
    const first = !values.has(group, key)
    values.set(group, key, first ? value : this.#add(values.get(group, key) as V, value))
  }

  get(group: number, key: unknown): V | undefined {
    return this.#values.get(group, key)
  }

  has(group: number, key: unknown): boolean {
    return this.#values.has(group, key)
  }

  delete(group: number, key: unknown): void {
    this.#values.delete(group, key)
  }

  entries(): IterableIterator<readonly [key: unknown, value: V]> {
    return this.#values.entries()
  }

  get size(): number {
    return this.#values.size
  }

  clear(): void {
    this.#values.clear()
  }
}

export class FoldingAggregatingState<In, Acc, Out> implements AggregatingState<In, Out> {
  readonly #accumulators: ValueState<Acc>
  readonly #aggregation: StateAggregation<In, Acc, Out>

  constructor(accumulators: ValueState<Acc>, aggregation: StateAggregation<In, Acc, Out>) {
    this.#accumulators = accumulators
    this.#aggregation = aggregation
  }

  add(group: number, key: unknown, input: In): void {
    const accumulators = this.#accumulators
    const { begin, add } = this.#aggregation
    const first = !accumulators.has(group, key)
    const next = first ? begin(input) : add(accumulators.get(group, key) as Acc, input)
    accumulators.set(group, key, next)
  }

  get(group: number, key: unknown): Out | undefined {
    if (!this.#accumulators.has(group, key)) return undefined
    return this.#aggregation.result(this.#accumulators.get(group, key) as Acc)
  }

  has(group: number, key: unknown): boolean {
    return this.#accumulators.has(group, key)
  }

  delete(group: number, key: unknown): void {
    this.#accumulators.delete(group, key)
  }

  *entries(): IterableIterator<readonly [key: unknown, result: Out]> {
    for (const [key, accumulator] of this.#accumulators.entries()) {
      yield [key, this.#aggregation.result(accumulator)]
    }
  }

  get size(): number {
    return this.#accumulators.size
  }

  clear(): void {
    this.#accumulators.clear()
  }
}
