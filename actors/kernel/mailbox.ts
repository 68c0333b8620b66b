/**
 * The mailbox: two bounded lanes. Who takes from it asks the control lane first.
 *
 * It counts what it took in and gave out on the data lane, so that a signal can be given its place
 * in the order of messages without occupying one (`pushed` when it came, due once `taken` is there).
 */
import { MillraceError } from '../../lib/base/errors.js'
import { RingBuffer } from '../../lib/base/ring-buffer.js'
import type { Lane } from './ref.js'

export const MAILBOX_CAPACITY = 16_384
/** Control messages are few: a lane that is full of them shows a loop or a dead actor. */
export const CONTROL_CAPACITY = 4_096

export class Mailbox<M> {
  readonly #data: RingBuffer<M>
  readonly #control: RingBuffer<M>
  /** Data messages taken in since the beginning. */
  pushed = 0
  /** Data messages given out since the beginning; never more than `pushed`. */
  taken = 0

  constructor(capacity: number = MAILBOX_CAPACITY, controlCapacity: number = CONTROL_CAPACITY) {
    this.#data = new RingBuffer(capacity)
    this.#control = new RingBuffer(controlCapacity)
  }

  /** Data messages waiting. */
  get size(): number {
    return this.#data.size
  }

  /** Control messages waiting. */
  get controls(): number {
    return this.#control.size
  }

  /** False when the data lane is full. */
  tell(message: M): boolean {
    if (!this.#data.push(message)) return false
    this.pushed++
    return true
  }

  /** False when the control lane is full. */
  control(message: M): boolean {
    return this.#control.push(message)
  }

  /** The next data message. Caller must have seen `size` > 0. */
  take(): M {
    this.taken++
    return this.#data.shift() as M
  }

  /** The next control message. Caller must have seen `controls` > 0. */
  takeControl(): M {
    return this.#control.shift() as M
  }
}

/** What the sender gets when `waiting` messages fill a lane. */
export function mailboxFull(path: string, lane: Lane, waiting: number): MillraceError {
  const message =
    `the ${lane} lane of ${path} is full: ${waiting} messages wait; ` +
    'send less, wait for answers, or give it a larger mailboxCapacity'
  const details = { actor: path, lane, capacity: waiting }
  return new MillraceError('E_MAILBOX_FULL', message, { retryable: true, details })
}
