/**
 * The manifest: what a snapshot consists of. Format version 1.
 *
 * A snapshot is a manifest and the chunks that it names. The manifest is a sealed text (`sealed.ts`):
 *
 * ```
 * {"format":"millrace-snapshot","version":1,"sha256":"…of the second line…","bytes":…}
 * {"kind":"checkpoint","round":7, …a Manifest as JSON…}
 * ```
 *
 * - `operators` names everything that is stored by the operator's stable name, so a pipeline that has
 *   changed finds what it still has. Parallelism and the phase of each subtask are as they were.
 * - State lies in chunks, per operator and subtask, in the order in which they are to be applied: a
 *   full one first, then what changed. Format of a chunk: `state-chunk.ts`. What an operator had in hand as
 *   the barrier passed is a list among it (`../state/held-rows.ts`), of which each element says its split and
 *   its key; one that has it otherwise, from before there was a release, is refused.
 * - A source has the splits of each subtask with their positions, and those that were not assigned.
 * - A sink has its prepared transactions; they are committed once the manifest is.
 * - `flights` are records that were on the way to an operator: overtaken by the barrier of an unaligned
 *   round. Format of a chunk: `flight-chunk.ts`. What the subtask had received comes first; what a sender
 *   held is `shared`: it lies with one subtask of the operator, and is for all of them.
 *
 * Readers refuse another format or a higher version, by name. A field that a version adds is optional
 * for readers of the same version; what changes its meaning raises the version.
 */
import type { Json, JsonObject } from '../base/json.js'
import type { ChunkRef } from './chunk-store.js'
import { checkManifest } from './manifest-shape.js'
import { seal, unseal } from './sealed.js'

export const MANIFEST_FORMAT = 'millrace-snapshot'
export const MANIFEST_VERSION = 1

export interface Manifest {
  readonly kind: 'checkpoint' | 'savepoint'
  readonly round: number
  readonly pipeline: string
  /** Names the run of the job that wrote it; new with each start of the process. */
  readonly run: string
  readonly fingerprint: string
  /** Ms since 1970, when the round began. */
  readonly startedMs: number
  /** From its beginning to the last acknowledgement. */
  readonly durationMs: number
  readonly mode: SnapshotMode
  readonly maxParallelism: number
  /**
   * Of a savepoint behind which the job went on: where that job's own snapshots lie. What it had prepared
   * was committed by that job, or is to be.
   */
  readonly forkOf?: string
  readonly operators: readonly OperatorSnapshot[]
}

export type SnapshotMode = 'aligned' | 'unaligned' | 'at-least-once'

export interface OperatorSnapshot {
  /** Stable name. */
  readonly name: string
  readonly kind: string
  readonly parallelism: number
  /** Of the values that the user's functions stored; 1 where it is not there. */
  readonly version?: number
  /** The windows of an operator that has any, as its settings say; not there before 0.1. */
  readonly window?: JsonObject
  /** What it has kept, as `kept-form.ts` says it; not there before 0.1. */
  readonly keeps?: string
  /**
   * Of an operator that keeps records in hand, true where all of a key was in one subtask (`../graph/owned-keys.ts`).
   * Else it is not there, nor was it before 0.1.
   */
  readonly ownsKeys?: boolean
  /** By index, complete. */
  readonly subtasks: readonly SubtaskSnapshot[]
  /** Of a source: splits that no subtask had been given; null where they had not been listed yet. */
  readonly unassigned: UnassignedSplits | null
}

export interface UnassignedSplits {
  /** The source reads its splits side by side: see `Source.concurrentSplits`. */
  readonly concurrent: boolean
  /** Their positions are null. */
  readonly splits: readonly SplitSnapshot[]
}

/** `ended`: its input has ended, what is left is to commit. `finished`: it was no longer there. */
export type SubtaskPhase = 'running' | 'ended' | 'finished'

export interface SubtaskSnapshot {
  readonly phase: SubtaskPhase
  readonly chunks: readonly ChunkRef[]
  readonly splits: readonly SplitSnapshot[]
  /** Prepared and not known to be committed, oldest first; as the sink describes them. */
  readonly transactions: readonly Json[]
  readonly flights: readonly FlightRef[]
  /** Watermark that the operator had passed on; null before the first. */
  readonly timeMs: number | null
  /** How long the subtask waited for the barriers of its other channels. */
  readonly alignmentMs: number
}

export interface FlightRef extends ChunkRef {
  readonly shared: boolean
}

export interface SplitSnapshot {
  readonly id: string
  readonly data: { readonly [key: string]: Json }
  /** Opening the split there gives what was not emitted before the barrier; null: its beginning. */
  readonly position: Json
}

const FORMAT = {
  format: MANIFEST_FORMAT,
  version: MANIFEST_VERSION,
  what: 'a manifest of a snapshot',
}

export const encodeManifest = (manifest: Manifest): Uint8Array => seal(FORMAT, manifest)

/**
 * @param place - what the manifest is called in messages: `manifest 7 in /data/snapshots`
 * @throws MillraceError `E_SNAPSHOT_DAMAGED` where the bytes are not what was written, or not of the
 * shape that this file states; `E_SNAPSHOT_VERSION` where a later version wrote them.
 */
export function decodeManifest(bytes: Uint8Array, place: string): Manifest {
  const manifest = unseal(FORMAT, bytes, place)
  checkManifest(manifest, place)
  return manifest as Manifest
}
