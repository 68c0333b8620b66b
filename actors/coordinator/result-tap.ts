/**
 * Records of a job's `results$` on their way to one client that has asked for them.
 *
 * Each message costs a credit, which the client gives back when its subscribers have taken what was in
 * it. While there is none, sinks wait: a client that is slow slows the job down, as a subscriber of `run`
 * does, and what is held of a job is `CREDITS` messages and one batch of each sink.
 */
import type { Clock } from '../../lib/base/clock.js'
import { inMessages } from '../../lib/transport/in-messages.js'

/** Messages, of at most `messageBytesMax`, that a client has not answered. */
const CREDITS = 4
/** In one message. */
const RECORDS_MAX = 4096

interface Published {
  readonly records: readonly unknown[]
  readonly taken: () => void
}

export class ResultTap {
  readonly #clock: Clock
  readonly #send: (records: readonly unknown[]) => Promise<void>
  #waiting: Published[] = []
  #credits = CREDITS
  #isDue = false
  #isOver = false

  /** `send` resolves when the client has taken them. */
  constructor(clock: Clock, send: (records: readonly unknown[]) => Promise<void>) {
    this.#clock = clock
    this.#send = send
  }

  /** Resolves when there was credit for them, or nobody wants them any more. */
  take(records: readonly unknown[]): Promise<void> {
    if (this.#isOver || records.length === 0) return Promise.resolve()
    return new Promise((taken) => {
      this.#waiting.push({ records, taken })
      this.#sendSoon()
    })
  }

  /** Whoever waits goes on. */
  end(): void {
    this.#isOver = true
    for (const { taken } of this.#waiting.splice(0)) taken()
  }

  /** What comes in one turn goes in one message. */
  #sendSoon(): void {
    if (this.#isDue || this.#credits === 0) return
    this.#isDue = true
    this.#clock.soon(() => {
      this.#isDue = false
      this.#sendNow()
    })
  }

  #sendNow(): void {
    while (this.#credits > 0 && this.#waiting.length > 0) {
      const records: unknown[] = []
      do {
        const { records: more, taken } = this.#waiting.shift()!
        for (const record of more) records.push(record)
        taken()
      } while (this.#waiting.length > 0 && records.length < RECORDS_MAX)
      this.#credits--
      this.#deliver(records)
    }
  }

  #deliver(records: readonly unknown[]): void {
    const answered = () => {
      this.#credits++
      this.#sendSoon()
    }
    // A record too large for a message, or of what cannot travel: looking on is no reason to fail.
    inMessages(records, this.#send).then(answered, answered)
  }
}
