import t from 'tap'
import { restoreState } from '../../../lib/snapshot/state-restore.js'
import { createStateSnapshots } from '../../../lib/snapshot/state-rounds.js'
import { createHeapState } from '../../../lib/state/heap-state.js'
import type { StateStore } from '../../../lib/state/state.js'
import { cachedState } from '../../support/level-state.js'

const GROUPS = 3
const KEYS = 30
const EACH = 165
/** Of each map, deleted while it is read: they come behind all others. */
const DELETED = 20

const target = {
  operator: 'o',
  subtask: 0,
  parallelism: 1,
  maxParallelism: GROUPS,
  formerParallelism: 1,
}

/** The chunks of a round with entries that do not come in their order. */
function outOfOrder(): Uint8Array[] {
  const store = createHeapState(GROUPS)
  const map = store.map<number, number>('m')
  for (let key = 0; key < KEYS; key++) {
    for (let i = 0; i < EACH; i++) map.set(key % GROUPS, key, i, i)
  }
  const snapshots = createStateSnapshots(store, 'o')
  snapshots.begin(1, true)
  for (let key = 0; key < KEYS; key++) {
    for (let i = 0; i < DELETED; i++) map.delete(key % GROUPS, key, i)
  }
  const chunks: Uint8Array[] = []
  while (!snapshots.encoded) chunks.push(...snapshots.step(100_000).map(({ bytes }) => bytes))
  return chunks
}

const expected = Array.from({ length: EACH }, (_, i) => [i, i])

const BACKENDS: Readonly<Record<string, () => StateStore>> = {
  heap: () => createHeapState(GROUPS),
  ...Object.fromEntries(
    [4_000, 20_000, 200_000].map((bytes) => [
      `level, ${bytes} bytes of cache`,
      () => cachedState(GROUPS, bytes),
    ]),
  ),
}

for (const [name, make] of Object.entries(BACKENDS)) {
  t.test(`maps whose entries come in no order are restored whole, in order: ${name}`, async (t) => {
    const store = make()
    restoreState(store, [{ subtask: 0, chunks: outOfOrder() }], target)
    const map = store.map<number, number>('m')
    for (let key = 0; key < KEYS; key++) {
      t.strictSame([...map.entries(key % GROUPS, key)], expected, `key ${key}`)
    }
  })
}
