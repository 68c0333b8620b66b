import t, { type Test } from 'tap'
import { Epochs } from '../../../lib/base/epochs.js'
import { createStateSnapshots } from '../../../lib/snapshot/state-rounds.js'
import type { StateSnapshots } from '../../../lib/snapshot/state-snapshots.js'
import { createHeapState } from '../../../lib/state/heap-state.js'
import { Journal, pruned } from '../../../lib/state/journal.js'
import { PairCursor, PairMap } from '../../../lib/state/pair-map.js'

const GROUPS = 4

/** Cursors behind all entries that nobody has ended. Until `t` ends. */
function cursorsKept(t: Test): ReadonlySet<unknown> {
  const kept = new Set<unknown>()
  const { behind } = PairMap.prototype
  const { end } = PairCursor.prototype
  t.teardown(() => {
    PairMap.prototype.behind = behind
    PairCursor.prototype.end = end
  })
  PairMap.prototype.behind = function (this: PairMap<unknown>) {
    const cursor = behind.call(this)
    kept.add(cursor)
    return cursor
  }
  PairCursor.prototype.end = function (this: PairCursor<unknown>) {
    kept.delete(this)
    end.call(this)
  }
  return kept
}

function encode(snapshots: StateSnapshots, round: number): void {
  snapshots.begin(round, false)
  const refs = []
  while (!snapshots.encoded) {
    for (const { bytes, count } of snapshots.step(1_000)) {
      refs.push({ id: `${round}.${refs.length}`, sha256: '', bytes: bytes.length, count })
    }
  }
  snapshots.chain(refs)
}

t.test('where entries that are new begin is forgotten with the rounds before', async (t) => {
  const kept = cursorsKept(t)
  const store = createHeapState(GROUPS)
  const value = store.value<number>('v')
  const snapshots = createStateSnapshots(store, 'o')
  for (let round = 1; round <= 50; round++) {
    for (let key = 0; key < 400; key++) value.set(key % GROUPS, [key, round], key)
    encode(snapshots, round)
    snapshots.completed(round)
  }
  t.ok(kept.size > 0 && kept.size <= 2 * GROUPS, `${kept.size} cursors`)
})

t.test('any number of journals is forgotten', async (t) => {
  const epochs = new Epochs()
  const world = { epochs, copy: null, note: null, compares: false, release: null, rows: null }
  let newest: Journal<number, number> | null = null
  while (epochs.now++ < 100_000) newest = new Journal(world, newest, new Map())
  t.equal(pruned(newest, 50_000), newest)
  let count = 0
  for (let at = newest; at !== null; at = at.older) count++
  t.equal(count, 50_001)
  t.equal(pruned(newest, 100_001), null)
})
