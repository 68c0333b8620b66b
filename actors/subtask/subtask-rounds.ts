/**
 * The rounds of one subtask: what it freezes as a barrier passes, encodes between turns, and
 * acknowledges once all of it is durable. Protocol: `lib/snapshot/round.ts`.
 *
 * Of an unaligned round it also keeps what the barrier has overtaken: what the inlet logs, from before the
 * barrier enters the chain until the barriers of all channels have come, and what the outlets held when it
 * left. A round that is not yet unaligned is not acknowledged before its barrier has left on every channel,
 * so that it may still go ahead.
 *
 * One round encodes at a time. A barrier that comes while the round before is still being encoded
 * means that that one was given up.
 */
import { assert } from '../../lib/base/assert.js'
import type { Clock } from '../../lib/base/clock.js'
import type { Json } from '../../lib/base/json.js'
import type { ArrivalLog, ChannelId } from '../../lib/channel/channel.js'
import { FlightLog } from '../../lib/channel/flight-log.js'
import type { KeySelector } from '../../lib/channel/inlet.js'
import type { Overtook } from '../../lib/channel/outlet.js'
import type { SubtaskId } from '../../lib/graph/subtasks.js'
import type { Barrier } from '../../lib/operators/signal.js'
import { refOf } from '../../lib/snapshot/chunk-ref.js'
import type { ChunkRef } from '../../lib/snapshot/chunk-store.js'
import { FlightChunkWriter, type FlightHead } from '../../lib/snapshot/flight-chunk.js'
import type { ReplayedBatch } from '../../lib/snapshot/restore-flights.js'
import {
  emptyStep,
  type FlightAck,
  type PlacedSplit,
  type StepAck,
  type SubtaskAck,
} from '../../lib/snapshot/round.js'
import type { StateSnapshots } from '../../lib/snapshot/state-snapshots.js'
import { ChunkPuts } from './chunk-puts.js'

/** Rows encoded in one go at most: time ends most steps before. */
const ROWS_PER_STEP = 131_072

/** What a subtask needs in order to take part in snapshots. */
export interface SnapshotPlace {
  /** Names the run in the ids of chunks. */
  readonly run: string
  readonly attempt: number
  /** False: channels may overtake each other (at least once). */
  readonly exactlyOnce: boolean
  /** Everything in every round, not only what has changed. */
  readonly alwaysFull: boolean
  put(round: number, id: string, bytes: Uint8Array): Promise<void>
  acknowledge(ack: SubtaskAck): void
  /** The subtask cannot take part in the round. */
  decline(round: number, reason: Error): void
  /** All that is left to do is to commit: a round is wanted. */
  awaitsCommit(): void
}

/** One operator of the chain as rounds see it. */
export interface RoundStep {
  readonly snapshots: StateSnapshots | null
  /** Watermark that has left it. */
  timeMs: number
  /** One that it is to say behind the barrier that passes it; NaN: none. */
  owedMs: number
}

export interface RoundsOwner {
  readonly subtask: SubtaskId
  readonly clock: Clock
  /** Something is to be encoded, or the last acknowledgement has gone. */
  ready(): void
}

/** The end of the chain, as far as rounds need it. */
export interface RoundsEnd {
  signal(barrier: Barrier): void
  overtake(barrier: Barrier, took: Overtook): void
  hurry(round: number, took: Overtook): void
  holdsBarrier(round: number): boolean
  /** What the sink has prepared up to a round. */
  prepared(round: number): Promise<readonly Json[]>
}

/** What is to be known of the edges of a chain to store what is overtaken on them. */
export interface RoundsEdges {
  /** Name of the chain, for messages about records that cannot be stored. */
  readonly chain: string
  /** Of records on their way by this edge to this subtask. */
  headOf(edge: number, to: number): FlightHead
  /** Equal to this one, and the same object each time. */
  headLike(head: FlightHead): FlightHead
  /** Gives the keys that do not travel; null where they do, or are not needed. */
  selectorOf(edge: number): KeySelector | null
}

interface Round {
  readonly barrier: Barrier
  isUnaligned: boolean
  readonly splits: readonly PlacedSplit[]
  readonly alignmentMs: number
  /** Time and chunks by step; a step is null until the barrier has left it. */
  readonly steps: (StepInRound | null)[]
  /** The barrier has left the chain. */
  hasPassed: boolean
  /** Everything is encoded and on its way. */
  isSealed: boolean
}

interface StepInRound {
  readonly timeMs: number
  readonly refs: Promise<ChunkRef>[]
}

/** What a round's barrier has overtaken, and where it lies. */
interface Flights {
  readonly log: FlightLog
  readonly took: Overtook
  readonly refs: Promise<FlightAck>[]
}

export class SubtaskRounds {
  readonly #place: SnapshotPlace
  readonly #owner: RoundsOwner
  /** By position in the chain; the first may be a source, the last a sink. */
  readonly #steps: readonly RoundStep[]
  readonly #end: RoundsEnd
  readonly #edges: RoundsEdges
  #flights: Flights | null = null
  /** Round that was given up last. */
  #abandoned = 0
  /** Round that became unaligned last. */
  #hurried = 0
  #current: Round | null = null
  readonly #puts = new ChunkPuts()
  #closed = false

  constructor(
    place: SnapshotPlace,
    owner: RoundsOwner,
    steps: readonly RoundStep[],
    end: RoundsEnd,
    edges: RoundsEdges,
  ) {
    this.#place = place
    this.#owner = owner
    this.#steps = steps
    this.#end = end
    this.#edges = edges
  }

  /** Round under way here; 0: none. */
  get round(): number {
    return this.#current?.barrier.round ?? 0
  }

  /** True while there is something to encode. */
  get busy(): boolean {
    const round = this.#current
    if (round === null || round.isSealed || this.#puts.isFull) return false
    if (this.#flights?.log.busy) return true
    return round.hasPassed && (this.#hasRows || this.#isComplete(round))
  }

  /** Round whose unaligned barrier is under way in the chain; 0: none. */
  get passing(): number {
    const round = this.#current
    return round?.isUnaligned && !round.hasPassed ? round.barrier.round : 0
  }

  /** The log of what the round's barrier overtakes on a channel of the inlet. */
  logOf(round: number, { edge, to }: ChannelId): ArrivalLog {
    const { log } = this.#flightsOf(round)
    return log.arrivals(this.#edges.headOf(edge, to), this.#edges.selectorOf(edge))
  }

  /** What was still to be replayed when the round's barrier overtook it. */
  logReplays(round: number, replays: readonly ReplayedBatch[]): void {
    const to = this.#owner.subtask.index
    for (const batch of replays) {
      const { input, deal } = batch
      this.#flightsOf(round).log.held(null, this.#edges.headLike({ to, input, deal }), [batch])
    }
  }

  /** The barrier is about to enter the chain. */
  enter(barrier: Barrier, splits: readonly PlacedSplit[], alignmentMs: number): void {
    if (this.#current !== null) this.abandon(this.#current.barrier.round)
    // Nothing is logged for it any more.
    if (barrier.unaligned && barrier.round <= this.#abandoned) return
    this.#current = {
      barrier,
      isUnaligned: barrier.unaligned === true || barrier.round <= this.#hurried,
      splits,
      alignmentMs,
      steps: this.#steps.map(() => null),
      hasPassed: false,
      isSealed: false,
    }
  }

  /** The barrier has left the operator at `position`. */
  leave(position: number, barrier: Barrier): void {
    const step = this.#steps[position]!
    const { snapshots, timeMs, owedMs } = step
    // Also where the round has been given up: the next barrier finds a time of its own.
    step.owedMs = Number.NaN
    const round = this.#current
    if (round?.barrier.round !== barrier.round) return
    round.steps[position] = { timeMs: Number.isNaN(owedMs) ? timeMs : owedMs, refs: [] }
    snapshots?.begin(barrier.round, barrier.full || this.#place.alwaysFull)
  }

  /** The barrier has left the chain: goes on from here. */
  pass(barrier: Barrier): void {
    const round = this.#current
    if (round?.barrier.round !== barrier.round) return this.#end.signal(barrier)
    if (round.isUnaligned) {
      const { took } = this.#flightsOf(barrier.round)
      this.#end.overtake({ ...barrier, unaligned: true }, took)
    } else this.#end.signal(barrier)
    for (let i = 0; i < this.#steps.length; i++) {
      // A source or a sink is no link of the chain, and keeps nothing.
      round.steps[i] ??= { timeMs: this.#steps[i]!.timeMs, refs: [] }
    }
    round.hasPassed = true
    this.#owner.ready()
  }

  /** The round is unaligned from now on, wherever its barrier is. */
  hurry(round: number): void {
    this.#hurried = round
    const current = this.#current
    if (current?.barrier.round !== round) return
    current.isUnaligned = true
    if (current.hasPassed) this.#end.hurry(round, this.#flightsOf(round).took)
    this.#owner.ready()
  }

  /** The input has ended and all results are out: what is left to say is what is to be committed. */
  acknowledgeEnd(round: number): void {
    const barrier = { tag: 2, round, full: false } as const
    this.enter(barrier, [], 0)
    this.#current!.isSealed = true
    void this.#finish(this.#current!, 'ended')
  }

  /** Encodes a little; true while more is left to do at once. */
  step(): boolean {
    if (!this.busy) return false
    const round = this.#current!
    try {
      if (this.#flights?.log.busy) this.#stepFlights(round, this.#flights)
      else if (this.#hasRows) this.#stepRows(round)
      else {
        round.isSealed = true
        void this.#finish(round, 'running')
      }
    } catch (error) {
      // A value that cannot be stored spoils the round, not the job.
      this.#decline(round.barrier.round, error)
    }
    return this.busy
  }

  get #hasRows(): boolean {
    return this.#steps.some(({ snapshots }) => snapshots?.encoded === false)
  }

  /** Nothing is left to come but what the store says. */
  #isComplete({ barrier: { round } }: Round): boolean {
    return (this.#flights?.log.isDone ?? true) && !this.#end.holdsBarrier(round)
  }

  #stepRows(round: Round): void {
    const position = this.#steps.findIndex(({ snapshots }) => snapshots?.encoded === false)
    const chunks = this.#steps[position]!.snapshots!.step(ROWS_PER_STEP)
    const { refs } = round.steps[position]!
    for (const { bytes, count } of chunks) {
      refs.push(heeded(this.#put(round, `${position}/${refs.length}`, bytes, count)))
    }
  }

  #stepFlights(round: Round, { log, refs }: Flights): void {
    for (const { edge, bytes, count } of log.step()) {
      const put = this.#put(round, `flights/${refs.length}`, bytes, count)
      refs.push(heeded(put.then((ref) => ({ edge, ref }))))
    }
  }

  #flightsOf(round: number): Flights {
    if (this.#flights?.log.round === round) return this.#flights
    const { barrier } = this.#current ?? {}
    if (barrier !== undefined && barrier.round < round) this.abandon(barrier.round)
    const log = new FlightLog(round, () => new FlightChunkWriter(this.#edges.chain))
    log.onEnd = () => this.#owner.ready()
    const took: Overtook = ({ edge, to }, batches) =>
      log.held(edge, this.#edges.headOf(edge, to), batches)
    this.#flights = { log, took, refs: [] }
    return this.#flights
  }

  completed(round: number): void {
    for (const { snapshots } of this.#steps) snapshots?.completed(round)
  }

  /** The round is given up; also where it has been acknowledged already. */
  abandon(round: number): void {
    for (const { snapshots } of this.#steps) snapshots?.abandoned(round)
    this.#abandoned = Math.max(this.#abandoned, round)
    if (this.#flights !== null && this.#flights.log.round <= round) this.#flights = null
    if (this.#current?.barrier.round !== round) return
    this.#current = null
    this.#puts.giveUp(givenUp())
    this.#owner.ready()
  }

  /**
   * Nothing comes out of the operator at `position`, by default the last one, any more: a barrier that has not left it
   * is lost, and its round goes on without this subtask. Gives that round; 0: none is lost.
   */
  cutOff(position = this.#steps.length - 1): number {
    const round = this.#current
    if (round === null || round.hasPassed || round.steps[position] !== null) return 0
    const lost = round.barrier.round
    this.abandon(lost)
    return lost
  }

  close(): void {
    this.#closed = true
    this.#current = null
    this.#puts.giveUp(givenUp())
    this.#flights = null
  }

  async #put(round: Round, part: string, bytes: Uint8Array, count: number): Promise<ChunkRef> {
    const { run, attempt } = this.#place
    const { chain, index } = this.#owner.subtask
    const id = `${run}/${round.barrier.round}/${attempt}/${chain}.${index}/${part}`
    const ref = refOf(id, bytes, count)
    try {
      await this.#puts.put(bytes.length, async () => {
        if (this.#current !== round) throw givenUp()
        await this.#place.put(round.barrier.round, id, bytes)
      })
      return ref
    } finally {
      if (!this.#closed) this.#owner.ready()
    }
  }

  async #finish(round: Round, phase: SubtaskAck['phase']): Promise<void> {
    const { barrier, splits, alignmentMs, isUnaligned } = round
    const flights = this.#flights?.refs ?? []
    try {
      const refs = await Promise.all(round.steps.map((step) => Promise.all(step?.refs ?? [])))
      const stored = await Promise.all(flights)
      const transactions = await this.#end.prepared(barrier.round)
      // It may have been given up meanwhile: then what is encoded last is another round's.
      if (this.#current !== round) return
      // What has ended keeps nothing that would be read again.
      const steps = round.steps.map((step, i) =>
        phase === 'ended' ? emptyStep : this.#acknowledged(step, i, refs[i]!),
      )
      this.#place.acknowledge({
        round: barrier.round,
        subtask: this.#owner.subtask,
        phase,
        alignmentMs,
        isUnaligned,
        flights: stored,
        steps: steps.map((step, i) => ({
          ...step,
          splits: i === 0 ? splits : [],
          transactions: i === steps.length - 1 ? transactions : [],
        })),
      })
    } catch (error) {
      if (this.#current === round) this.#decline(barrier.round, error)
      return
    }
    this.#current = null
    this.#flights = null
    this.#owner.ready()
  }

  #decline(round: number, error: unknown): void {
    this.#place.decline(round, error instanceof Error ? error : new Error(String(error)))
    this.abandon(round)
  }

  #acknowledged(step: StepInRound | null, position: number, refs: readonly ChunkRef[]): StepAck {
    assert(step !== null, 'the barrier has passed every operator')
    const { snapshots } = this.#steps[position]!
    return {
      chunks: snapshots === null ? [] : snapshots.chain(refs),
      splits: [],
      transactions: [],
      timeMs: Number.isFinite(step.timeMs) ? step.timeMs : null,
    }
  }
}

const givenUp = (): Error => new Error('the round was given up')

/** Who waits for all of a round hears of a failure; until then, which may be long, it is nobody's. */
function heeded<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}
