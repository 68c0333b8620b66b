/**
 * The subtask actor: one parallel instance of a chain.
 *
 * ## A turn
 * 1. Encode a slice of the round under way; control and snapshots go on without credit.
 * 2. Give up early when nobody downstream needs more.
 * 3. Where the barrier of an unaligned round is next, take that, whether or not the end is writable, and
 *    ahead of deferred operators where all of them can store what they hold.
 * 4. Drain deferred operators, downstream first.
 * 5. While there is permission and time: take a signal from the input, push it through the chain.
 * Then it rests, until the input is readable, the end is writable, or an operator wakes it; each of
 * them asks for the next turn. Messages are served between turns, so control never waits for data.
 */
import { unreachable } from '../../lib/base/assert.js'
import type { Clock } from '../../lib/base/clock.js'
import type { InputChannel, OutputChannel } from '../../lib/channel/channel.js'
import type { SplitRemains } from '../../lib/connectors/split-reading.js'
import { column } from '../../lib/metrics/counters.js'
import type { Chain } from '../../lib/operators/chain.js'
import { BARRIER, BATCH, type Barrier, end, type Signal } from '../../lib/operators/signal.js'
import type { StateStore } from '../../lib/state/state.js'
import type { ActorContext, Behaviour, TurnBudget } from '../kernel/behaviour.js'
import type { SubtaskMessage } from './protocol.js'
import type { SubtaskEnd } from './subtask-end.js'
import { SourceInput, type SubtaskInput } from './subtask-input.js'
import type { SubtaskRounds } from './subtask-rounds.js'

/** What a subtask is made of; built by `open-subtask.ts`. */
export interface SubtaskParts {
  readonly input: SubtaskInput
  readonly chain: Chain
  /** What its operators have taken and not finished can be dealt out anew: barriers may go ahead of it. */
  readonly isDealable: boolean
  readonly end: SubtaskEnd
  /** What its operators keep. */
  readonly states: readonly OperatorState[]
  readonly counters: Float64Array
  readonly clock: Clock
  readonly watch: TurnWatch
  /** Null where no snapshots are taken. */
  readonly rounds: SubtaskRounds | null
}

/** The state of one operator in one subtask. */
export interface OperatorState {
  readonly operator: string
  /** Index of the subtask. */
  readonly subtask: number
  readonly store: StateStore
}

/** Stands by while user code runs. */
export interface TurnWatch {
  /** Before a turn: what happens in this thread is this subtask's doing. */
  enter(): void
  /** After a turn; throws when the slot's memory is used up. */
  leave(): void
}

/** What the parts report back; valid from construction on. */
export interface SubtaskSignals {
  /** Something may be possible that was not before. */
  ready(): void
  failed(error: unknown): void
  /** The operator at that position of the chain needs no more input. */
  enough(position: number): void
  /** True where the turn is over; counts a unit of work. */
  isTurnOver(): boolean
}

/** Its beginning and its end. */
export interface SubtaskLife {
  /** It may be replaced by itself, so it leaves what a successor goes on with. */
  readonly replaceable: boolean
  open(signals: SubtaskSignals): SubtaskParts
  opened(): void
  closed(): void
}

type Rest = 'ready' | 'idle'

export class Subtask implements Behaviour<SubtaskMessage> {
  readonly #context: ActorContext<SubtaskMessage>
  readonly #life: SubtaskLife
  readonly #parts: SubtaskParts
  #phase: 'Opened' | 'Running' | 'Finished' | 'Failed' = 'Opened'
  /** The end signal has entered the chain, or will not because nobody needs it. */
  #inputEnded = false
  #gaveUp = false
  /** Round that was begun last, and the last one entered here; 0: none. */
  #requested = 0
  #entered = 0
  /** Since when input has been waiting for permission; null while it is not. */
  #heldUpSinceMs: number | null = null
  #failure: { readonly error: unknown } | null = null
  /** That of the turn; null between turns. */
  #budget: TurnBudget | null = null
  /** Records of the batch being pushed through the chain. */
  #inHand = 0
  /** Records that went down with it. Valid once it has stopped. */
  lost = 0
  /** What a successor is to read, where it is a source. Valid once it has stopped. */
  remains: SplitRemains | null = null

  constructor(context: ActorContext<SubtaskMessage>, life: SubtaskLife) {
    this.#context = context
    this.#life = life
    this.#parts = life.open({
      ready: () => context.ready(),
      failed: (error) => this.#fail(error),
      enough: (position) => this.#enough(position),
      isTurnOver: () => this.#budget?.exhausted() ?? false,
    })
  }

  started(): void {
    this.#life.opened()
  }

  receive(message: SubtaskMessage): void {
    const { input } = this.#parts
    switch (message.kind) {
      case 'Start':
        this.#phase = 'Running'
        if (input instanceof SourceInput) input.reading.start()
        break
      case 'AssignSplits':
        if (input instanceof SourceInput) input.assign(message.splits, message.last)
        break
      case 'Drain':
        if (input instanceof SourceInput) input.cancel()
        break
      case 'Snapshot':
        input.request(message.barrier, message.stop)
        // The barrier itself may have been faster.
        this.#requested = Math.max(message.barrier.round, this.#requested)
        this.#acknowledgeEnd()
        break
      case 'SnapshotHurried':
        input.hurry(message.round)
        this.#parts.rounds?.hurry(message.round)
        break
      case 'SnapshotCompleted':
        this.#parts.rounds?.completed(message.round)
        void this.#parts.end.commit(message.round).then(message.done)
        break
      case 'SnapshotAbandoned':
        this.#entered = Math.max(this.#entered, message.round)
        input.abandon(message.round)
        this.#parts.rounds?.abandon(message.round)
        break
      default:
        unreachable(message)
    }
    this.#context.ready()
  }

  work(budget: TurnBudget): Rest {
    if (this.#phase !== 'Running') return 'idle'
    const { counters, clock } = this.#parts
    const startMs = clock.now()
    this.#countHoldUp(startMs)
    counters[column.inTurn] = 1
    counters[column.progress]!++
    let rest: Rest = 'idle'
    this.#parts.watch.enter()
    this.#budget = budget
    try {
      rest = this.#turn(budget)
      this.#parts.watch.leave()
    } catch (error) {
      this.#failure ??= { error }
    }
    this.#budget = null
    counters[column.inTurn] = 0
    counters[column.busyMs]! += clock.now() - startMs
    if (this.#failure !== null) {
      this.#phase = 'Failed'
      throw this.#failure.error
    }
    this.#settle()
    return rest
  }

  stopped(): Promise<void> | void {
    const { chain, input, end, counters } = this.#parts
    counters[column.hasInput] = 0
    if (this.#phase === 'Finished' || !this.#life.replaceable) input.close()
    else this.remains = input.leave()
    chain.close()
    this.#parts.rounds?.close()
    if (this.#phase !== 'Finished') {
      this.#phase = 'Failed'
      this.lost = this.#inHand + input.dropped + end.held
    }
    this.#life.closed()
    // The next attempt may write to the same place: it begins when this one has let go of it.
    if (this.#phase === 'Failed') return end.abort()
  }

  /** It takes no message any more. */
  get hasFailed(): boolean {
    return this.#phase === 'Failed'
  }

  /** A sender was replaced: a channel from its successor. What has failed itself joins nobody. */
  joinInput(channel: InputChannel): void {
    if (this.#phase === 'Finished') channel.cancel()
    else if (this.#phase !== 'Failed') this.#lose(this.#parts.input.join(channel))
  }

  /** A receiver was replaced: a channel to its successor. */
  joinOutput(channel: OutputChannel): void {
    if (this.#phase === 'Finished') channel.signal(end)
    else if (this.#phase !== 'Failed') this.#lose(this.#parts.end.join(channel))
  }

  #lose(records: number): void {
    this.#parts.counters[column.lost]! += records
    this.#context.ready()
  }

  /** Sends what was collected; called when the thread has run out of work. */
  flush(): void {
    if (this.#phase !== 'Running') return
    try {
      this.#parts.end.flush()
    } catch (error) {
      // A record that cannot travel is this subtask's failure, not the end of the thread.
      this.#fail(error)
    }
  }

  /**
   * Brings the time spent waiting up to date, for whoever reads the counters meanwhile. True while it
   * waits.
   */
  account(): boolean {
    const nowMs = this.#parts.clock.now()
    const isHeldUp = this.#heldUpSinceMs !== null
    this.#countHoldUp(nowMs)
    if (isHeldUp) this.#heldUpSinceMs = nowMs
    return isHeldUp
  }

  /** Removes expired state of the next `entries` entries; true while there is some that may expire. */
  sweep(entries: number): boolean {
    let remain = false
    for (const { store } of this.#parts.states) remain = store.sweep(entries) || remain
    return remain
  }

  /** What its operators keep. */
  get states(): readonly OperatorState[] {
    return this.#parts.states
  }

  #turn(budget: TurnBudget): Rest {
    const { chain, end: outlet, input, rounds } = this.#parts
    const rest: Rest = rounds?.step() === true ? 'ready' : 'idle'
    outlet.proceed()
    if (outlet.cancelled) this.#giveUp()
    do {
      this.#makeWay()
      if (this.#passDeferred()) {
        if (this.#failure !== null) return 'idle'
        continue
      }
      if (!chain.drain()) return chain.yielded ? 'ready' : rest
      if (!outlet.writable) return rest
      if (this.#inputEnded) return rest
      const signal = input.take()
      if (signal === null) return rest
      this.#take(signal)
      if (this.#failure !== null) return 'idle'
    } while (!budget.exhausted())
    return 'ready'
  }

  /** The barrier of an unaligned round waits neither for data nor for credit. */
  #makeWay(): void {
    const { input, end: outlet, rounds } = this.#parts
    if (rounds === null) return
    const round = this.#inputEnded ? 0 : input.hurries()
    if (round > 0) outlet.flood(round)
    else if (rounds.passing > 0) outlet.flood(rounds.passing)
  }

  /** It goes ahead of deferred operators which store what they hold; true where it has. */
  #passDeferred(): boolean {
    const { chain, isDealable, input, end: outlet } = this.#parts
    if (!chain.blocked || !isDealable) return false
    if (this.#inputEnded || input.hurries() === 0) return false
    if (!outlet.takesBarrier || !chain.storable) return false
    const barrier = input.takeHurried()
    if (barrier === null) return false
    this.#take(barrier)
    return true
  }

  #take(signal: Signal): void {
    const { chain, counters } = this.#parts
    counters[column.progress]!++
    if (signal.tag === BARRIER) this.#enterRound(signal)
    if (signal.tag === BATCH) {
      counters[column.recordsIn]! += signal.records.length
      counters[column.batchesIn]!++
    }
    this.#inHand = signal.tag === BATCH ? signal.records.length : 0
    chain.push(signal)
    if (this.#failure === null) this.#inHand = 0
  }

  #enterRound(barrier: Barrier): void {
    const { input, rounds, clock } = this.#parts
    const sinceMs = input.aligningSinceMs
    this.#entered = barrier.round
    rounds?.enter(barrier, input.splits, Number.isNaN(sinceMs) ? 0 : clock.now() - sinceMs)
  }

  /** No barrier comes any more, but there is something to commit: the round is answered here. */
  #acknowledgeEnd(): void {
    const { rounds, end } = this.#parts
    if (rounds === null || !end.awaitsCommit || rounds.round !== 0) return
    if (this.#requested <= this.#entered) return
    this.#entered = this.#requested
    rounds.acknowledgeEnd(this.#requested)
  }

  /** Nobody needs more: what is held is dropped, upstream is told, the end is all that is owed. */
  #giveUp(): void {
    if (this.#gaveUp) return
    this.#gaveUp = true
    this.#inputEnded = true
    this.#parts.chain.close()
    this.#cutOff()
    this.#parts.input.cancel()
    this.#parts.end.signal(end)
  }

  /** The operator there has completed by itself: it has sent the end on, what stands before it may stop. */
  #enough(position: number): void {
    this.#inputEnded = true
    this.#cutOff(position)
    this.#parts.input.cancel()
  }

  /** A round whose barrier is lost has not been entered: this subtask has only its end to say in it. */
  #cutOff(position?: number): void {
    const lost = this.#parts.rounds?.cutOff(position) ?? 0
    if (lost > 0) this.#entered = lost - 1
  }

  /** Finishes, or notes what it now waits for. */
  #settle(): void {
    const { chain, end, input, counters, clock, rounds } = this.#parts
    this.#acknowledgeEnd()
    // What the barrier has passed is owed to the round, also by one that ends.
    if (end.finished && (rounds === null || rounds.round === 0)) {
      this.#phase = 'Finished'
      // A sender that was replaced meanwhile has not ended: it need not begin.
      input.cancel()
      this.#context.stop()
      return
    }
    const hasInput = chain.blocked || input.readable
    counters[column.hasInput] = hasInput ? 1 : 0
    if (hasInput && !end.writable) this.#heldUpSinceMs ??= clock.now()
  }

  #countHoldUp(nowMs: number): void {
    if (this.#heldUpSinceMs === null) return
    this.#parts.counters[column.backPressuredMs]! += nowMs - this.#heldUpSinceMs
    this.#heldUpSinceMs = null
  }

  /** Within a turn the turn throws it; outside, also while its parts are put together, the kernel is told. */
  #fail(error: unknown): void {
    if (this.#phase === 'Failed' || this.#phase === 'Finished') return
    this.#phase = 'Failed'
    if (this.#budget !== null) this.#failure = { error }
    else this.#context.fail(error)
  }
}
