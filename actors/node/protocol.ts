/**
 * The protocol between the coordinator and a node.
 *
 * A node dials the coordinator twice: a control connection for calls, and a data connection whose one lane
 * carries calls too, with chunks of snapshots and bundles. Both together are one *membership*, which a
 * number of the node's process names. Either connection may be lost: the node replaces
 * it, and calls go on as if nothing had been (`lib/transport/resumable-link.ts`), for they are numbered and
 * not bound to a connection. A membership has ended
 * - when one side says so;
 * - for the coordinator when it has heard nothing for `SILENCE_MS`, or a connection has been missing for so
 *   long, or all of them for `RETURN_MS`: a process that lives connects again at once;
 * - for the node when the coordinator no longer knows it: another has taken its place, or it has given the
 *   work to others.
 *
 * ## Heartbeats
 * They go over both connections, each on its own, and whichever is answered counts: on a network that loses
 * one packet in five, TCP lets a connection stand still for seconds now and then, but hardly ever two at
 * the same time. An answer counts for nothing where the coordinator says that it has lost the other
 * connection, for of that one the node may not know. A control connection on which nothing was
 * answered for `NODE_LEASE_MS`, and both if that is so on both, are replaced; until another has been made
 * the old one stays, for it may speak again. A data connection over which no bytes have come for
 * `STANDSTILL_MS` is replaced, too, whatever is answered on the other; the coordinator beats on it when it hears
 * a heartbeat on the control connection, so that one that carries something large to it is not silent.
 *
 * ## Invariants
 * 1. Membership ends at both ends for good. For the coordinator all its slots are lost at once; the node
 *    keeps them, standing still, until a coordinator says what becomes of them. Before it registers again it
 *    asks which are wanted, and ends all others; so a member hosts what was started in its membership, and
 *    what its coordinator may adopt.
 * 2. A slot is known by its ref, which is never used twice: job, term, life, index and generation. What comes
 *    from or goes to a ref that the receiver does not know is dropped, or refused with `E_STALE_SLOT`. It speaks
 *    for one membership at a time: the one that has started it, or adopted it last. From another one it obeys
 *    nothing but its end.
 * 3. A node whose last heartbeat that counts was *sent* more than `NODE_LEASE_MS` ago, or one of whose
 *    connections has been missing for so long, or both for `CUT_OFF_MS`, pauses its slots: they
 *    process and commit nothing, and keep all they have. With the next answer that counts they go on. The
 *    coordinator gives their work to others after `REDEPLOY_MS`, or `RETURN_MS` after it has seen both
 *    connections end, at the earliest: each is later. That makes two lives of a
 *    subtask at one time improbable, not impossible: a paused process knows nothing, and what user code has
 *    begun outside of its turns goes on. What makes them harmless is fencing: chunks and acknowledgements of
 *    unknown refs are refused, where snapshots are taken transactions are committed on the coordinator's word only,
 *    and frames carry attempt and session.
 * 4. `term` counts the starts of the coordinator, durably. A node that has served a later term refuses
 *    an earlier one, and of two processes of one term the one that it has not served
 *    (`lib/cluster/term-fence.ts`): before it ends a slot that is not wanted, and before it registers where it has
 *    slots; a node without any hears of the term with the answer to that, and goes again.
 *
 * ## Adoption
 * A coordinator that is started again on the data of one that died goes on with what runs, where it finds all
 * of it as it was. Before a region is deployed its attempt, and the slots of its job, are written durably
 * (`Deployment` in `lib/job/adoption.ts`); where that fails it is not deployed.
 * 1. A node whose coordinator is gone pauses its slots. It keeps them, what has come for them, and their data
 *    connections with other nodes. It has noted what each was told and has said (`slot-ledger.ts`).
 * 2. `wanted` names the slots that it hosts; the answer, those of a durable deployment. It ends the others,
 *    and registers with the rest, which counts as taken.
 * 3. When all slots of a job are there, or the time in which nodes return is over, the coordinator decides.
 *    `adoptSlot` binds each to the membership: from then on its events are told, and it answers with what
 *    the ledger holds. `E_STALE_SLOT`: it is not here, or speaks for this membership already.
 * 4. Where each region is held whole at its durable attempt (`adopt` in `lib/job/adoption.ts`) the job goes
 *    on: rounds of snapshots that were under way are given up, who has not heard that one is complete is told so,
 *    splits that nobody has go to who asks, and `goOn` lets the slot run. Its attempt does not rise.
 * 5. Else all of its slots are ended (`killSlot`), those of regions that run undisturbed, too, and it begins again
 *    from its last checkpoint.
 *
 * What is in doubt is not adopted: a region that was being opened, started, aborted or drained, a subtask that has
 * failed or was replaced, links between slots that were lost. What an earlier coordinator still sends reaches
 * nobody: its membership has ended.
 *
 * ## Chunks of snapshots
 * A slot's chunk is sent to the coordinator, and counts as written once that has stored it. Beside that the
 * node keeps a copy while it may be of use: what is restored here is asked for only where there is no good
 * one (`lib/snapshot/local-copies.ts`). The coordinator knows nothing of copies.
 *
 * ## Data between nodes
 * `connectSlots` joins two slots: both nodes are told. Between nodes the frames of all pairs of slots share
 * one data connection, dialled by the node with the larger name, which opens a lane for each pair. When
 * that connection closes, all lanes on it have ended: the slots' channels fail, and the coordinator joins
 * the slots anew before their regions open again. No channel continues on another connection. It is given up
 * when nothing is heard of the other node for `SILENCE_MS`, on it or on a control connection that is
 * dialled beside it for that alone, or when it has stood still for some times as long.
 */
import type { SlotHolding } from '../../lib/job/adoption.js'
import type { ChunkRef } from '../../lib/snapshot/chunk-store.js'
import type { RecordPart } from '../../lib/transport/record-parts.js'
import type { RuntimeSettings, SlotCommands, SlotEvent, SlotSetup } from '../worker/protocol.js'

/** What a node tells of itself. */
export interface NodeFacts {
  readonly slots: number
  readonly labels: Readonly<Record<string, string>>
  /** Where other nodes reach its data. */
  readonly url: string
  /** Release of this package, and of Node.js. */
  readonly version: string
  readonly node: string
  readonly pid: number
}

export interface Membership {
  readonly term: number
  readonly cluster: string
}

export interface Wanted {
  /** Of the coordinator: one that the node refuses for it decides nothing. */
  readonly term: number
  readonly refs: readonly string[]
}

/** What a job needs to run in a slot; the module by its content. */
export interface RemoteSetup extends Omit<SlotSetup, 'counters' | 'operatorCounters' | 'settings'> {
  readonly settings: RuntimeSettings
  readonly bundle: string
  readonly args: SlotModuleArgs
  readonly stallMs: number | null
}

export type SlotModuleArgs = Readonly<Record<string, unknown>>

/** Commands that go to a slot as they are. */
export const FORWARDED = [
  'open',
  'start',
  'abort',
  'clear',
  'replace',
  'enumerate',
  'assign',
  'snapshot',
  'snapshotCompleted',
  'snapshotAbandoned',
  'snapshotHurried',
  'drain',
] as const satisfies readonly (keyof SlotCommands)[]
export type Forwarded = (typeof FORWARDED)[number]

/** The other slot of a pair. */
export type OtherSlot =
  /** `session`: the same for both, and never used before. */
  | { readonly kind: 'here'; readonly ref: string; readonly session: number }
  /** `url`: null where the other node dials. */
  | {
      readonly kind: 'node'
      readonly ref: string
      readonly node: string
      readonly url: string | null
      /** Number of this joining: the same for both, and never used before. */
      readonly joining: number
      /** Nodes that have not reached each other by then do not: `E_CONNECT`. */
      readonly withinMs: number
    }

/** Rows of the counters of one slot, as they stand. */
export interface CounterRows {
  /** By row of `lib/metrics/counters.ts`, those of the slot's subtasks. */
  readonly subtasks: readonly (readonly [row: number, values: Float64Array])[]
  readonly operators: readonly (readonly [row: number, values: Float64Array])[]
}

/** What the coordinator calls at a node. */
export interface NodeMethods {
  startSlot(ref: string, setup: RemoteSetup): Promise<void>
  command(ref: string, method: Forwarded, args: readonly unknown[]): Promise<unknown>
  /** `index`: of the other slot in their job. */
  connectSlots(ref: string, index: number, other: OtherSlot): Promise<void>
  closeSlot(ref: string): Promise<void>
  killSlot(ref: string, reason: string): Promise<void>
  /** It has kept that slot from an earlier membership: from now on it speaks for this one. It stands still. */
  adoptSlot(ref: string): Promise<SlotHolding>
  /** An adopted slot runs. */
  goOn(ref: string): Promise<void>
}

/** What a node calls at the coordinator, on the control connection. */
export interface CoordinatorMethods {
  /** Before it registers: which of the slots that it has kept may be adopted. */
  wanted(held: readonly string[]): Promise<Wanted>
  /** `held`: what it has kept of those. */
  register(facts: NodeFacts, held: readonly string[]): Promise<Membership>
  /** Whether it counts: the coordinator has both connections. */
  heartbeat(): Promise<boolean>
  slotEvent(ref: string, event: SlotEvent): void
  /** Resolves when more may come. */
  results(ref: string, records: readonly unknown[]): Promise<void>
  /** Of a record that is too large for a message. Resolves when the next part, or more, may come. */
  resultPart(ref: string, part: RecordPart): Promise<void>
  counters(ref: string, rows: CounterRows): void
  /** The data connection to a peer is gone. */
  peerLost(node: string, reason: string): void
  /** It wants to go: resolves when nothing of value is left on it. */
  evacuate(): Promise<void>
}

/** The lane of the data connection between a node and the coordinator: its names at both ends. */
export const BULK_LANE = { at: 'bulk', to: 'bulk' } as const

/** What a node calls at the coordinator on that lane. */
export interface BulkMethods {
  /** As on the control connection. */
  heartbeat(): Promise<boolean>
  /** Bytes of a bundle from there on, as many as fit a message; null: no such bundle. */
  bundle(sha256: string, offset: number): Promise<BundlePiece | null>
  putChunk(ref: string, round: number, id: string, bytes: Uint8Array): Promise<void>
  /** Asked for what the node has no copy of: `node-copies.ts`. */
  getChunk(ref: string, round: number, chunk: ChunkRef): Promise<Uint8Array | null>
}

export interface BundlePiece {
  readonly bytes: Uint8Array
  /** Of the whole. */
  readonly length: number
}
