/**
 * Records of a job's `results$` that have come to this client. A message is answered when the subscribers
 * have taken what is in it: that gives its credit back (`coordinator/result-tap.ts`), so what is held here
 * is bounded, and who is slow slows the job down.
 *
 * As with `run`, whoever subscribes in the turn in which the job was started misses nothing; without any
 * subscriber nothing is asked for, and nothing waits.
 */
import type { Clock } from '../../lib/base/clock.js'
import { Observable, Subject } from '../../lib/base/rxjs.js'

/** Subscribers work for so long at a time; then the connection has its turn, and shows life. */
const SLICE_MS = 20

interface Message {
  readonly records: readonly unknown[]
  readonly answer: () => void
  /** Records that were taken. */
  at: number
}

export class ResultInbox {
  readonly results$: Observable<unknown>
  readonly #clock: Clock
  readonly #onWish: () => void
  readonly #out = new Subject<unknown>()
  readonly #messages: Message[] = []
  #subscribers = 0
  #isHeld = false
  #isDraining = false
  #end: (() => void) | null = null

  /** `onWish`: `isWanted` has changed. */
  constructor(clock: Clock, onWish: () => void) {
    this.#clock = clock
    this.#onWish = onWish
    this.results$ = new Observable((subscriber) => {
      const taking = this.#out.subscribe(subscriber)
      this.#count(1)
      return () => {
        taking.unsubscribe()
        this.#count(-1)
      }
    })
  }

  /** Results are to be sent. */
  get isWanted(): boolean {
    return this.#isHeld || this.#subscribers > 0
  }

  /** What comes waits for those who are about to subscribe, until `release`. */
  hold(): void {
    this.#isHeld = true
  }

  release(): void {
    if (!this.#isHeld) return
    this.#isHeld = false
    if (!this.isWanted) this.#onWish()
    this.#drain()
  }

  /** Resolves when they have been taken, or nobody wants them. */
  take(records: readonly unknown[]): Promise<void> {
    return new Promise((answer) => {
      this.#messages.push({ records, answer, at: 0 })
      this.#drain()
    })
  }

  /** Behind what has come; null: completes. */
  end(error: Error | null): void {
    this.#end = () => (error === null ? this.#out.complete() : this.#out.error(error))
    this.#drain()
  }

  #count(change: 1 | -1): void {
    const wasWanted = this.isWanted
    this.#subscribers += change
    if (wasWanted !== this.isWanted && this.#end === null) this.#onWish()
  }

  #drain(): void {
    if (this.#isHeld || this.#isDraining) return
    this.#isDraining = true
    this.#takeSome()
  }

  #takeSome(): void {
    const endMs = this.#clock.now() + SLICE_MS
    for (let message = this.#messages[0]; message !== undefined; message = this.#messages[0]) {
      const { records } = message
      while (message.at < records.length && this.#subscribers > 0) {
        this.#out.next(records[message.at++])
        if (this.#clock.now() >= endMs) return this.#clock.soon(() => this.#takeSome())
      }
      this.#messages.shift()
      message.answer()
    }
    this.#isDraining = false
    this.#end?.()
  }
}
