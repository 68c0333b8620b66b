/**
 * The snapshots of one operator's state in one subtask: what the subtask actor calls.
 *
 * ## A round, as the subtask sees it
 * 1. `begin(round)` when the barrier leaves the operator: O(1) in the number of entries. What the operator changes from now on
 *    does not belong to the round.
 * 2. `step(rows)` between turns, also while the subtask is idle or waits for credit, until `encoded`.
 *    Each step encodes about `rows` entries, or what some ms suffice for where that is less, and returns the
 *    chunks that became full. One round encodes at a time: *caller must* not begin another before `encoded`,
 *    unless it gives this one up.
 * 3. When all chunks are durable, `chain(refs)` is what the manifest lists: what the round builds on,
 *    then the new ones.
 * 4. `completed(round)` when the manifest is committed: later rounds build on it. `abandoned(round)`
 *    when it never will be: its changes belong to the next round again.
 *
 * ## Incremental
 * A round holds what has changed since the newest round that is known to be complete and was not asked to be
 * full, or everything: where there is none, where `full` asks for it, and where the chain has become heavy beside what
 * a full round would be (compaction, `chain-weight.ts`).
 */

import type { HeldTarget } from '../state/held-rows.js'
import type { StateStore } from '../state/state.js'
import type { Upcast } from '../state/upcast.js'
import type { ChunkRef } from './chunk-store.js'

export interface StateChunk {
  readonly bytes: Uint8Array
  /** Entries in it. */
  readonly count: number
}

export interface StateSnapshots {
  begin(round: number, full: boolean): void
  step(rows: number): readonly StateChunk[]
  readonly encoded: boolean
  chain(refs: readonly ChunkRef[]): readonly ChunkRef[]
  completed(round: number): void
  abandoned(round: number): void
}

/** `now`: ms, for the length of steps. Default: they are limited by rows and bytes alone. */
export type CreateStateSnapshots = (
  store: StateStore,
  operator: string,
  now?: () => number,
) => StateSnapshots

/** Where state comes from: the chunks of one former subtask, in the order of its chain. */
export interface FormerChunks<C> {
  readonly subtask: number
  readonly chunks: readonly C[]
}

export type FormerState = FormerChunks<Uint8Array>

/** The subtask that state is restored into. */
export interface RestoreTarget extends HeldTarget {
  readonly operator: string
  readonly subtask: number
  /**
   * Parallelism when the snapshot was taken. Where it was the same, `former` is this subtask's own state
   * alone, and is taken as it was; else it is that of all former subtasks, to be dealt out anew.
   */
  readonly formerParallelism: number
  /** As at another parallelism: what it keeps lies elsewhere now. Default false. */
  readonly dealsAnew?: boolean
  /** Makes of what was stored what the operator reads now; null: nothing has to be done. */
  readonly upcast?: Upcast | null
}

/**
 * Fills an empty store, before its operator is opened: key groups of this subtask, its share of
 * operator lists, all of broadcast state. `former`: of every former subtask that may hold some of it.
 * Throws E_SNAPSHOT_DAMAGED where a chunk cannot be read.
 */
export type RestoreState = (
  store: StateStore,
  former: readonly FormerState[],
  target: RestoreTarget,
) => void
