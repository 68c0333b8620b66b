/** Snapshots as data: manifests with chunks of a size, put into a store. */
import { refOf } from '../../lib/snapshot/chunk-ref.js'
import type { ChunkRef, ChunkStore } from '../../lib/snapshot/chunk-store.js'
import {
  encodeManifest,
  type Manifest,
  type OperatorSnapshot,
  type SubtaskSnapshot,
} from '../../lib/snapshot/manifest.js'

export const subtaskOf = (...chunks: readonly ChunkRef[]): SubtaskSnapshot => ({
  phase: 'running',
  chunks,
  splits: [],
  transactions: [],
  flights: [],
  timeMs: null,
  alignmentMs: 0,
})

export const operatorOf = (
  name: string,
  ...subtasks: readonly SubtaskSnapshot[]
): OperatorSnapshot => ({
  name,
  kind: 'scan',
  parallelism: subtasks.length,
  subtasks,
  unassigned: null,
})

export const manifestOf = (round: number, ...operators: readonly OperatorSnapshot[]): Manifest => ({
  kind: 'checkpoint',
  round,
  pipeline: 'sales',
  run: 'run-1',
  fingerprint: 'f'.repeat(64),
  startedMs: Date.UTC(2026, 0, 1) + round * 1000,
  durationMs: 20,
  mode: 'aligned',
  maxParallelism: 128,
  operators,
})

/** Bytes that tell of what they are, as many as wanted. */
export const chunkBytes = (name: string, length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (name.charCodeAt(i % name.length) * 31 + i * 7) % 256)

/**
 * Puts and commits a snapshot of one operator, with one new chunk for each of its subtasks behind those
 * that are given.
 */
export async function putSnapshot(
  store: ChunkStore,
  round: number,
  sizes: readonly number[],
  before: readonly ChunkRef[] = [],
  run = 'run',
): Promise<Manifest> {
  const subtasks = []
  for (const [index, size] of sizes.entries()) {
    const id = `${run}/${round}/1/0.${index}/0/0`
    const bytes = chunkBytes(id, size)
    await store.put(id, bytes)
    subtasks.push(subtaskOf(...before, refOf(id, bytes, size)))
  }
  const manifest = manifestOf(round, operatorOf('count', ...subtasks))
  await store.commit(round, encodeManifest(manifest))
  return manifest
}
