/** What a half before an exchange has folded: values with their keys and times, until they are sent. */
import { emptyList, emptyNumbers } from '../../base/list.js'
import type { OperatorContext } from '../operator.js'
import { BATCH_RECORDS_MAX, type Batch, batch } from '../signal.js'
import { createPump, type Outlet, type Pump } from '../signal-operator.js'

export class Partials<T> {
  readonly #context: OperatorContext
  readonly #pump: Pump<unknown>
  /** May be changed in place until they are sent. */
  values: T[] = emptyList()
  #keys: unknown[] = emptyList()
  #times: number[] = emptyNumbers()

  constructor(context: OperatorContext, out: Outlet<unknown>) {
    this.#context = context
    this.#pump = createPump<unknown>(context.gate, out)
  }

  push(value: T, key: unknown, timeMs: number): void {
    this.values.push(value)
    this.#keys.push(key)
    this.#times.push(timeMs)
  }

  /** Sends all in batches, as far as the gate allows, then calls `done`. */
  send(done: () => void): void {
    const { values } = this
    const keys = this.#context.keyed ? this.#keys : null
    const times = new Float64Array(this.#times)
    this.values = emptyList()
    this.#keys = emptyList()
    this.#times = emptyNumbers()
    let at = 0
    const next = (): Batch | null => {
      if (at >= values.length) return null
      const from = at
      at = Math.min(at + BATCH_RECORDS_MAX, values.length)
      this.#context.count(0, at - from)
      const own = keys === null ? null : keys.slice(from, at)
      return batch(values.slice(from, at), own, null, times.slice(from, at))
    }
    this.#pump.start(next, done)
  }
}
