/**
 * The contract between an actor and the kernel.
 *
 * An actor is made by its *setup*, which returns its first behaviour. A restart calls setup again, so
 * whatever setup creates is new in each life, and what it closes over is shared by all of them.
 *
 * ## Protocol
 * - All hooks of one actor, and setup, run one at a time, each in a turn of its own thread; they MUST
 *   be synchronous, but for `stopped`. The result of something asynchronous comes back as a message.
 * - Order within a life: setup, `started`, then `receive`, `terminated` and `work` as things come,
 *   then `stopped`, after all children have stopped.
 * - Between two units of work the kernel looks, in this order, for: an order of the supervisor, a
 *   control message, a death that is due, a data message, work.
 * - What a hook throws is a failure; the parent's supervision decides. The message that was being
 *   processed is lost and counted; what waits in the mailbox is kept, through a restart too.
 */
import type { Cancel, Clock } from '../../lib/base/clock.js'
import type { Failure } from '../../lib/supervision/failure.js'
import type { SupervisionOptions } from '../../lib/supervision/strategy.js'
import type { ActorRef } from './ref.js'

/** Begins a life of an actor: called at the start and after each restart, with fresh state. */
export type Setup<M> = (context: ActorContext<M>) => Behaviour<M>

/** A returned behaviour replaces the present one, from the next message on. */
// biome-ignore lint/suspicious/noConfusingVoidType: a handler that stays as it is returns nothing
export type Next<M> = Behaviour<M> | void

/** Why a life ends: for good, or to make room for the next one. */
export type Ending = 'stop' | 'restart'

/** How an actor reacts, in one life: what its setup returns. */
export interface Behaviour<M> {
  started?(context: ActorContext<M>): void
  receive(message: M, context: ActorContext<M>): Next<M>
  /**
   * Bulk work beyond messages, done when no message waits. Called after `context.ready()`, and again
   * while it returns 'ready'. It MUST return soon after `budget.exhausted()` is true.
   */
  work?(budget: TurnBudget, context: ActorContext<M>): 'ready' | 'idle'
  /**
   * A child or a watched actor has stopped for good; `failure` is null unless one ended it. Comes
   * after every data message that had arrived before it did.
   */
  terminated?(ref: ActorRef<never>, failure: Failure | null, context: ActorContext<M>): void
  /**
   * Going on after a failure that was answered with 'resume'. After a failure of `work` the actor is
   * not ready: call `context.ready()` here where there is more to do.
   */
  resumed?(context: ActorContext<M>): void
  /**
   * Releases what this life holds. May take time, up to the system's `stopTimeoutMs`. Failures here
   * are published and change nothing.
   */
  stopped?(context: ActorContext<M>, why: Ending): void | Promise<void>
}

/** The end of a turn: by time, or by units of work, whichever comes first. */
export interface TurnBudget {
  /** Counts one unit of work. True when the turn should end: ask between units, then return. */
  exhausted(): boolean
}

/** Options of `spawn`. */
export interface SpawnOptions {
  /** How this actor supervises ITS children. Default `supervise()`: each restarts by itself. */
  readonly supervise?: SupervisionOptions
  /** Data messages that may wait. Default 16,384. */
  readonly mailboxCapacity?: number
  /** Children with the same label are acted on together under the strategy 'region'. */
  readonly region?: string
}

/**
 * What one life of an actor may do. A context ends with its life: through that of a former life, as
 * a late promise may hold it, `fail`, `ready` and `after` do nothing.
 */
export interface ActorContext<M> {
  readonly self: ActorRef<M>
  readonly path: string
  readonly clock: Clock
  /**
   * Starts a child, which is watched. Names are unique among living siblings and contain no `/`.
   *
   * @throws MillraceError `E_NAME_TAKEN`, `E_BAD_NAME`, `E_STOPPING`.
   */
  spawn<C>(name: string, setup: Setup<C>, options?: SpawnOptions): ActorRef<C>
  /** Asks for `terminated` when that actor stops for good. Ends with this life. Idempotent. */
  watch(ref: ActorRef<never>): void
  unwatch(ref: ActorRef<never>): void
  /**
   * Stops a child, or this actor when `ref` is left out, after the message in hand. It overtakes what
   * waits in the mailbox: to end behind it, tell yourself a last message.
   *
   * @throws MillraceError `E_NOT_A_CHILD`.
   */
  stop(ref?: ActorRef<never>): void
  /** Says that there is `work`. From any callback, any number of times. */
  ready(): void
  /** Sends `message` to this actor after `delayMs`, by the control lane, unless the life has ended. */
  after(delayMs: number, message: M): Cancel
  /** Fails this actor, from any callback, in its next turn. */
  fail(error: unknown): void
}
