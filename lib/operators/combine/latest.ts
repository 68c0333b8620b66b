/** The latest record of one input, per key, with its time where there is event time. */
import type { ValueState } from '../../state/state.js'
import type { OperatorContext } from '../operator.js'
import { NO_TIME } from './results.js'

export class Latest {
  readonly #records: ValueState<unknown>
  readonly #times: ValueState<number>

  constructor(context: OperatorContext, name: string) {
    this.#records = context.state.value<unknown>(name)
    this.#times = context.state.value<number>(`${name} time`)
  }

  has(key: unknown, group: number): boolean {
    return this.#records.has(group, key)
  }

  record(key: unknown, group: number): unknown {
    return this.#records.get(group, key)
  }

  time(key: unknown, group: number): number {
    return this.#times.get(group, key) ?? NO_TIME
  }

  set(record: unknown, key: unknown, group: number, time: number): void {
    this.#records.set(group, key, record)
    if (!Number.isNaN(time)) this.#times.set(group, key, time)
  }
}
