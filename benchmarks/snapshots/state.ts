/**
 * What a snapshot of one operator's state costs the subtask that takes it: counts per key, all or a share of
 * which have changed since the round before.
 */
import { keyGroupOf } from '../../lib/base/key.js'
import { seededRandom } from '../../lib/base/random.js'
import { createStateSnapshots } from '../../lib/snapshot/state-rounds.js'
import { createHeapState } from '../../lib/state/heap-state.js'
import type { Result } from '../micro/main.js'
import { kindsBench } from './kinds.js'
import { GROUPS, restoreTimed, stepResults, take } from './take.js'

/** Records between two steps: about what a turn handles. */
const RECORDS_PER_TURN = 1_024

export async function* stateBench({ quick }: { readonly quick: boolean }): AsyncIterable<Result> {
  const keys = quick ? 100_000 : 1_000_000
  const groups = Uint16Array.from({ length: keys }, (_, key) => keyGroupOf(key, GROUPS))
  const store = createHeapState(GROUPS)
  const counts = store.value<number>('count')
  const add = (key: number): void => {
    counts.set(groups[key]!, key, (counts.get(groups[key]!, key) ?? 0) + 1)
  }
  for (let key = 0; key < keys; key++) add(key)
  const snapshots = createStateSnapshots(store, 'count', () => performance.now())
  const random = seededRandom(3)
  const turn = (): void => {
    for (let i = 0; i < RECORDS_PER_TURN; i++) add(Math.floor(random() * keys))
  }
  const off = perSecond(turn)
  yield { name: 'counts, before the first snapshot', value: off / 1e6, unit: 'M/s' }

  const full = await take(snapshots, 1, turn)
  yield { name: 'full, whole', value: full.wholeMs, unit: 'ms' }
  yield { name: 'full, begin', value: full.beginMs, unit: 'ms' }
  yield* stepResults('full', full)
  yield { name: 'full, size', value: full.bytes / keys, unit: 'bytes per key' }
  const on = perSecond(turn)
  yield { name: 'counts, between snapshots', value: on / 1e6, unit: 'M/s' }

  for (let key = 0; key < keys; key++) add(key)
  const all = await take(snapshots, 2, turn)
  yield { name: 'all changed, whole', value: all.wholeMs, unit: 'ms' }
  yield* stepResults('all changed', all)

  await take(snapshots, 3, () => {})
  // What is not compiled yet would count against the few: a round of them goes ahead, and the full one that
  // they are compared with comes last.
  for (let i = 0; i < keys / 100; i++) add(i * 100 + 1)
  await take(snapshots, 4, () => {})
  for (let i = 0; i < keys / 100; i++) add(i * 100)
  const few = await take(snapshots, 5, () => {})
  const again = await take(snapshots, 6, () => {}, true)
  yield { name: '1 % changed, whole', value: few.wholeMs, unit: 'ms' }
  yield { name: 'full again, whole', value: again.wholeMs, unit: 'ms' }
  yield { name: '1 % changed, time of full again', value: few.wholeMs / again.wholeMs, unit: '×' }
  yield { name: 'the same without GC and waiting', value: few.ownMs / again.ownMs, unit: '×' }
  yield { name: '1 % changed, size of full', value: few.bytes / full.bytes, unit: '×' }

  const { ms, store: back } = restoreTimed(full.chunks)
  if (back.value('count').size !== keys) throw new Error('keys are missing')
  yield { name: 'restore', value: ms, unit: 'ms' }
  yield* kindsBench({ quick })
}

/** Records per second, over enough turns to touch each key a few times. */
function perSecond(turn: () => void): number {
  const turns = 2_000
  const beganMs = performance.now()
  for (let i = 0; i < turns; i++) turn()
  return (turns * RECORDS_PER_TURN * 1_000) / (performance.now() - beganMs)
}
