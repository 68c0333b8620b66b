import t from 'tap'
import { CHAIN_MAX } from '../../../lib/snapshot/chain-weight.js'
import type { ChunkRef } from '../../../lib/snapshot/chunk-store.js'
import { createStateSnapshots } from '../../../lib/snapshot/state-rounds.js'
import type { StateSnapshots } from '../../../lib/snapshot/state-snapshots.js'
import { createHeapState } from '../../../lib/state/heap-state.js'
import type { StateStore } from '../../../lib/state/state.js'
import { GROUPS } from '../../support/state-script.js'

interface Taken {
  readonly isFull: boolean
  readonly rows: number
  readonly bytes: number
  readonly chainBytes: number
  readonly chunks: number
}

const bytesOf = (refs: readonly ChunkRef[]): number =>
  refs.reduce((sum, { bytes }) => sum + bytes, 0)

function take(snapshots: StateSnapshots, round: number, full = false): Taken {
  const refs: ChunkRef[] = []
  snapshots.begin(round, full)
  while (!snapshots.encoded) {
    for (const { bytes, count } of snapshots.step(5_000)) {
      refs.push({ id: `${round}.${refs.length}`, sha256: '', bytes: bytes.length, count })
    }
  }
  const chain = snapshots.chain(refs)
  snapshots.completed(round)
  return {
    isFull: chain.length === refs.length,
    rows: refs.reduce((sum, { count }) => sum + count, 0),
    bytes: bytesOf(refs),
    chainBytes: bytesOf(chain),
    chunks: chain.length,
  }
}

/** What changes from round to round, and how many times what a full round has a chain may be at most. */
interface Life {
  readonly law: string
  readonly most: number
  live(store: StateStore, round: number): void
}

const large = (round: number, bytes: number): Uint8Array => new Uint8Array(bytes).fill(round)

const LIVES: readonly Life[] = [
  {
    law: 'one state is replaced beside another of many more entries',
    most: 4,
    live(store, round) {
      const seen = store.value<number>('seen')
      if (round === 1) for (let key = 0; key < 20_000; key++) seen.set(key % GROUPS, [key, 1], key)
      const sketches = store.value<Uint8Array>('sketches')
      for (let key = 0; key < 5; key++) sketches.set(key, [key, 1], large(round, 50_000))
    },
  },
  {
    law: 'one large value is replaced beside a state that is larger',
    most: 3,
    live(store, round) {
      const seen = store.value<string>('seen')
      for (let key = 0; round === 1 && key < 5_000; key++) {
        seen.set(key % GROUPS, [key, 1], `${key}`.padEnd(600))
      }
      store.single<Uint8Array>('model').set(large(round, 500_000))
    },
  },
  {
    law: 'large entries are replaced within a state that grows by small ones',
    most: 9,
    live(store, round) {
      const value = store.value<unknown>('v')
      for (let i = 0; i < 1_000; i++) value.set(i % GROUPS, [round, i], i)
      for (let key = 0; key < 5; key++) value.set(key, [key, -1], large(round, 50_000))
    },
  },
  {
    law: 'entries become larger and larger',
    most: 3,
    live(store, round) {
      const value = store.value<string>('v')
      for (let key = 0; key < 500; key++) value.set(key % GROUPS, key, ''.padEnd(10 * round))
    },
  },
  {
    law: 'entries come and go',
    most: 4,
    live(store, round) {
      const value = store.value<string>('v')
      for (let i = 0; i < 1_000; i++) value.set(i % GROUPS, [i, round], 'y'.repeat(30))
      for (let i = 0; i < 1_000; i++) value.delete(i % GROUPS, [i, round - 4])
    },
  },
  {
    law: 'entries go',
    most: 4,
    live(store, round) {
      const value = store.value<number>('v')
      if (round === 1) for (let key = 0; key < 30_000; key++) value.set(key % GROUPS, key, key)
      for (let i = 0; i < 200; i++) value.delete(i % GROUPS, 200 * round + i)
    },
  },
  {
    law: 'lists grow and are replaced',
    most: 4,
    live(store, round) {
      const list = store.list<number>('l')
      for (let key = 0; key < 50; key++) list.append(key % GROUPS, key, round)
      for (let key = 0; key < 50; key += 2) list.replace(key % GROUPS, key, [round])
    },
  },
]

for (const { law, most, live } of LIVES) {
  t.test(`a chain has few times what a full round would have: ${law}`, async (t) => {
    const store = createHeapState(GROUPS)
    const twin = createHeapState(GROUPS)
    const snapshots = createStateSnapshots(store, 'o')
    const ofAll = createStateSnapshots(twin, 'o')
    let worst = 0
    for (let round = 1; round <= 80; round++) {
      live(store, round)
      live(twin, round)
      const { chainBytes, chunks } = take(snapshots, round)
      // Each round more has heads of its own, which say nothing where there is little else.
      worst = Math.max(worst, (chainBytes - 1_000 * chunks) / take(ofAll, round, true).bytes)
    }
    t.ok(worst < most, `${worst.toFixed(1)} times`)
  })
}

t.test('a round begins without going through what there is', async (t) => {
  const store = createHeapState(GROUPS)
  const snapshots = createStateSnapshots(store, 'o')
  const list = store.list<number>('l')
  const map = store.map<number, number>('m')
  for (const state of [list, map]) {
    const get = () => t.fail('it went through all lists or maps')
    for (const walk of ['elements', 'entries']) Object.defineProperty(state, walk, { get })
  }
  let fulls = 0
  for (let round = 1; round <= 20; round++) {
    for (let i = 0; i < 1_000; i++) {
      list.append(i % GROUPS, i, round)
      map.set(i % GROUPS, i, round, round)
    }
    fulls += Number(take(snapshots, round).isFull)
  }
  t.ok(fulls > 1 && fulls < 10, `${fulls} full rounds`)
})

t.test('a state that does not change is not written anew', async (t) => {
  const store = createHeapState(GROUPS)
  const snapshots = createStateSnapshots(store, 'o')
  for (let key = 0; key < 100; key++) store.value('v').set(key % GROUPS, key, key)
  let rows = 0
  for (let round = 1; round <= 3 * CHAIN_MAX; round++) rows += take(snapshots, round).rows
  t.equal(rows, 100)
})
