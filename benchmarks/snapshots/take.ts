/** One round of a state's snapshot, timed step by step. */
import type { ChunkRef } from '../../lib/snapshot/chunk-store.js'
import { restoreState } from '../../lib/snapshot/state-restore.js'
import type { StateChunk, StateSnapshots } from '../../lib/snapshot/state-snapshots.js'
import { createHeapState } from '../../lib/state/heap-state.js'
import type { StateStore } from '../../lib/state/state.js'

export const GROUPS = 128
/** As a subtask does between two turns. */
const ROWS_PER_STEP = 32_768

export interface Taken {
  readonly chunks: readonly StateChunk[]
  /** Of all steps, without the turns between them. */
  readonly wholeMs: number
  readonly beginMs: number
  /** What one step in a hundred, and the longest, took. */
  readonly p99Ms: number
  readonly longestMs: number
  readonly bytes: number
}

/** Steps alternate with turns of the job. */
export function take(
  snapshots: StateSnapshots,
  round: number,
  turn: () => void,
  isFull = false,
): Taken {
  const chunks: StateChunk[] = []
  const beginMs = timed(() => snapshots.begin(round, isFull))
  const steps: number[] = []
  while (!snapshots.encoded) {
    steps.push(timed(() => chunks.push(...snapshots.step(ROWS_PER_STEP))))
    turn()
  }
  const refs = chunks.map(({ bytes, count }, i): ChunkRef => {
    return { id: `${round}-${i}`, sha256: '', bytes: bytes.length, count }
  })
  snapshots.chain(refs)
  snapshots.completed(round)
  steps.sort((a, b) => a - b)
  return {
    chunks,
    wholeMs: steps.reduce((sum, ms) => sum + ms, beginMs),
    beginMs,
    p99Ms: steps[Math.floor(steps.length * 0.99)]!,
    longestMs: steps.at(-1)!,
    bytes: refs.reduce((sum, ref) => sum + ref.bytes, 0),
  }
}

/** How long it takes until a new store holds what the chunks do. */
export function restoreTimed(chunks: readonly StateChunk[]): { ms: number; store: StateStore } {
  const store = createHeapState(GROUPS)
  const former = [{ subtask: 0, chunks: chunks.map(({ bytes }) => bytes) }]
  const target = { operator: 'o', subtask: 0, parallelism: 1, formerParallelism: 1 }
  const ms = timed(() => restoreState(store, former, { ...target, maxParallelism: GROUPS }))
  return { ms, store }
}

function timed(work: () => void): number {
  const beganMs = performance.now()
  work()
  return performance.now() - beganMs
}
