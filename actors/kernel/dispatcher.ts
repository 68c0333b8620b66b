/**
 * The dispatcher: runs the ready actors of one thread in turns.
 *
 * ## Phases of a slice
 *   1. The next ready actor gets a turn (`turnMs`, or `stepsMax` units of work).
 *   2. Every poller is asked whether it has brought something (ports, flushes that are due).
 *   3. Nothing ready and nothing brought: every poller is told `idle`; if still nothing is ready the
 *      dispatcher sleeps until `schedule` or `wake`.
 *   4. After `budgetMs` (or TURNS_MAX turns) it yields to the event loop and asks to be called again,
 *      behind pending I/O.
 *
 * An actor that stays ready goes to the end of the queue, so between two of its turns every other
 * ready actor has one. Times are measured on the given clock; units and turns are counted as well, so
 * that a clock which stands still ends turns and slices too. With `pick` the next actor is chosen at
 * random among the ready: a seeded one replays a run, and many seeds try many orders.
 */
import { assert } from '../../lib/base/assert.js'
import type { Cancel, Clock } from '../../lib/base/clock.js'
import type { Random } from '../../lib/base/random.js'
import { RingBuffer } from '../../lib/base/ring-buffer.js'
import type { TurnBudget } from './behaviour.js'
import { StepBudget } from './step-budget.js'

/** What gets turns. */
export interface Runnable {
  /** Whether it stands in the queue. Belongs to the dispatcher. */
  scheduled: boolean
  /** Takes a turn; true when it wants another. It MUST NOT throw. */
  turn(budget: TurnBudget): boolean
}

/** What is looked after between turns: the data plane's ports and flushes. It MUST NOT throw. */
export interface Poller {
  /** Called after every turn: must be cheap. True when it brought something. */
  poll(): boolean
  /** Called when nothing is ready, before the thread sleeps: flush, ask to be woken. */
  idle(): void
}

export interface DispatcherOptions {
  readonly clock: Clock
  /** Time before the event loop gets its chance. Default 4 ms. */
  readonly budgetMs?: number
  /** Time of one actor before the next one gets its turn. Default a quarter of `budgetMs`. */
  readonly turnMs?: number
  /** Units of work (messages, calls of `work`) in one turn. Default 1,024. */
  readonly stepsMax?: number
  /** Chooses among the ready. Default: first come, first served. */
  readonly pick?: Random
}

/** Turns in one slice, whatever the time. */
const TURNS_MAX = 1024
/** Actors of one thread. */
const ACTORS_MAX = 1 << 20

/** Runs the ready actors of one thread in turns. */
export class Dispatcher {
  readonly #clock: Clock
  readonly #budgetMs: number
  readonly #pick: Random | null
  readonly #turnBudget: StepBudget
  readonly #ready = new RingBuffer<Runnable>(ACTORS_MAX)
  #pollers: readonly Poller[] = []
  /** A slice is running, or has been asked for. */
  #awake = false
  /** Asked for, since the last look at the pollers. */
  #woken = false
  #isPaused = false
  #turns = 0
  readonly #runSlice = (): void => this.#slice()

  constructor(options: DispatcherOptions) {
    const { clock, budgetMs = 4, turnMs = budgetMs / 4, stepsMax = 1024 } = options
    assert(budgetMs > 0 && turnMs > 0, 'a dispatcher has time to give')
    this.#clock = clock
    this.#budgetMs = budgetMs
    this.#pick = options.pick ?? null
    this.#turnBudget = new StepBudget(clock, turnMs, stepsMax)
  }

  /** Actors that wait for a turn. */
  get ready(): number {
    return this.#ready.size
  }

  /** Turns given since the beginning. */
  get turns(): number {
    return this.#turns
  }

  /** Gives `runnable` a turn, soon. Once, however often asked. */
  schedule(runnable: Runnable): void {
    if (runnable.scheduled) return
    runnable.scheduled = true
    assert(this.#ready.push(runnable), `a thread has at most ${ACTORS_MAX} actors`)
    this.wake()
  }

  /** Runs a slice soon, also where no actor is ready: for what a poller would find. */
  wake(): void {
    this.#woken = true
    if (this.#awake) return
    this.#awake = true
    this.#clock.soon(this.#runSlice)
  }

  /** Gives no more turns, and asks no poller, until `resume`; what becomes ready meanwhile waits. */
  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.wake()
  }

  addPoller(poller: Poller): Cancel {
    this.#pollers = [...this.#pollers, poller]
    this.wake()
    return () => {
      this.#pollers = this.#pollers.filter((other) => other !== poller)
    }
  }

  #slice(): void {
    if (this.#isPaused) {
      this.#awake = false
      return
    }
    let isMore = true
    try {
      isMore = this.#run()
    } finally {
      this.#awake = false
      if (isMore) this.wake()
    }
  }

  /** False when there is nothing left to do. */
  #run(): boolean {
    let nowMs = this.#clock.now()
    const untilMs = nowMs + this.#budgetMs
    for (let turns = 0; turns < TURNS_MAX; turns++) {
      this.#woken = false
      const hadTurn = this.#turn(nowMs)
      const hasBrought = this.#poll()
      if (!hadTurn && !hasBrought) {
        this.#idle()
        if (this.#ready.size === 0 && !this.#woken) return false
      }
      nowMs = this.#clock.now()
      if (nowMs >= untilMs) return true
    }
    return true
  }

  #turn(nowMs: number): boolean {
    const next = this.#next()
    if (next === undefined) return false
    this.#turns++
    // Taken off before its turn, so that whatever reaches it meanwhile schedules it again.
    next.scheduled = false
    this.#turnBudget.begin(nowMs)
    if (next.turn(this.#turnBudget)) this.schedule(next)
    return true
  }

  #next(): Runnable | undefined {
    const { size } = this.#ready
    if (this.#pick !== null && size > 1) this.#ready.swapToFront(Math.floor(this.#pick() * size))
    return this.#ready.shift()
  }

  #poll(): boolean {
    let hasBrought = false
    for (const poller of this.#pollers) if (poller.poll()) hasBrought = true
    return hasBrought
  }

  #idle(): void {
    for (const poller of this.#pollers) poller.idle()
  }
}
