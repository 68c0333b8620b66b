/**
 * The shell of every operator: turns handlers of signals into an RxJS operator.
 *
 * Error routing, cancellation and the pump of deferred output are written here once, so that an
 * operator's file holds only its idea. What a handler throws, whoever called it, becomes the error
 * notification of the chain; after it, or after unsubscribing, no handler is called again.
 */
import type { OperatorFunction, Subscriber } from 'rxjs'
import { Observable, Subscription } from '../base/rxjs.js'
import type { Deferred, Gate } from './operator.js'
import { BATCH, type Batch, END, type Signal } from './signal.js'

/** What an operator does with its input. Handlers that are missing pass the signal on. */
export interface SignalHandlers<A> {
  batch(batch: Batch<A>): void
  /** Watermark, barrier, idle. */
  mark?(signal: Exclude<Signal<A>, Batch<A>>): void
  /** The end. Default: as `mark`, else passed on. */
  end?(signal: Signal<A>): void
  /** Releases what is held; called once, after the end, an error, or unsubscribing. */
  close?(): void
}

/** The way out of an operator. */
export interface Outlet<B> {
  emit(signal: Signal<B>): void
  /** True once nobody listens any more: stop. */
  readonly closed: boolean
  /**
   * Runs `work` as deferred work: what it throws fails the chain, and then nothing is left. `isStorable`:
   * see `Deferred`; default: never.
   */
  deferred(work: () => boolean, isStorable?: () => boolean): Deferred
  /**
   * Cancels what stands before this operator in the chain, as RxJS does when `take` has enough: an
   * endless expansion there would never notice otherwise. No signal comes any more.
   */
  stop(): void
}

/** Makes the operator. `open` is called once per subscription. */
export function signalOperator<A, B>(
  open: (out: Outlet<B>) => SignalHandlers<A>,
): OperatorFunction<Signal<A>, Signal<B>> {
  return (source) =>
    new Observable((subscriber) => {
      const upstream = new Subscription()
      const out = createOutlet(subscriber, upstream)
      const handlers = open(out)
      const mark = handlers.mark?.bind(handlers) ?? ((signal) => out.emit(signal as Signal<B>))
      const end = handlers.end?.bind(handlers) ?? mark
      // Registered before subscribing: a source may emit, fail or complete at once.
      if (handlers.close !== undefined) subscriber.add(() => handlers.close?.())
      subscriber.add(upstream)
      upstream.add(
        source.subscribe({
          next(signal) {
            if (subscriber.closed || upstream.closed) return
            try {
              if (signal.tag === BATCH) handlers.batch(signal)
              else if (signal.tag === END) end(signal)
              else mark(signal)
            } catch (error) {
              subscriber.error(error)
            }
          },
          error: (error) => subscriber.error(error),
          complete: () => subscriber.complete(),
        }),
      )
    })
}

function createOutlet<B>(subscriber: Subscriber<Signal<B>>, upstream: Subscription): Outlet<B> {
  return {
    emit: (signal) => subscriber.next(signal),
    get closed() {
      return subscriber.closed
    },
    deferred: (work, isStorable = never) => ({
      get storable() {
        return isStorable()
      },
      drain() {
        if (subscriber.closed) return true
        try {
          return work()
        } catch (error) {
          subscriber.error(error)
          return true
        }
      },
    }),
    stop: () => upstream.unsubscribe(),
  }
}

/** What `next` of a pump gives where there is nothing to emit yet, after some work. */
export const NOTHING_YET: unique symbol = Symbol('nothing yet')

/** Gives batches until null. */
export type NextBatch<B> = () => Batch<B> | typeof NOTHING_YET | null

/** Output that may have to wait for the gate. */
export interface Pump<B> {
  /**
   * Emits what `next` gives until it gives null, then calls `done`; true. When the gate closes
   * before, keeps both, defers, and goes on at the next drain; false.
   */
  start(next: NextBatch<B>, done: () => void): boolean
  /** As `start`, in a turn of its own: returns the work, for `context.wake`. */
  prepare(next: NextBatch<B>, done: () => void): Deferred
  readonly busy: boolean
}

/**
 * `next` is asked for one batch at a time: what is still to come stays in the operator's cursor.
 * `isStorable`: whether that can be stored; default: never. `isLong`: whether more is left than one batch
 * should wait for, so that it goes on in another turn where this one is over; default: never.
 */
export function createPump<B>(
  gate: Gate,
  out: Outlet<B>,
  isStorable = never,
  isLong = never,
): Pump<B> {
  let next: NextBatch<B> | null = null
  let done: () => void = nothing

  function run(): boolean {
    let hasBegun = false
    while (next !== null) {
      if (out.closed) return true
      if (!gate.open || (hasBegun && isLong() && gate.yields?.() === true)) {
        gate.defer(deferred)
        return false
      }
      hasBegun = true
      const batch = next()
      if (batch === NOTHING_YET) continue
      if (batch === null) {
        next = null
        // May start the next run; then that one says whether something is left.
        done()
        continue
      }
      out.emit(batch)
    }
    return true
  }

  const deferred = out.deferred(run, isStorable)
  return {
    start(nextBatch, whenDone) {
      next = nextBatch
      done = whenDone
      return run()
    },
    prepare(nextBatch, whenDone) {
      next = nextBatch
      done = whenDone
      return deferred
    },
    get busy() {
      return next !== null
    },
  }
}

const nothing = (): void => {}
const never = (): boolean => false
