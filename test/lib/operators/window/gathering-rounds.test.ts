/** Windows that gather their records: each round of a snapshot has what there was when it began. */
import t from 'tap'
import { seededRandom } from '../../../../lib/base/random.js'
import { restoreState } from '../../../../lib/snapshot/state-restore.js'
import { createStateSnapshots } from '../../../../lib/snapshot/state-rounds.js'
import { createHeapState } from '../../../../lib/state/heap-state.js'
import type { StateStore } from '../../../../lib/state/state.js'
import { fixedGrid } from '../../../../lib/window/grid.js'
import { tumblingSlices } from '../../../../lib/window/slicing.js'
import { addTo, GROUPS, openGathering, said, speak } from '../../../support/gathering.js'
import { cachedState } from '../../../support/level-state.js'
import { testSeed } from '../../../support/test-seed.js'

const SEED = testSeed()

const SIZE_MS = 10
const slicing = tumblingSlices(fixedGrid(SIZE_MS, 0))

const STORES: Readonly<Record<string, () => StateStore>> = {
  'in memory': () => createHeapState(GROUPS),
  'in rows, all of which fit': () => cachedState(GROUPS, 1_000_000),
  'in rows, more than fit': () => cachedState(GROUPS, 2_000),
}

/** What a store speaks that begins with these chunks. */
function restored(store: StateStore, chunks: readonly Uint8Array[]): string[] {
  const names = { operator: 'o', subtask: 0, parallelism: 1, formerParallelism: 1 }
  restoreState(store, [{ subtask: 0, chunks }], { ...names, maxParallelism: GROUPS })
  const windows = openGathering(store, slicing)
  windows.end()
  return speak(windows)
}

for (const [name, create] of Object.entries(STORES)) {
  t.test(`what changes while a round is encoded is not in it, ${name}`, async (t) => {
    const random = seededRandom(SEED)
    const below = (n: number): number => Math.floor(random() * n)
    const store = create()
    const windows = openGathering(store, slicing)
    const snapshots = createStateSnapshots(store, 'o')
    const held = new Map<string, Parameters<typeof said>>()
    const texts = () => [...held.values()].map((of) => said(...of)).sort()
    let [round, compared, now] = [0, 0, 0]
    let begun: string[] | null = null
    let chunks: Uint8Array[] = []

    const goOn = (): void => {
      if (begun === null) {
        if (below(10) > 0) return
        snapshots.begin(++round, below(5) === 0)
        begun = texts()
        chunks = []
      }
      for (const { bytes } of snapshots.step(1 + below(6))) chunks.push(bytes)
      if (!snapshots.encoded) return
      const refs = chunks.map((data, i) => ({
        id: `${round}-${i}`,
        sha256: '',
        bytes: data.length,
        count: 1,
        data,
      }))
      const chain = snapshots.chain(refs) as typeof refs
      if (below(4) > 0) snapshots.completed(round)
      else snapshots.abandoned(round)
      const found = restored(
        create(),
        chain.map(({ data }) => data),
      )
      if (found.join() !== begun.join()) t.same(found, begun, `round ${round}`)
      compared++
      begun = null
    }

    for (let i = 0; i < 3_000; i++) {
      now += below(2)
      const record = [i, null, undefined, `${i}`, { i }, [i]][below(6)]
      const [side, key] = [below(2) as 0 | 1, [below(8), `k${below(8)}`][below(2)]]
      const timeMs = now + below(40)
      const start = Math.floor(timeMs / SIZE_MS) * SIZE_MS
      const id = JSON.stringify([key, start])
      const of = held.get(id) ?? [key, start, [], []]
      of[side === 0 ? 2 : 3].push(record)
      held.set(id, of)
      addTo(windows, side, record, timeMs, key)
      goOn()
      if (below(40) > 0) continue
      windows.advance(now - 1)
      for (const [id, [, start]] of held) if (start + SIZE_MS <= now) held.delete(id)
      speak(windows)
    }
    t.ok(compared > 50, `${compared} rounds compared`)
    windows.end()
    t.same(speak(windows), texts())
  })
}
