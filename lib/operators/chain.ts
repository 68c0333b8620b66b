/**
 * A chain: operators fused into one unit, as an RxJS pipeline over signals, and the one gate through
 * which it gives permission to go on.
 *
 * Signals are pushed by the owner; permission is pulled by the operators. Operators that could not
 * finish are deferred here by their position in the chain. They are drained downstream first: a
 * position may only continue when nothing further down is deferred and the end takes another batch.
 * The owner pushes no signal while the chain is blocked, so at most one signal is ever under way in it.
 * But a barrier that must not wait passes deferred operators that can all store what they hold.
 */
import type { OperatorFunction, Subscription } from 'rxjs'
import { assert } from '../base/assert.js'
import { pipe, Subject, tap } from '../base/rxjs.js'
import type { Deferred, Gate } from './operator.js'
import { BARRIER, BATCH, type Batch, INPUT, type Marker, type Signal } from './signal.js'

/** Where a chain's signals go: channels, or a sink. */
export interface ChainEnd {
  /** False while it must not be given another batch. */
  readonly writable: boolean
  write(batch: Batch): void
  signal(signal: Marker): void
}

/** An operator ready to be placed: gets its own view of the gate. */
export type ChainLink = (
  gate: Gate,
  wake: (work: Deferred) => void,
) => OperatorFunction<Signal, Signal>

export interface ChainOwner {
  /** True where its turn is over; counts a unit of work. Default: never. */
  isTurnOver?(): boolean
  /** An operator has something to do outside a turn: give the chain one. */
  onWake(): void
  /** The chain has failed and must not be used any more. */
  onFailure(error: unknown): void
}

export interface Chain {
  /** True while an operator is deferred: drain it before the next signal. */
  readonly blocked: boolean
  /** True while a barrier may be pushed although the chain is blocked: what is deferred can be stored. */
  readonly storable: boolean
  /**
   * Caller must not push while `blocked`, but for a barrier while `storable`, nor a batch while its end is
   * not writable.
   */
  push(signal: Signal): void
  /** Continues deferred operators; true when none is left. */
  drain(): boolean
  /** True where the last drain has left work because the turn was over: it goes on in the next one. */
  readonly yielded: boolean
  /** Cancels: operators release what they hold, at once. */
  close(): void
}

export function openChain(links: readonly ChainLink[], end: ChainEnd, owner: ChainOwner): Chain {
  return new SignalChain(links, end, owner)
}

class SignalChain implements Chain {
  readonly #inbox = new Subject<Signal>()
  readonly #end: ChainEnd
  readonly #subscription: Subscription
  /** Deferred work by position; mostly empty, never longer than the chain. */
  readonly #deferred: Deferred[][]
  /** Position of the deferred work furthest down; -1 when there is none. */
  #furthest = -1
  readonly #owner: ChainOwner
  yielded = false

  constructor(links: readonly ChainLink[], end: ChainEnd, owner: ChainOwner) {
    this.#end = end
    this.#owner = owner
    this.#deferred = links.map(() => [])
    const operators = links.map((link, position) =>
      link(this.#gateAt(position), (work) => {
        this.#defer(position, work)
        owner.onWake()
      }),
    )
    this.#subscription = this.#inbox
      .pipe(pipeAll(operators), passTo(end))
      .subscribe({ error: (error: unknown) => owner.onFailure(error) })
  }

  get blocked(): boolean {
    return this.#furthest >= 0
  }

  get storable(): boolean {
    return this.#deferred.every((waiting) => waiting.every((work) => work.storable === true))
  }

  push(signal: Signal): void {
    const mayPass = this.#furthest < 0 || (signal.tag === BARRIER && this.storable)
    assert(
      mayPass,
      'nothing is pushed into a chain with deferred work, but a barrier that it stores',
    )
    this.#inbox.next(signal)
  }

  drain(): boolean {
    this.yielded = false
    while (this.#furthest >= 0) {
      if (!this.#end.writable) return false
      const position = this.#furthest
      const waiting = this.#deferred[position]!
      if (!waiting[0]!.drain()) return false
      // Draining may have deferred something further down; only what was drained is taken off.
      waiting.shift()
      this.#furthest = this.#findFurthest()
    }
    return true
  }

  close(): void {
    this.#subscription.unsubscribe()
    for (const waiting of this.#deferred) waiting.length = 0
    this.#furthest = -1
  }

  #gateAt(position: number): Gate {
    const isOpen = () => this.#furthest <= position && this.#end.writable
    const defer = (work: Deferred) => this.#defer(position, work)
    const yields = () => {
      if (this.#owner.isTurnOver?.() === true) this.yielded = true
      return this.yielded
    }
    return {
      yields,
      get open() {
        return isOpen()
      },
      defer,
    }
  }

  #defer(position: number, work: Deferred): void {
    const waiting = this.#deferred[position]!
    if (!waiting.includes(work)) waiting.push(work)
    if (position > this.#furthest) this.#furthest = position
  }

  #findFurthest(): number {
    for (let position = this.#deferred.length - 1; position >= 0; position--) {
      if (this.#deferred[position]!.length > 0) return position
    }
    return -1
  }
}

/** What the end throws is a failure of the chain: a subscriber's own throw would be nobody's. */
const passTo = (end: ChainEnd) =>
  tap<Signal>((signal) => {
    if (signal.tag === BATCH) end.write(signal)
    else if (signal.tag !== INPUT) end.signal(signal)
  })

/** RxJS types `pipe` for a fixed number of operators only. */
function pipeAll(
  operators: readonly OperatorFunction<Signal, Signal>[],
): OperatorFunction<Signal, Signal> {
  const untyped = pipe as (...all: readonly OperatorFunction<Signal, Signal>[]) => unknown
  return untyped(...operators) as OperatorFunction<Signal, Signal>
}
