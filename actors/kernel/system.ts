/**
 * An actor system: the tree of actors of one thread.
 *
 * ```
 * system                  the root: user code of none; never fails, so nothing escalates beyond it
 * ├── pool                a root actor, supervised by the system's own `supervise`
 * │   ├── worker-1        supervised by what `pool` was spawned with: only `pool` knows whether
 * │   └── worker-2        its workers can go on without each other
 * └── log                 a neighbour: what happens under `pool` reaches it only as messages
 * ```
 * - A failure is decided one level up, by data given where the parent was spawned: the code that
 *   failed does not judge itself.
 * - What a parent starts ends with it, in reverse order, since the younger may use the older.
 * - At the root an escalation stops the group that escalated, and leaves its neighbours alone.
 */
import type { Observable } from 'rxjs'
import { type Clock, systemClock } from '../../lib/base/clock.js'
import { MillraceError } from '../../lib/base/errors.js'
import type { Random } from '../../lib/base/random.js'
import { Subject } from '../../lib/base/rxjs.js'
import { optionNames, refuseUnknownOptions } from '../../lib/base/unknown-option.js'
import { createFailure, type During, type Failure } from '../../lib/supervision/failure.js'
import { FAILURES_KEPT, FailureHistory } from '../../lib/supervision/history.js'
import { type SupervisionOptions, supervise } from '../../lib/supervision/strategy.js'
import { spawn } from './actor.js'
import { ask } from './ask.js'
import type { Setup, SpawnOptions } from './behaviour.js'
import { Dispatcher } from './dispatcher.js'
import type { Counts, Environment } from './environment.js'
import { type ActorRef, isWatchable, type Undelivered, whenEnded } from './ref.js'
import { Supervisor } from './supervisor.js'

/** Options of `createActorSystem`. */
export interface ActorSystemOptions {
  /** First part of every path. Default 'system'. */
  readonly name?: string
  /** How root actors are supervised. Default `supervise()`. */
  readonly supervise?: SupervisionOptions
  /** Default the machine's. */
  readonly clock?: Clock
  /** Chance, for jitter. Default `Math.random`. */
  readonly random?: Random
  /** Chooses which ready actor runs next; see `Dispatcher`. Default: first come, first served. */
  readonly pick?: Random
  /** Time before the event loop gets its chance. Default 4 ms. */
  readonly budgetMs?: number
  /** Units of work in one turn of an actor. Default 1,024. */
  readonly stepsMax?: number
  /** How long an asynchronous `stopped` is waited for. Default 5 s. */
  readonly stopTimeoutMs?: number
  /** Failures that the history keeps. Default 1,000. */
  readonly failuresKept?: number
  /** Told of every message that found its actor stopped. What it throws is noted as a failure. */
  readonly onDeadLetter?: (letter: Undelivered) => void
}

/** The actors of one thread, from the root down. */
export interface ActorSystem {
  readonly name: string
  readonly clock: Clock
  readonly dispatcher: Dispatcher
  /** Every failure, with what was decided about it; completes when the system has stopped. */
  readonly failures$: Observable<Failure>
  /** The last failures, oldest first. */
  readonly failures: readonly Failure[]
  readonly counts: Readonly<Counts>
  /** Starts a root actor. @throws MillraceError `E_NAME_TAKEN`, `E_BAD_NAME`, `E_STOPPING`. */
  spawn<M>(name: string, setup: Setup<M>, options?: SpawnOptions): ActorRef<M>
  /**
   * Stops everything, or one root actor; the promise resolves when it is down. Calling it again
   * waits for the same end. @throws MillraceError `E_NOT_A_CHILD` for any other actor.
   */
  stop(ref?: ActorRef<never>): Promise<void>
  /** Resolves when that actor has stopped for good, with the failure that ended it, or null. */
  ended(ref: ActorRef<never>): Promise<Failure | null>
  /** As the function `ask`, on this system's clock. */
  ask<M, R>(ref: ActorRef<M>, question: (reply: ActorRef<R>) => M, timeoutMs: number): Promise<R>
}

/**
 * An empty system. It holds no thread and no timer while its actors are idle.
 *
 * @throws MillraceError `E_UNKNOWN_OPTION`.
 * @example
 * const system = createActorSystem({ name: 'demo' })
 * const greeter = system.spawn<string>('greeter', () => ({ receive: (name) => console.log(name) }))
 * greeter.tell('Ada')
 */
export function createActorSystem(options: ActorSystemOptions = {}): ActorSystem {
  refuseUnknownOptions('createActorSystem', options, OPTIONS)
  return new LocalSystem(options)
}

const OPTIONS = optionNames<ActorSystemOptions>({
  name: true,
  supervise: true,
  clock: true,
  random: true,
  pick: true,
  budgetMs: true,
  stepsMax: true,
  stopTimeoutMs: true,
  failuresKept: true,
  onDeadLetter: true,
})

class LocalSystem implements ActorSystem, Environment {
  readonly name: string
  readonly clock: Clock
  readonly random: Random
  readonly dispatcher: Dispatcher
  readonly stopTimeoutMs: number
  readonly counts: Counts = { undelivered: 0, lost: 0, failures: 0 }
  readonly #root: Supervisor
  readonly #history: FailureHistory
  readonly #failures = new Subject<Failure>()
  readonly failures$: Observable<Failure> = this.#failures.asObservable()
  readonly #onDeadLetter: (letter: Undelivered) => void
  #stopping: Promise<void> | null = null

  constructor(options: ActorSystemOptions) {
    this.name = options.name ?? 'system'
    this.clock = options.clock ?? systemClock
    this.random = options.random ?? Math.random
    this.stopTimeoutMs = options.stopTimeoutMs ?? 5_000
    const { budgetMs, stepsMax, pick } = options
    this.dispatcher = new Dispatcher({
      clock: this.clock,
      ...(budgetMs === undefined ? {} : { budgetMs }),
      ...(stepsMax === undefined ? {} : { stepsMax }),
      ...(pick === undefined ? {} : { pick }),
    })
    this.#onDeadLetter = options.onDeadLetter ?? (() => {})
    this.#history = new FailureHistory(options.failuresKept ?? FAILURES_KEPT)
    this.#root = new Supervisor(this.name, this, supervise(options.supervise))
  }

  get failures(): readonly Failure[] {
    return this.#history.toArray()
  }

  spawn<M>(name: string, setup: Setup<M>, options?: SpawnOptions): ActorRef<M> {
    return spawn(this, this.#root, this.name, name, setup, options)
  }

  stop(ref?: ActorRef<never>): Promise<void> {
    return ref === undefined ? this.#stopAll() : this.#stopOne(ref)
  }

  ended(ref: ActorRef<never>): Promise<Failure | null> {
    if (isWatchable(ref)) return new Promise((resolve) => ref[whenEnded](resolve))
    const message = `${ref.path} cannot be watched: only refs made by spawn can`
    return Promise.reject(new MillraceError('E_NOT_WATCHABLE', message))
  }

  ask<M, R>(ref: ActorRef<M>, question: (reply: ActorRef<R>) => M, timeoutMs: number): Promise<R> {
    return ask(this.clock, ref, question, timeoutMs)
  }

  // As the environment of its actors.

  nextFailureId(): number {
    this.counts.failures++
    return this.counts.failures
  }

  publish(failure: Failure): void {
    this.#history.add(failure)
    this.#failures.next(failure)
  }

  note(path: string, during: During, thrown: unknown): void {
    const id = this.nextFailureId()
    const wallTimeMs = this.clock.wallTime()
    const failure = createFailure({ id, wallTimeMs, path, during, thrown, attempt: 1 })
    this.publish({ ...failure, decision: 'none' })
  }

  undelivered(letter: Undelivered): void {
    this.counts.undelivered++
    try {
      this.#onDeadLetter(letter)
    } catch (thrown) {
      this.note(letter.to, 'callback', thrown)
    }
  }

  #stopAll(): Promise<void> {
    this.#stopping ??= new Promise((resolve) =>
      this.#root.close(() => {
        this.#failures.complete()
        resolve()
      }),
    )
    return this.#stopping
  }

  #stopOne(ref: ActorRef<never>): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#root.stop(ref, resolve)) return
      // A root actor that is no longer there has stopped before.
      if (ref.path.lastIndexOf('/') === this.name.length) return resolve()
      const message = `${ref.path} is not a root actor of ${this.name}: its parent stops it`
      reject(new MillraceError('E_NOT_A_CHILD', message))
    })
  }
}
