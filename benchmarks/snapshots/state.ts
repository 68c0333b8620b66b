/**
 * What a snapshot of one operator's state costs the subtask that takes it: counts per key, a share of which
 * has changed since the round before; and the same for the windows of a key, which change in place.
 */
import { keyGroupOf } from '../../lib/base/key.js'
import { seededRandom } from '../../lib/base/random.js'
import type { ChunkRef } from '../../lib/snapshot/chunk-store.js'
import { restoreState } from '../../lib/snapshot/state-restore.js'
import { createStateSnapshots } from '../../lib/snapshot/state-rounds.js'
import type { StateChunk, StateSnapshots } from '../../lib/snapshot/state-snapshots.js'
import { createHeapState } from '../../lib/state/heap-state.js'
import type { ValueState } from '../../lib/state/state.js'
import type { Result } from '../micro/main.js'

const GROUPS = 128
/** As a subtask does between two turns. */
const ROWS_PER_STEP = 4_096
/** Records between two steps: about what a turn handles. */
const RECORDS_PER_TURN = 1_024

interface Encoded {
  readonly chunks: readonly StateChunk[]
  readonly wholeMs: number
  readonly longestMs: number
  readonly bytes: number
}

export function* stateBench({ quick }: { readonly quick: boolean }): Iterable<Result> {
  const keys = quick ? 100_000 : 1_000_000
  const groups = Uint16Array.from({ length: keys }, (_, key) => keyGroupOf(key, GROUPS))
  const store = createHeapState(GROUPS)
  const counts = store.value<number>('count')
  const add = (key: number): void => {
    counts.set(groups[key]!, key, (counts.get(groups[key]!, key) ?? 0) + 1)
  }
  for (let key = 0; key < keys; key++) add(key)
  const snapshots = createStateSnapshots(store, 'count')
  const random = seededRandom(3)
  const turn = (): void => {
    for (let i = 0; i < RECORDS_PER_TURN; i++) add(Math.floor(random() * keys))
  }
  const off = perSecond(turn)
  yield { name: 'counts, before the first snapshot', value: off / 1e6, unit: 'M/s' }

  const full = take(snapshots, 1, turn)
  yield { name: 'full, whole', value: full.wholeMs, unit: 'ms' }
  yield { name: 'full, longest step', value: full.longestMs, unit: 'ms' }
  yield { name: 'full, size', value: full.bytes / keys, unit: 'bytes per key' }
  const on = perSecond(turn)
  yield { name: 'counts, between snapshots', value: on / 1e6, unit: 'M/s' }

  for (let key = 0; key < keys; key++) add(key)
  const all = take(snapshots, 2, turn)
  yield { name: 'all changed, whole', value: all.wholeMs, unit: 'ms' }
  yield { name: 'all changed, longest step', value: all.longestMs, unit: 'ms' }

  take(snapshots, 3, () => {})
  for (let i = 0; i < keys / 100; i++) add(i * 100)
  const few = take(snapshots, 4, () => {})
  yield { name: '1 % changed, whole', value: few.wholeMs, unit: 'ms' }
  yield { name: '1 % changed, time of full', value: few.wholeMs / full.wholeMs, unit: '×' }
  yield { name: '1 % changed, size of full', value: few.bytes / full.bytes, unit: '×' }

  yield* restoreBench(full.chunks, counts, keys)
}

function* restoreBench(
  chunks: readonly StateChunk[],
  counts: ValueState<number>,
  keys: number,
): Iterable<Result> {
  const back = createHeapState(GROUPS)
  const beganMs = performance.now()
  restoreState(back, [{ subtask: 0, chunks: chunks.map(({ bytes }) => bytes) }], {
    operator: 'count',
    subtask: 0,
    parallelism: 1,
    formerParallelism: 1,
    maxParallelism: GROUPS,
  })
  yield { name: 'restore, whole', value: performance.now() - beganMs, unit: 'ms' }
  if (back.value('count').size !== keys || counts.size !== keys) throw new Error('keys are missing')
}

/** A round whose steps alternate with turns; its time is that of the steps alone. */
function take(snapshots: StateSnapshots, round: number, turn: () => void): Encoded {
  const chunks: StateChunk[] = []
  let wholeMs = 0
  let longestMs = 0
  const timed = (work: () => void): void => {
    const beganMs = performance.now()
    work()
    const tookMs = performance.now() - beganMs
    wholeMs += tookMs
    longestMs = Math.max(longestMs, tookMs)
  }
  timed(() => snapshots.begin(round, false))
  while (!snapshots.encoded) {
    timed(() => chunks.push(...snapshots.step(ROWS_PER_STEP)))
    turn()
  }
  const refs = chunks.map(({ bytes, count }, i): ChunkRef => {
    return { id: `${round}-${i}`, sha256: '', bytes: bytes.length, count }
  })
  snapshots.chain(refs)
  snapshots.completed(round)
  const bytes = refs.reduce((sum, ref) => sum + ref.bytes, 0)
  return { chunks, wholeMs, longestMs, bytes }
}

/** Records per second, over enough turns to touch each key a few times. */
function perSecond(turn: () => void): number {
  const turns = 2_000
  const beganMs = performance.now()
  for (let i = 0; i < turns; i++) turn()
  return (turns * RECORDS_PER_TURN * 1_000) / (performance.now() - beganMs)
}
