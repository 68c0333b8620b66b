/**
 * Records that an operator holds back, first in first out per key, because what they wait for comes by
 * another input. An operator never stops reading an input, so what it holds has a limit: over all keys
 * and inputs of a subtask, together.
 */
import { inspect } from 'node:util'
import { MillraceError } from '../../base/errors.js'
import { keyGroupOf } from '../../base/key.js'
import type { ListState } from '../../state/state.js'
import { requireCount } from '../arguments.js'
import type { OperatorContext, OperatorOptions } from '../operator.js'
import { NO_TIME, type Results } from './results.js'

/** Options of operators that hold records back. */
export interface BufferOptions extends OperatorOptions {
  /**
   * Records that a subtask may hold, of all keys and inputs together. One more is a failure of the job:
   * E_BUFFER_FULL. Default 1,000,000.
   */
  readonly bufferMax?: number
}

export const BUFFER_MAX_DEFAULT = 1_000_000

/** The checked `bufferMax` of an operator. */
export function bufferMaxOf(operator: string, options: BufferOptions): number {
  const { bufferMax = BUFFER_MAX_DEFAULT } = options
  requireCount(operator, 'bufferMax', bufferMax, 1)
  return bufferMax
}

/** Counts what all queues of an operator hold; shown as the gauge `held`. */
export class HoldLimit {
  /** 0 … max. */
  #count = 0
  readonly #max: number
  readonly #operator: string

  constructor({ operator, metrics }: OperatorContext, max: number) {
    this.#operator = operator
    this.#max = max
    metrics.gauge('held', () => this.#count)
  }

  claim(key: unknown): void {
    if (this.#count >= this.#max) throw this.#full(key)
    this.#count += 1
  }

  /** Records that were there when the operator was opened: they fit once, they fit again. */
  found(count: number): void {
    this.#count += count
  }

  release(count: number): void {
    this.#count -= count
  }

  #full(key: unknown): MillraceError {
    const shown = inspect(key)
    const where = key === undefined ? '' : `, of key ${shown}`
    return new MillraceError(
      'E_BUFFER_FULL',
      `'${this.#operator}' holds ${this.#max} records that wait for another of its inputs, and one more has come${where}. ` +
        'No operator stops reading an input, so what waits has a limit: raise bufferMax, filter before, or ' +
        'bring the inputs nearer to each other in time.',
      {
        details: {
          operator: this.#operator,
          limit: this.#max,
          ...(key === undefined ? {} : { key: shown }),
        },
      },
    )
  }
}

/** One queue per key. Times lie beside the records, and only where there is event time. */
export class HeldRecords {
  readonly #records: ListState<unknown>
  readonly #times: ListState<number>
  readonly #limit: HoldLimit
  readonly #keyed: boolean
  readonly #maxParallelism: number

  constructor(context: OperatorContext, name: string, limit: HoldLimit) {
    this.#keyed = context.keyed
    this.#maxParallelism = context.maxParallelism
    this.#records = context.state.list<unknown>(name)
    this.#times = context.state.list<number>(`${name} times`)
    this.#limit = limit
    for (const [, records] of this.#records.entries()) limit.found(records.length)
  }

  /** Number of keys for which something is held. */
  get keys(): number {
    return this.#records.size
  }

  has(key: unknown, group: number): boolean {
    return this.#records.length(group, key) > 0
  }

  push(record: unknown, key: unknown, group: number, time: number): void {
    this.#limit.claim(key)
    this.#records.append(group, key, record)
    if (!Number.isNaN(time)) this.#times.append(group, key, time)
  }

  /** Records held of the key. */
  length(key: unknown, group: number): number {
    return this.#records.length(group, key)
  }

  /** The oldest record of the key; there must be one. */
  first(key: unknown, group: number): unknown {
    return this.#records.first(group, key)
  }

  firstTime(key: unknown, group: number): number {
    return this.#times.first(group, key) ?? NO_TIME
  }

  dropFirst(key: unknown, group: number): void {
    this.#drop(key, group, 1)
  }

  /** All records of the key, oldest first; none of them stays. */
  takeAll(key: unknown, group: number): unknown[] {
    const records = [...this.#records.get(group, key)]
    this.#records.delete(group, key)
    this.#times.delete(group, key)
    this.#limit.release(records.length)
    return records
  }

  /** Moves records to `results`, key by key, until it is full or nothing is held. */
  moveTo(results: Results): void {
    this.#visit(results, (records, key, group) => {
      const times = this.#times.get(group, key)
      const count = Math.min(records.length, results.room)
      for (let i = 0; i < count; i++) results.push(records[i], key, group, times[i] ?? NO_TIME)
      return count
    })
  }

  /** As `moveTo`: the records of each key as one array, without a time. */
  moveArraysTo(results: Results): void {
    this.#visit(results, (records, key, group) => {
      results.push([...records], key, group, NO_TIME)
      return records.length
    })
  }

  /** As `moveArraysTo`, as `[key, array]`. */
  movePairsTo(results: Results): void {
    this.#visit(results, (records, key) => {
      results.push([key, [...records]], undefined, 0, NO_TIME)
      return records.length
    })
  }

  /** Calls `take` for one key after the other; it says how many of its records are not held any more. */
  #visit(
    results: Results,
    take: (records: readonly unknown[], key: unknown, group: number) => number,
  ): void {
    const taken: [key: unknown, group: number, count: number][] = []
    for (const [key, records] of this.#records.entries()) {
      if (results.room === 0) break
      const group = this.#keyed ? keyGroupOf(key, this.#maxParallelism) : 0
      taken.push([key, group, take(records, key, group)])
    }
    for (const [key, group, count] of taken) this.#drop(key, group, count)
  }

  #drop(key: unknown, group: number, count: number): void {
    this.#records.dropFirst(group, key, count)
    this.#times.dropFirst(group, key, count)
    this.#limit.release(count)
  }
}

/** A queue for each input, all with one limit. */
export function heldByInput(
  context: OperatorContext,
  inputs: number,
  bufferMax: number,
): readonly HeldRecords[] {
  const limit = new HoldLimit(context, bufferMax)
  return Array.from(
    { length: inputs },
    (_, input) => new HeldRecords(context, `input ${input}`, limit),
  )
}
