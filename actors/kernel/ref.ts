/** References: how actors are addressed. A ref outlives restarts, and may outlive its actor. */
import type { Cancel } from '../../lib/base/clock.js'
import type { Failure } from '../../lib/supervision/failure.js'

/**
 * The address of an actor that takes messages of type `M`.
 *
 * Contract
 * - Messages of one lane from one sender arrive in the order sent. The control lane is served first.
 * - A message to a stopped actor is counted and handed to `onDeadLetter`; nothing is thrown.
 * - A full lane throws `E_MAILBOX_FULL` (retryable) at the sender: an actor that does not catch it
 *   fails with it. No message is dropped in silence, and none waits outside the mailbox.
 * - Messages are handed over by reference: immutable by contract.
 */
export interface ActorRef<in M> {
  /** Names from the system down, joined by `/`: `system/pool/worker-1`. */
  readonly path: string
  /** Sends by the data lane. */
  tell(message: M): void
  /** Sends by the control lane, which is served before the data lane. For few, small messages. */
  control(message: M): void
}

/** The lane of a mailbox that a message goes by: control goes before data. */
export type Lane = 'data' | 'control'

/** A message that found its actor stopped, or was still waiting when it stopped. */
export interface Undelivered {
  readonly to: string
  readonly lane: Lane
  readonly message: unknown
}

/** Calls the listener once when the actor has stopped for good; at once if it has already. */
export const whenEnded: unique symbol = Symbol('whenEnded')

/** What death watch needs; every ref that `spawn` returns has it. */
export interface Watchable {
  /** The failure that ended the actor, or null. */
  [whenEnded](listener: (failure: Failure | null) => void): Cancel
}

export const isWatchable = (ref: object): ref is Watchable => whenEnded in ref
