/** Time to live on the heap: when entries expire, and the sweep that removes those nobody asks for. */
import type { Ttl } from './state.js'

/** Accesses between two steps of the sweep, and entries that a step visits: it outruns insertion. */
const ACCESSES_PER_STEP = 64
const ENTRIES_PER_STEP = 192

/** A value with its end of life, in ms of wall time. */
export class Mortal<V> {
  value: V
  untilMs: number

  constructor(value: V, untilMs: number) {
    this.value = value
    this.untilMs = untilMs
  }
}

/** The clock and the sweep of one state with a TTL. */
export class Expiry {
  readonly #ttl: Ttl
  readonly #wallTime: () => number
  /** Visits every entry, removes those that have expired, and yields after each visit. */
  readonly #visit: () => Iterator<void>
  #cursor: Iterator<void> | null = null
  #accesses = 0

  constructor(ttl: Ttl, wallTime: () => number, visit: () => Iterator<void>) {
    this.#ttl = ttl
    this.#wallTime = wallTime
    this.#visit = visit
  }

  get nowMs(): number {
    return this.#wallTime()
  }

  /** End of a life that begins now. */
  get untilMs(): number {
    return this.#wallTime() + this.#ttl.ms
  }

  /** True where reading begins a life anew. */
  get renewsOnRead(): boolean {
    return this.#ttl.update === 'readWrite'
  }

  /** To be called at every access; now and then it sweeps a few entries. */
  accessed(): void {
    this.#accesses++
    if (this.#accesses < ACCESSES_PER_STEP) return
    this.#accesses = 0
    this.sweep(ENTRIES_PER_STEP)
  }

  /** Visits the next `entries` entries, at most once round. */
  sweep(entries: number): void {
    this.#cursor ??= this.#visit()
    for (let i = 0; i < entries; i++) {
      if (this.#cursor.next().done === true) {
        this.#cursor = null
        return
      }
    }
  }
}
