/**
 * The protocol between a job and its slots.
 *
 * A slot hosts one subtask of each chain: subtask i runs in slot i mod slots. It is the calling thread
 * (`local`) or a worker thread; both obey the same commands and raise the same events, so the job
 * does not know which it talks to.
 *
 * ## Order of commands
 * 1. `setUp` once: the slot evaluates the job module, composes the pipeline and compares fingerprints.
 * 2. `connect` once per peer slot: a port for frames.
 * 3. For each region and attempt: `open` creates its subtasks and their channels in this slot. When
 *    every slot has answered, `start` lets them run; nothing is sent before.
 * 4. `abort` stops a region's subtasks and forgets their channels; then `open` with the next attempt.
 * 5. `close` ends the slot.
 *
 * Commands and events carry the attempt; what belongs to an older one is ignored by the receiver.
 *
 * ## Replacing one subtask (`guarantee: 'best-effort'`)
 * A subtask that has failed by itself is replaced while its neighbours run on; the death of a slot
 * restarts its regions whole. The attempt stays that of the region. The channels of the subtask are
 * made anew under the *revision*, a number larger than any attempt or revision before; so an end that
 * has its new number refuses what still comes under the old one, and counts it as lost.
 * 1. `replace` to the slot that hosts the subtask: it counts what had arrived and was not read, makes
 *    its ends of the channels anew, and opens the new subtask with empty state. A source goes on
 *    behind the last record that was handed out. It sends nothing yet.
 * 2. When it has answered, `replace` to every other slot of the region: neighbours there get new ends
 *    and count what they held. One that has finished says `end` on its new channels, or `cancel`; one
 *    that has failed itself gets its ends with its own replacement.
 * 3. When all have answered, `start` with the subtask.
 * The order matters, because a frame with a larger number than its receiver's fails the channel.
 * The slot obeys in order and a failed subtask says nothing more, so events need no revision.
 */
import type { MessagePort } from 'node:worker_threads'
import type { ErrorData } from '../../lib/base/errors.js'
import type { Json } from '../../lib/base/json.js'
import type { Split } from '../../lib/connectors/source.js'
import type { Pipeline } from '../../lib/flow/pipeline.js'
import type { Plan } from '../../lib/graph/plan.js'
import type { HotKeyWeights } from '../../lib/metrics/hot-keys.js'
import type { NamedValues } from '../../lib/metrics/named-metrics.js'
import type { Barrier } from '../../lib/operators/signal.js'
import type { ChunkRef } from '../../lib/snapshot/chunk-store.js'
import type { RestoreOrder } from '../../lib/snapshot/restore-plan.js'
import type { SubtaskAck } from '../../lib/snapshot/round.js'
import type { StateSettings } from '../../lib/state/state-backend.js'
import type { Link } from '../../lib/transport/transport.js'
import type { ModuleArgs } from '../planner/protocol.js'

/** Budget of a slot in a thread, in MiB, where nothing else is said: heap and Buffers together. */
export const SLOT_MEMORY_MB = 2048

/** Where a slot gets the pipeline from. Only a slot in the calling thread takes it by reference. */
export type JobModule =
  | { readonly kind: 'pipeline'; readonly pipeline: Pipeline }
  | {
      readonly kind: 'bundle'
      readonly file: string
      readonly args: ModuleArgs
    }

export interface RuntimeSettings {
  /** Credits that the channels of an inlet own together: see lib/credit/share.ts. */
  readonly inletCredits: number
  /** Credits that they share beside. */
  readonly floatingCredits: number
  /** Freezes records and state deeply; for development and tests. */
  readonly freeze: boolean
  /**
   * Waiting times and the operators' own metrics are brought up to date this often, for live metrics.
   * 0: only when the slot has run out of work.
   */
  readonly accountIntervalMs: number
  /** Keeps account of the keys that come most often, in each stateful operator behind `keyBy`. */
  readonly hotKeys: boolean
  /** Null where no snapshots are taken. */
  readonly snapshots: SnapshotSettings | null
  /** Budget of heap and external memory of one slot; a subtask fails at 80 % of it. 0: no guard. */
  readonly memoryBytesMax: number
  /** Where operators keep their state. */
  readonly state: StateSettings
}

export interface SnapshotSettings {
  /** False: barriers block no channel, and a restart may see records twice. */
  readonly exactlyOnce: boolean
  /** False: each round holds everything. */
  readonly incremental: boolean
  /** See `RunOptions`. */
  readonly allowDroppedState: boolean
}

export interface SlotSetup extends SlotTables {
  readonly job: string
  /** Names the run in files and chunks: letters and digits, new with each start of the process. */
  readonly run: string
  readonly slot: number
  readonly slots: number
  readonly plan: Plan
  readonly settings: RuntimeSettings
}

/** What slots count in. */
export interface SlotTables {
  /** See lib/metrics/counters.ts; row of a subtask: `rowOf(plan, subtask)` in lib/graph. */
  readonly counters: SharedArrayBuffer
  /** Row of an operator: `operatorRowOf(plan, subtask, step)`. */
  readonly operatorCounters: SharedArrayBuffer
}

export interface SubtaskId {
  readonly chain: number
  readonly index: number
}

export interface SplitListing {
  readonly splits: readonly Split[]
  /** See `Source.concurrentSplits`. */
  readonly concurrent: boolean
}

/** The end of a link for a slot; one in the calling thread makes it itself, given its peer's name. */
export type SlotPort = MessagePort | ((peer: string) => Link)

export interface SlotCommands {
  setUp(setup: SlotSetup, module: JobModule): Promise<void>
  /** `session`: number of this connection, the same at both ends, new for each. */
  connect(peer: number, port: SlotPort, session: number): Promise<void>
  /**
   * Creates the region's subtasks of this slot. `restore`: by name, what each goes on from; else they
   * begin empty. Resolves when all operators are open.
   */
  open(
    region: number,
    attempt: number,
    restore?: ReadonlyMap<string, RestoreOrder> | null,
  ): Promise<void>
  /** All of them, or, after `replace`, the one. */
  start(region: number, attempt: number, subtask?: SubtaskId): Promise<void>
  /** Resolves when every subtask of the region in this slot has stopped and released everything. */
  abort(region: number, attempt: number): Promise<void>
  /**
   * Removes what sinks of the region have prepared in attempts of this run before `attempt` and nobody will
   * commit. For the slot of the subtasks with index 0, while the region is not open, or has finished.
   */
  clear(region: number, attempt: number): Promise<void>
  /**
   * Best effort only: renews this slot's part of a failed subtask. Resolves, too, when the new one has
   * failed at once; the event tells.
   */
  replace(subtask: SubtaskId, attempt: number, revision: number): Promise<void>
  /** Lists the splits of source node `node`. */
  enumerate(node: number): Promise<SplitListing>
  /** Hands splits to a source subtask; `last`: no more will follow. */
  assign(
    subtask: SubtaskId,
    attempt: number,
    splits: readonly Split[],
    last: boolean,
  ): Promise<void>
  /** A round of snapshots begins; `stop`: sources read nothing behind its barrier. */
  snapshot(barrier: Barrier, stop: boolean): Promise<void>
  /** Its manifest is written. Resolves when all that it holds is committed. */
  snapshotCompleted(round: number): Promise<void>
  /** It is given up. */
  snapshotAbandoned(round: number): Promise<void>
  /** The round is unaligned from now on. */
  snapshotHurried(round: number): Promise<void>
  /** Sources stop reading, as if their input had ended; results follow. */
  drain(): Promise<void>
  /** Nothing has a turn until `resume`: no record is processed, nothing committed, no order obeyed but `close`. */
  pause(): Promise<void>
  resume(): Promise<void>
  close(): Promise<void>
}

export type SlotEvent =
  | { readonly kind: 'SplitsRequested'; readonly subtask: SubtaskId; readonly attempt: number }
  | { readonly kind: 'SubtaskFinished'; readonly subtask: SubtaskId; readonly attempt: number }
  | {
      readonly kind: 'SubtaskFailed'
      readonly subtask: SubtaskId
      readonly attempt: number
      readonly operator: string
      readonly error: ErrorData
    }
  | { readonly kind: 'SnapshotAcknowledged'; readonly ack: SubtaskAck; readonly attempt: number }
  | {
      readonly kind: 'SnapshotDeclined'
      readonly round: number
      readonly subtask: SubtaskId
      readonly attempt: number
      readonly error: ErrorData
    }
  /** A sink has nothing left to do but commit: a round is wanted. */
  | { readonly kind: 'CommitAwaited'; readonly subtask: SubtaskId; readonly attempt: number }
  /** The slot has died, or was killed: all its subtasks with it. */
  | { readonly kind: 'SlotLost'; readonly error: ErrorData; readonly operator: string | null }
  /** A subtask makes no progress though it has input. */
  | {
      readonly kind: 'SubtaskStalled'
      readonly subtask: SubtaskId
      readonly stalledMs: number
      readonly stack: string | null
    }
  /** What operators have measured under names of their own; only subtasks with something new. */
  | { readonly kind: 'MetricsReported'; readonly reports: readonly SubtaskReport[] }
  | {
      readonly kind: 'Log'
      readonly level: 'info' | 'warn'
      readonly message: string
      readonly details: Json
    }

/** The named metrics of one subtask since its attempt began; operators without any are left out. */
export interface SubtaskReport {
  readonly subtask: SubtaskId
  readonly attempt: number
  readonly operators: readonly OperatorReport[]
}

/** `step`: place of the operator in its chain. */
export interface OperatorReport extends NamedValues {
  readonly step: number
  readonly hotKeys: HotKeyWeights | null
}

/** The part of the chunk store that slots use. */
export interface ChunkAccess {
  /** Resolves when the chunk is durable. `round` says which snapshot, and so which store, it is for. */
  put(round: number, id: string, bytes: Uint8Array): Promise<void>
  /** Null where there is none. */
  get(round: number, ref: ChunkRef): Promise<Uint8Array | null>
}

/** What the job side of a slot offers. */
export interface Slot {
  readonly index: number
  readonly commands: SlotCommands
  /** Called for every event, in order. Set once, before `setUp`. */
  onEvent: (event: SlotEvent) => void
  /**
   * Called with records published by sinks; the slot sends no more until the promise resolves.
   */
  onResults: (records: readonly unknown[]) => Promise<void>
  /** Where chunks of snapshots go to and come from. Set once, before `setUp`. */
  chunks: ChunkAccess
  /** Ends it at once, without asking; `commands` in flight reject. */
  kill(reason: string): Promise<void>
}

/**
 * One that a job goes on with: set up and linked, with subtasks that run, under an earlier coordinator. It
 * stands still, and obeys no order, until `goOn`; what has happened since is told then.
 */
export interface AdoptedSlot extends Slot {
  goOn(tables: SlotTables): Promise<void>
}
