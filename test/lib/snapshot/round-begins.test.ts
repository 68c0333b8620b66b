import t from 'tap'
import { createStateSnapshots } from '../../../lib/snapshot/state-rounds.js'
import { createHeapState } from '../../../lib/state/heap-state.js'
import { GROUPS } from '../../support/state-script.js'

t.test('a round begins without looking at any entry, however many there are', async (t) => {
  let reads = 0
  const counting = (n: number) => ({
    get n() {
      reads++
      return n
    },
  })
  const store = createHeapState(GROUPS)
  const value = store.value<object>('v')
  const map = store.map<number, object>('m')
  const list = store.list<object>('l')
  for (let key = 0; key < 3_000; key++) {
    value.set(key % GROUPS, key, counting(key))
    map.set(0, 'all', key, counting(key))
    list.append(0, 'all', counting(key))
  }
  const snapshots = createStateSnapshots(store, 'o')
  reads = 0
  snapshots.begin(1, false)
  t.equal(reads, 0, 'as it begins')
  value.set(1, 1, counting(-1))
  t.ok(reads < 20, `one that is replaced is read before, and no other: ${reads} reads`)
  while (!snapshots.encoded) snapshots.step(50)
  t.ok(reads >= 9_000, 'then all of them')
})
