/** Drives sink writers as a subtask would: writes while told true, else waits for the wake. */
import { type Clock, systemClock } from '../base/clock.js'
import type { Json } from '../base/json.js'
import {
  isTransactional,
  type Sink,
  type SinkContext,
  type SinkWriter,
  type TransactionalWriter,
} from '../connectors/sink.js'

const DEADLINE_MS = 10_000

export interface SinkPlace {
  readonly subtask?: number
  readonly parallelism?: number
  readonly attempt?: number
  readonly run?: string
  readonly snapshots?: boolean
  readonly restored?: readonly Json[] | null
  readonly clock?: Clock
  readonly publish?: (records: readonly unknown[]) => boolean
}

export class DrivenWriter<T> {
  readonly failures: Error[] = []
  wakes = 0
  readonly writer: SinkWriter<T>
  readonly context: SinkContext
  #onWake: (() => void) | null = null

  constructor(sink: Sink<T>, place: SinkPlace = {}) {
    this.context = {
      run: place.run ?? 'run',
      snapshots: place.snapshots ?? false,
      restored: place.restored ?? null,
      operator: sink.label,
      subtask: place.subtask ?? 0,
      parallelism: place.parallelism ?? 1,
      attempt: place.attempt ?? 1,
      clock: place.clock ?? systemClock,
      wake: () => {
        this.wakes++
        this.#onWake?.()
      },
      fail: (error) => {
        this.failures.push(error)
        this.#onWake?.()
      },
      publish: place.publish ?? (() => true),
    }
    this.writer = sink.open(this.context)
  }

  get isTransactional(): boolean {
    return isTransactional(this.writer)
  }

  /** As a writer that takes part in snapshots. */
  get transactional(): TransactionalWriter<T> {
    if (!isTransactional(this.writer)) throw new Error(`${this.context.operator} does not prepare`)
    return this.writer
  }

  /** Writes batch after batch, keeping to the contract. */
  async writeAll(batches: Iterable<readonly T[]>): Promise<void> {
    for (const batch of batches) {
      const wakes = this.wakes
      const takesMore = this.writer.write(batch)
      if (!takesMore) await this.woken(wakes)
      if (this.failures.length > 0) throw this.failures[0]
    }
  }

  /** Resolves with the next wake, or failure, after `seen` wakes. */
  woken(seen: number): Promise<void> {
    if (this.wakes > seen || this.failures.length > 0) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('the writer did not wake')), DEADLINE_MS)
      this.#onWake = () => {
        clearTimeout(timer)
        this.#onWake = null
        resolve()
      }
    })
  }
}

export function* batchesOf<T>(records: readonly T[], size: number): Generator<readonly T[]> {
  for (let at = 0; at < records.length; at += size) yield records.slice(at, at + size)
}
