/** Leases as arithmetic on monotonic times; see `times.ts`. */
import { NODE_LEASE_MS, OWN_PAUSE_MS, SILENCE_MS } from './times.js'

/** A node's own lease. */
export class Lease {
  #sentMs: number

  /** `sentMs`: when it asked to be registered. */
  constructor(sentMs: number) {
    this.#sentMs = sentMs
  }

  /** A heartbeat sent then has been answered. */
  answered(sentMs: number): void {
    this.#sentMs = Math.max(this.#sentMs, sentMs)
  }

  /** Ms that are left; 0: it is over. */
  leftMs(nowMs: number): number {
    return Math.max(0, this.#sentMs + NODE_LEASE_MS - nowMs)
  }
}

/** Who of many has been silent for too long, asked at regular times. */
export class SilenceWatch {
  readonly #heardMs = new Map<string, number>()
  readonly #everyMs: number
  readonly #silenceMs: number
  #askedMs: number

  /** `everyMs`: between two questions; `silenceMs`: that are too many. */
  constructor(everyMs: number, nowMs: number, silenceMs: number = SILENCE_MS) {
    this.#everyMs = everyMs
    this.#askedMs = nowMs
    this.#silenceMs = silenceMs
  }

  heard(name: string, nowMs: number): void {
    this.#heardMs.set(name, nowMs)
  }

  forget(name: string): void {
    this.#heardMs.delete(name)
  }

  /**
   * Names of the silent. Nobody, where the question comes late: what they have said meanwhile may lie in
   * sockets that this process has not read.
   */
  silent(nowMs: number): readonly string[] {
    const lateMs = nowMs - this.#askedMs - this.#everyMs
    this.#askedMs = nowMs
    if (lateMs > OWN_PAUSE_MS) return []
    const isSilent = ([, ms]: readonly [string, number]) => nowMs - ms > this.#silenceMs
    return [...this.#heardMs].filter(isSilent).map(([name]) => name)
  }
}
