/** One round of a state's snapshot, timed step by step. */
import type { ChunkRef } from '../../lib/snapshot/chunk-store.js'
import { restoreState } from '../../lib/snapshot/state-restore.js'
import type { StateChunk, StateSnapshots } from '../../lib/snapshot/state-snapshots.js'
import { createHeapState } from '../../lib/state/heap-state.js'
import type { StateStore } from '../../lib/state/state.js'
import type { Result } from '../micro/main.js'
import { type Gap, Gaps } from './gaps.js'

export const GROUPS = 128
/** As a subtask does between two turns. */
const ROWS_PER_STEP = 131_072

export interface Taken {
  readonly chunks: readonly StateChunk[]
  /** Of all steps, without the turns between them. */
  readonly wholeMs: number
  /** Of them what was neither the garbage collector's nor spent waiting for a core. */
  readonly ownMs: number
  readonly beginMs: number
  readonly steps: readonly Gap[]
  readonly bytes: number
}

/** Steps alternate with turns of the job. */
export async function take(
  snapshots: StateSnapshots,
  round: number,
  turn: () => void,
  isFull = false,
): Promise<Taken> {
  const chunks: StateChunk[] = []
  const gaps = new Gaps()
  const beginMs = timed(() => snapshots.begin(round, isFull))
  while (!snapshots.encoded) {
    gaps.step(() => chunks.push(...snapshots.step(ROWS_PER_STEP)))
    turn()
  }
  const refs = chunks.map(({ bytes, count }, i): ChunkRef => {
    return { id: `${round}-${i}`, sha256: '', bytes: bytes.length, count }
  })
  snapshots.chain(refs)
  snapshots.completed(round)
  const steps = await gaps.end()
  return {
    chunks,
    wholeMs: steps.reduce((sum, { ms }) => sum + ms, beginMs),
    ownMs: steps.reduce((sum, { ownMs }) => sum + ownMs, beginMs),
    beginMs,
    steps,
    bytes: refs.reduce((sum, ref) => sum + ref.bytes, 0),
  }
}

/** What the steps of a round, or of several, hold up. */
export function* stepResults(name: string, { steps }: Pick<Taken, 'steps'>): Iterable<Result> {
  const lengths = steps.map(({ ms }) => ms).sort((a, b) => a - b)
  const longest = steps.reduce((a, b) => (b.ms > a.ms ? b : a))
  const values: Readonly<Record<string, number>> = {
    'p99 of a step': lengths[Math.floor(lengths.length * 0.99)]!,
    'longest step': longest.ms,
    'GC in the longest step': longest.gcMs,
    'longest step without GC': Math.max(...steps.map(({ ms, gcMs }) => ms - gcMs)),
    'the same without waiting for a core': Math.max(...steps.map(({ ownMs }) => ownMs)),
  }
  for (const [what, value] of Object.entries(values)) {
    yield { name: `${name}, ${what}`, value, unit: 'ms' }
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
