/**
 * Records of a job's `results$` on their way to one client that has asked for them.
 *
 * Each message costs a credit, which the client gives back when its subscribers have taken what was in
 * it. While there is none, sinks wait: a client that is slow slows the job down, as a subscriber of `run`
 * does, and what is held of a job is `CREDITS` messages and one batch of each sink.
 *
 * Sinks go on when the last of what they have published is with the link. So nothing overtakes it: not
 * what they publish next, and not that the job is done.
 */
import type { Clock } from '../../lib/base/clock.js'

/** Messages, of at most `messageBytesMax`, that a client has not answered. */
const CREDITS = 4
/** In one message. */
const RECORDS_MAX = 4096

interface Published {
  readonly records: readonly unknown[]
  readonly taken: () => void
  /** Of what was too large for one message: it is sent as it is. */
  readonly isPart?: true
}

/**
 * Calls `sent` before it returns where the link has taken them. Resolves when the client has; rejects with
 * E_MESSAGE_SIZE where they are too large for one message.
 */
export type SendResults = (records: readonly unknown[], sent: () => void) => Promise<void>

export class ResultTap {
  readonly #clock: Clock
  readonly #send: SendResults
  #waiting: Published[] = []
  #credits = CREDITS
  #isDue = false
  #isOver = false
  /** The link has not taken a message: what becomes of it is decided before any other is sent. */
  #isHeld = false

  constructor(clock: Clock, send: SendResults) {
    this.#clock = clock
    this.#send = send
  }

  /** Resolves when the link has them, or nobody wants them any more. */
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
    while (!this.#isHeld && this.#credits > 0 && this.#waiting.length > 0) {
      this.#deliver(this.#next())
    }
  }

  /** As many batches as go together. */
  #next(): Published {
    const first = this.#waiting.shift()!
    if (first.isPart || this.#waiting.length === 0) return first
    const records = [...first.records]
    const takes = [first.taken]
    while (this.#waiting.length > 0 && records.length < RECORDS_MAX) {
      const { records: more, taken } = this.#waiting.shift()!
      for (const record of more) records.push(record)
      takes.push(taken)
    }
    return {
      records,
      taken: () => {
        for (const taken of takes) taken()
      },
    }
  }

  #deliver(message: Published): void {
    this.#credits--
    this.#isHeld = true
    const answered = () => {
      this.#credits++
      this.#sendSoon()
    }
    const sent = () => {
      this.#isHeld = false
      message.taken()
    }
    this.#send(message.records, sent).then(answered, (error: unknown) => {
      if (this.#isHeld) this.#refused(message, error)
      answered()
    })
  }

  #refused({ records, taken }: Published, error: unknown): void {
    this.#isHeld = false
    const isTooLarge = (error as { code?: unknown }).code === 'E_MESSAGE_SIZE'
    // A record too large for a message, or of what cannot travel: looking on is no reason to fail.
    if (this.#isOver || !isTooLarge || records.length < 2) return taken()
    const half = records.length >> 1
    this.#waiting.unshift(
      { records: records.slice(0, half), taken: () => {}, isPart: true },
      { records: records.slice(half), taken, isPart: true },
    )
  }
}
