/** What all actors of one system share. */
import type { Clock } from '../../lib/base/clock.js'
import type { Random } from '../../lib/base/random.js'
import type { During, Failure } from '../../lib/supervision/failure.js'
import type { Dispatcher } from './dispatcher.js'
import type { Undelivered } from './ref.js'

export interface Environment {
  readonly clock: Clock
  /** For jitter. */
  readonly random: Random
  readonly dispatcher: Dispatcher
  /** How long an asynchronous `stopped` is waited for. */
  readonly stopTimeoutMs: number
  readonly counts: Counts
  nextFailureId(): number
  /** Into the history and onto `failures$`. */
  publish(failure: Failure): void
  /** Publishes a failure from which nothing follows: the actor was ending, or is not concerned. */
  note(path: string, during: During, thrown: unknown): void
  undelivered(letter: Undelivered): void
}

/** Since the system began. Each only grows. */
export interface Counts {
  /** Messages that found their actor stopped. */
  undelivered: number
  /** Messages whose processing failed. */
  lost: number
  failures: number
}
