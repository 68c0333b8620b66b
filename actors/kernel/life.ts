/**
 * One life of an actor: its behaviour, its children, its timers and what it watches. It is the
 * context which the behaviour sees. A restart ends one life and begins another; whatever still holds
 * the old one holds something that no longer does anything.
 */
import type { Cancel, Clock } from '../../lib/base/clock.js'
import { MillraceError } from '../../lib/base/errors.js'
import type { During, Failure } from '../../lib/supervision/failure.js'
import type { ActorContext, Behaviour, Next, Setup, SpawnOptions, TurnBudget } from './behaviour.js'
import { type ActorRef, isWatchable, whenEnded } from './ref.js'
import type { Supervisor } from './supervisor.js'

/** The actor, as its present life needs it. */
export interface Owner<M> {
  readonly self: ActorRef<M>
  readonly clock: Clock
  /** Data messages that have arrived so far. */
  readonly arrived: number
  spawn<C>(
    parent: Supervisor,
    name: string,
    setup: Setup<C>,
    options: SpawnOptions | undefined,
  ): ActorRef<C>
  stopSelf(): void
  /** Asks for a turn. */
  wake(): void
  fail(thrown: unknown, during: During): void
}

/** A death that has been reported; due when `behind` data messages have been taken. */
interface Death {
  readonly ref: ActorRef<never>
  readonly failure: Failure | null
  readonly behind: number
}

export class Life<M> implements ActorContext<M> {
  readonly #owner: Owner<M>
  readonly children: Supervisor
  readonly #timers = new Set<Cancel>()
  readonly #watched = new Map<ActorRef<never>, Cancel>()
  #deaths: Death[] = []
  #behaviour: Behaviour<M> | null = null
  #isOver = false
  #isReady = false

  constructor(owner: Owner<M>, children: Supervisor) {
    this.#owner = owner
    this.children = children
  }

  // What the behaviour sees.

  get self(): ActorRef<M> {
    return this.#owner.self
  }

  get path(): string {
    return this.#owner.self.path
  }

  get clock(): Clock {
    return this.#owner.clock
  }

  spawn<C>(name: string, setup: Setup<C>, options?: SpawnOptions): ActorRef<C> {
    if (this.#isOver) {
      throw new MillraceError('E_STOPPING', `${this.path}: this life has ended, no '${name}' in it`)
    }
    const child = this.#owner.spawn(this.children, name, setup, options)
    this.watch(child)
    return child
  }

  watch(ref: ActorRef<never>): void {
    const isKnown = this.#watched.has(ref) || this.#deaths.some((death) => death.ref === ref)
    if (this.#isOver || isKnown) return
    if (!isWatchable(ref)) {
      const message = `${this.path} cannot watch ${ref.path}: only refs made by spawn can be watched`
      throw new MillraceError('E_NOT_WATCHABLE', message)
    }
    this.#watched.set(ref, () => {})
    const cancel = ref[whenEnded]((failure) => this.#onEnded(ref, failure))
    if (this.#watched.has(ref)) this.#watched.set(ref, cancel)
  }

  unwatch(ref: ActorRef<never>): void {
    this.#watched.get(ref)?.()
    this.#watched.delete(ref)
    this.#deaths = this.#deaths.filter((death) => death.ref !== ref)
  }

  stop(ref: ActorRef<never> = this.self): void {
    if (this.#isOver) return
    if (ref === this.self) {
      this.#owner.stopSelf()
      return
    }
    // A child that has just stopped by itself is no mistake.
    if (this.children.stop(ref) || isChildPath(this.path, ref.path)) return
    const message = `${this.path} cannot stop ${ref.path}: an actor stops itself and its children`
    throw new MillraceError('E_NOT_A_CHILD', message)
  }

  ready(): void {
    if (this.#isOver || this.#isReady) return
    this.#isReady = true
    this.#owner.wake()
  }

  after(delayMs: number, message: M): Cancel {
    if (this.#isOver) return () => {}
    const cancel = this.#owner.clock.after(delayMs, () => {
      this.#timers.delete(cancel)
      this.#remind(message)
    })
    this.#timers.add(cancel)
    return () => {
      this.#timers.delete(cancel)
      cancel()
    }
  }

  fail(thrown: unknown): void {
    if (!this.#isOver) this.#owner.fail(thrown, 'callback')
  }

  // What the actor sees.

  /** Null until setup has returned. */
  get behaviour(): Behaviour<M> | null {
    return this.#behaviour
  }

  /** There is work, and a behaviour that does it. */
  get isReady(): boolean {
    return this.#isReady
  }

  begin(setup: Setup<M>): void {
    this.#behaviour = setup(this)
  }

  receive(message: M): void {
    const next: Next<M> = this.#behaviour!.receive(message, this)
    if (next !== undefined) this.#behaviour = next
  }

  work(budget: TurnBudget): void {
    // Taken back first, so that a `ready()` from within the call is not lost.
    this.#isReady = false
    if (this.#behaviour!.work?.(budget, this) === 'ready') this.#isReady = true
  }

  hasDeath(taken: number): boolean {
    return this.#deaths.length > 0 && this.#deaths[0]!.behind <= taken
  }

  terminated(): void {
    const { ref, failure } = this.#deaths.shift()!
    this.#behaviour!.terminated?.(ref, failure, this)
  }

  /** From here on the context does nothing. Children are closed by the actor. */
  end(): void {
    this.#isOver = true
    this.#isReady = false
    for (const cancel of this.#timers) cancel()
    for (const cancel of this.#watched.values()) cancel()
    this.#timers.clear()
    this.#watched.clear()
    this.#deaths = []
  }

  #onEnded(ref: ActorRef<never>, failure: Failure | null): void {
    this.#watched.delete(ref)
    this.#deaths.push({ ref, failure, behind: this.#owner.arrived })
    this.#owner.wake()
  }

  #remind(message: M): void {
    try {
      this.self.control(message)
    } catch (thrown) {
      this.#owner.fail(thrown, 'timer')
    }
  }
}

const isChildPath = (parent: string, path: string): boolean =>
  path.slice(0, path.lastIndexOf('/')) === parent
