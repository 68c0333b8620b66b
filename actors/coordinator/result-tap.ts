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
import { isTooLarge } from '../../lib/transport/in-messages.js'
import { EncodedRecord, type RecordPart } from '../../lib/transport/record-parts.js'

/** Messages, of at most `messageBytesMax`, that a client has not answered. */
const CREDITS = 4
/** In one message. */
const RECORDS_MAX = 4096

interface Published {
  readonly records: readonly unknown[]
  readonly taken: () => void
  /** Of what was too large for one message: it is sent as it is. */
  readonly isPart?: true
  /** Instead of records: of a single one that is too large. */
  readonly part?: RecordPart
}

/**
 * Each calls `sent` before it returns where the link has taken it. Resolves when the client has; rejects with
 * E_MESSAGE_SIZE for records that are too large for one message.
 */
export interface SendResults {
  records(records: readonly unknown[], sent: () => void): Promise<void>
  part(part: RecordPart, sent: () => void): Promise<void>
}

export class ResultTap {
  readonly #clock: Clock
  readonly #send: SendResults
  #waiting: Published[] = []
  #credits = CREDITS
  /** Records that went in parts. */
  #cutCount = 0
  #isDue = false
  #isOver = false
  /** The link has not taken a message: what becomes of it is decided before any other is sent. */
  #isHeld = false

  constructor(clock: Clock, send: SendResults) {
    this.#clock = clock
    this.#send = send
  }

  /** Records, or a single one encoded. Resolves when the link has them, or nobody wants them any more. */
  take(records: readonly unknown[]): Promise<void> {
    if (this.#isOver || records.length === 0) return Promise.resolve()
    const [first] = records
    return new Promise((taken) => {
      if (first instanceof EncodedRecord) this.#waiting.push(...this.#cut(first, taken))
      else this.#waiting.push({ records, taken })
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
    while (records.length < RECORDS_MAX && this.#waiting[0]?.isPart === undefined) {
      const batch = this.#waiting.shift()
      if (batch === undefined) break
      const { records: more, taken } = batch
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
    const { records, part } = message
    const sending =
      part === undefined ? this.#send.records(records, sent) : this.#send.part(part, sent)
    sending.then(answered, (error: unknown) => {
      if (this.#isHeld) this.#refused(message, error)
      answered()
    })
  }

  #cut(record: EncodedRecord, taken: () => void): Published[] {
    const cut: Published[] = []
    for (const part of record.parts(this.#cutCount++)) {
      const isLast = part.at + part.bytes.length === part.total
      cut.push({ records: [], taken: isLast ? taken : () => {}, isPart: true, part })
    }
    return cut
  }

  #refused({ records, taken }: Published, error: unknown): void {
    this.#isHeld = false
    // What has come here can travel on: the client is gone.
    if (this.#isOver || !isTooLarge(error)) return taken()
    if (records.length === 1) {
      this.#waiting.unshift(...this.#cut(EncodedRecord.of(records[0]), taken))
      return
    }
    const half = records.length >> 1
    this.#waiting.unshift(
      { records: records.slice(0, half), taken: () => {}, isPart: true },
      { records: records.slice(half), taken, isPart: true },
    )
  }
}
