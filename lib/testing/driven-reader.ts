/**
 * Drives source readers as a subtask would: reads until `'waiting'`, waits for the wake, goes on.
 */
import { systemClock } from '../base/clock.js'
import type { Json } from '../base/json.js'
import type { Source, SourceContext, SourceReader, Split } from '../connectors/source.js'

/** How long anything real (a disk, a socket) may take before a test gives up. */
const DEADLINE_MS = 10_000

export interface BadRecord {
  readonly error: Error
  readonly raw: unknown
  readonly position: string
}

/** A reader with its context recorded. */
export class DrivenReader<T> {
  readonly bad: BadRecord[] = []
  readonly failures: Error[] = []
  wakes = 0
  /** Thrown by `badRecord` when set: the policy `fail`. */
  failOnBad = false
  readonly #reader: SourceReader<T>
  #onWake: (() => void) | null = null

  constructor(source: Source<T>, split: Split, position: Json = null, clock = systemClock) {
    const context: SourceContext = {
      operator: source.label,
      subtask: 0,
      parallelism: 1,
      clock,
      wake: () => {
        this.wakes++
        this.#onWake?.()
      },
      fail: (error) => {
        this.failures.push(error)
        this.#onWake?.()
      },
      badRecord: (error, raw, at) => {
        this.bad.push({ error, raw, position: at })
        if (this.failOnBad) throw error
      },
    }
    this.#reader = source.open(split, position, context)
  }

  /** Reads up to `max` records; null when the reader waits. */
  step(max: number): { records: T[]; ended: boolean } | null {
    const records: T[] = []
    const status = this.#reader.read(records, max)
    if (status !== 'waiting') return { records, ended: status === 'end' }
    if (records.length > 0) throw new Error('broken law: waiting comes without records')
    return null
  }

  /** Reads until there are `count` records, the end, or a failure. */
  async take(count: number, max = 1000): Promise<T[]> {
    const taken: T[] = []
    while (taken.length < count) {
      const wakes = this.wakes
      const step = this.step(Math.min(max, count - taken.length))
      if (this.failures.length > 0) throw this.failures[0]
      if (step === null) await this.#woken(wakes)
      else taken.push(...step.records)
      if (step?.ended) break
    }
    return taken
  }

  all(max = 1000): Promise<T[]> {
    return this.take(Number.POSITIVE_INFINITY, max)
  }

  get position(): Json {
    // As a snapshot carries it.
    return JSON.parse(JSON.stringify(this.#reader.position())) as Json
  }

  close(): void | Promise<void> {
    return this.#reader.close()
  }

  #woken(seen: number): Promise<void> {
    if (this.wakes > seen || this.failures.length > 0) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('the reader did not wake')), DEADLINE_MS)
      this.#onWake = () => {
        clearTimeout(timer)
        this.#onWake = null
        resolve()
      }
    })
  }
}

/** All records of a source, split after split. */
export async function readAll<T>(source: Source<T>, parallelism = 1): Promise<T[]> {
  const records: T[] = []
  for (const split of await source.splits(parallelism)) {
    const reader = new DrivenReader(source, split)
    records.push(...(await reader.all()))
    await reader.close()
  }
  return records
}
