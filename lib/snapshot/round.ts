/**
 * What a subtask says about one round, and what a restored subtask is given.
 *
 * ## A round, from the trigger to the end
 * ```
 * checkpoint      Trigger ──→ every subtask of the job
 * subtask         sources say the barrier; it passes every chain behind what came before it
 *                 freeze each operator as the barrier leaves it · prepare sinks · encode in slices
 *                 all durable ──→ Ack
 * checkpoint      all acknowledged or finished ──→ commit the manifest ──→ Completed
 * subtask         sinks commit, states build on the round
 * ```
 * In an unaligned round the barrier does not wait behind data: a subtask takes part as soon as it hears
 * of the round, and its barrier goes ahead of what its outlets hold. A round may become unaligned on the
 * way (`Hurried`): those whose barrier has not come do the same then, and those whose barrier has passed
 * let it go ahead where it still waits. What was overtaken is stored with the round (`FlightLog`): a
 * subtask acknowledges when all of it is durable, its barrier has left on every channel, and, where it
 * took part before its barriers had come, those have. Edges whose records cannot be dealt out
 * (`mayBeOvertaken`) align all the same.
 *
 * A round that fails anywhere before the commit is abandoned: `Abandoned` to every subtask, and
 * nothing has changed. A subtask that ends without having seen the barrier counts as `finished`: all
 * that it sent lies before the barriers of those that received it.
 */
import type { Json } from '../base/json.js'
import type { Split } from '../connectors/source.js'
import type { SubtaskId } from '../graph/subtasks.js'
import type { StateStore } from '../state/state.js'
import type { ChunkRef } from './chunk-store.js'
import type { SubtaskPhase } from './manifest.js'

/** The acknowledgement of one subtask. */
export interface SubtaskAck {
  readonly round: number
  readonly subtask: SubtaskId
  readonly phase: Exclude<SubtaskPhase, 'finished'>
  readonly alignmentMs: number
  /** The barrier went ahead of data, here or behind. */
  readonly isUnaligned: boolean
  /** What it overtook. */
  readonly flights: readonly FlightAck[]
  /** Of each step of its chain, in order. */
  readonly steps: readonly StepAck[]
}

export interface FlightAck {
  /** By which this subtask had not sent it, to any of its receivers. Null: it had received it. */
  readonly edge: number | null
  readonly ref: ChunkRef
}

export interface StepAck {
  readonly chunks: readonly ChunkRef[]
  readonly splits: readonly PlacedSplit[]
  readonly transactions: readonly Json[]
  /** Watermark that it had passed on; null before the first. */
  readonly timeMs: number | null
}

export interface PlacedSplit {
  readonly split: Split
  /** Null: its beginning. */
  readonly position: Json
}

export const emptyStep: StepAck = { chunks: [], splits: [], transactions: [], timeMs: null }

/** What a subtask goes on from, step by step. */
export interface RestoredSubtask {
  /** Of the snapshot. */
  readonly round: number
  /** Number of key groups then. */
  readonly formerMaxParallelism: number
  /** Its input had ended and its results had been sent: it has to say so again, no more. */
  readonly hasEnded: boolean
  readonly steps: readonly RestoredStep[]
}

export interface RestoredStep {
  /** As it was; null where the operator had none. */
  readonly state: StateStore | null
  readonly formerParallelism: number
  /** Splits to read, each from its position on. Null where it is no source. */
  readonly splits: readonly PlacedSplit[] | null
  readonly transactions: RestoredTransactions
  readonly timeMs: number | null
  /** Chunks of records in flight to it, to be replayed before anything else: `restore-flights.ts`. */
  readonly flights: readonly Uint8Array[]
}

export interface RestoredTransactions {
  /** That this subtask has to commit. */
  readonly own: readonly Json[]
  /** Of all subtasks of the sink. */
  readonly all: readonly Json[]
}
