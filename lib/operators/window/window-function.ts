/** Calls the user's function for a window: what it is given, and the state it may keep. */
import type { ValueState } from '../../state/state.js'
import type { OperatorContext } from '../operator.js'
import type { WindowFunction } from './window-output.js'
import type { WindowContent } from './window-settings.js'

/** State of a key beyond its windows, for window functions: one value. */
export interface WindowFunctionState {
  get<S>(): S | undefined
  /** Values are immutable: set another one. */
  set(value: unknown): void
  clear(): void
}

export function windowFunction(context: OperatorContext, content: WindowContent): WindowFunction {
  const call = content.apply as unknown as (given: object) => Iterable<unknown>
  const state = new KeyCell(context.state.value('function'))
  const isAggregate = content.aggregation !== null
  return (group, key, start, end, shown) => {
    state.group = group
    state.key = key
    const window = { start, end }
    return call(
      isAggregate ? { key, window, value: shown, state } : { key, window, records: shown, state },
    )
  }
}

/** The value of the key whose window is under way. */
class KeyCell implements WindowFunctionState {
  group = 0
  key: unknown = undefined
  readonly #state: ValueState<unknown>

  constructor(state: ValueState<unknown>) {
    this.#state = state
  }

  get<S>(): S | undefined {
    return this.#state.get(this.group, this.key) as S | undefined
  }

  set(value: unknown): void {
    this.#state.set(this.group, this.key, value)
  }

  clear(): void {
    this.#state.delete(this.group, this.key)
  }
}
