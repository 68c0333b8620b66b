/**
 * What a snapshot of one operator's state costs the subtask that takes it: counts per key, all or a share of
 * which have changed since the round before.
 */
import { keyGroupOf } from '../../lib/base/key.js'
import { seededRandom } from '../../lib/base/random.js'
import { createStateSnapshots } from '../../lib/snapshot/state-rounds.js'
import { createHeapState } from '../../lib/state/heap-state.js'
import { median } from '../cost/report.js'
import type { Result } from '../micro/main.js'
import { kindsBench } from './kinds.js'
import { GROUPS, restoreTimed, stepResults, type Taken, take } from './take.js'

/** Records between two steps: about what a turn handles. */
const RECORDS_PER_TURN = 1_024
/** Rounds of few changes before those that are timed, as a job has some each minute. */
const AHEAD = 8
const TIMED = 5

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
  let round = 3
  const few = async (): Promise<Taken> => {
    const first = round++
    for (let i = 0; i < keys / 100; i++) add((i * 100 + first) % keys)
    return take(snapshots, round, () => {})
  }
  // What is not compiled yet would count against the few: rounds of them go ahead, the first of which is shown
  // too. Then either is taken in turn.
  const early = [await few()]
  while (early.length < AHEAD) early.push(await few())
  const small: Taken[] = []
  const again: Taken[] = []
  while (small.length < TIMED) {
    small.push(await few())
    again.push(await take(snapshots, ++round, () => {}, true))
  }
  const [fewMs, againMs] = [small, again].map((each) => median(each.map(({ wholeMs }) => wholeMs)))
  const [fewOwnMs, againOwnMs] = [small, again].map((each) =>
    median(each.map(({ ownMs }) => ownMs)),
  )
  yield { name: '1 % changed for the first time, whole', value: early[0]!.wholeMs, unit: 'ms' }
  yield { name: '1 % changed, whole', value: fewMs!, unit: 'ms' }
  yield { name: 'full again, whole', value: againMs!, unit: 'ms' }
  yield { name: '1 % changed, time of full again', value: fewMs! / againMs!, unit: '×' }
  yield { name: 'the same without GC and waiting', value: fewOwnMs! / againOwnMs!, unit: '×' }
  yield { name: '1 % changed, size of full', value: small[0]!.bytes / full.bytes, unit: '×' }

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
