/** One value per key behind `keyBy`, one for the whole stream otherwise — behind one face. */
import { assert } from '../base/assert.js'
import { keyGroupOf } from '../base/key.js'
import type { SingleState, ValueState } from '../state/state.js'
import type { OperatorContext } from './operator.js'
import type { Batch } from './signal.js'

/** The state `name` of an operator, so that its loop need not care whether there are keys. */
export function cellsOf<V>(context: OperatorContext, name: string): ValueState<V> {
  return context.keyed
    ? context.state.value<V>(name)
    : new OneCell<V>(context.state.single<V>(name))
}

/** Ignores group and key. */
class OneCell<V> implements ValueState<V> {
  readonly #state: SingleState<V>

  constructor(state: SingleState<V>) {
    this.#state = state
  }

  get(): V | undefined {
    return this.#state.get()
  }

  has(): boolean {
    return this.#state.has()
  }

  set(_group: number, _key: unknown, value: V): void {
    this.#state.set(value)
  }

  delete(): void {
    this.#state.clear()
  }

  get epoch(): number {
    return Number.NaN
  }

  *entries(): IterableIterator<readonly [key: unknown, value: V]> {
    if (this.#state.has()) yield [undefined, this.#state.get() as V]
  }

  get size(): number {
    return this.#state.has() ? 1 : 0
  }

  clear(): void {
    this.#state.clear()
  }
}

/** The keys of a batch as this operator means them: null where it does not stand behind `keyBy`. */
export function keysOf(context: OperatorContext, input: Batch): unknown[] | null {
  if (!context.keyed) return null
  assert(input.keys !== null, 'batches behind keyBy carry keys')
  return input.keys
}

/** Key group of record `i`, as the sender has computed it, else computed here; 0 without keys. */
export function groupAt(
  keys: unknown[] | null,
  groups: Uint16Array | null,
  i: number,
  maxParallelism: number,
): number {
  if (keys === null) return 0
  return groups === null ? keyGroupOf(keys[i], maxParallelism) : groups[i]!
}
