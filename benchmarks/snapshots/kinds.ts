/** A full snapshot of each kind of state with as many entries, and its restore. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { keyGroupOf } from '../../lib/base/key.js'
import {
  createKeySlices,
  insertSlice,
  type KeySlices,
} from '../../lib/operators/window/key-slices.js'
import { createStateSnapshots } from '../../lib/snapshot/state-rounds.js'
import { createHeapState } from '../../lib/state/heap-state.js'
import type { StateStore } from '../../lib/state/state.js'
import type { Result } from '../micro/main.js'
import { GROUPS, restoreTimed, stepResults, take } from './take.js'

const TTL = { ttl: { ms: 3_600_000, update: 'write' } } as const

/** Full rounds: of the steps of one alone, the 99th percentile is the longest or the one before. */
const ROUNDS = 3

type Fill = (store: StateStore, i: number, group: number) => void

const KINDS: Readonly<Record<string, Fill>> = {
  'counts by text': (store, i) => {
    const key = `customer-${i}`
    store.value<number>('v').set(keyGroupOf(key, GROUPS), key, i)
  },
  'counts with a TTL': (store, i, group) => store.value<number>('v', TTL).set(group, i, i),
  'records of 4 fields': (store, i, group) => {
    store.value('v').set(group, i, { id: i, name: `name ${i % 100}`, price: i / 7, open: true })
  },
  'slices of windows': (store, i, group) => {
    const value = createKeySlices(i, i, 1)
    // Nine keys in ten have one.
    if (i % 10 === 0) insertSlice(value, 1, i + 60_000, 2)
    store.value<KeySlices>('v', { mutable: true }).set(group, i, value)
  },
  'lists of 4': (store, i, group) => store.list('l').append(group & ~3, i >> 2, i),
  'maps of 4': (store, i, group) => store.map('m').set(group & ~3, i >> 2, i & 3, i),
  timers: (store, i, group) => {
    store.timers('t').register(group, i, 1_700_000_000_000 + (i % 60_000))
  },
}

export async function* kindsBench({ quick }: { readonly quick: boolean }): AsyncIterable<Result> {
  const entries = quick ? 100_000 : 1_000_000
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc') as () => void
  for (const [name, fill] of Object.entries(KINDS)) {
    const store = createHeapState(GROUPS)
    for (let i = 0; i < entries; i++) fill(store, i, i & (GROUPS - 1))
    // The kind before is not to be cleared away in a step of this one.
    collectGarbage()
    const snapshots = createStateSnapshots(store, 'o', () => performance.now())
    // A few change while it is encoded.
    let changed = 0
    const turn = (): void => {
      for (let i = 0; i < 64; i++, changed += 997) fill(store, changed % entries, changed % GROUPS)
    }
    const full = await take(snapshots, 1, turn)
    yield { name: `${name}, full`, value: full.wholeMs, unit: 'ms' }
    const steps = [...full.steps]
    for (let round = 2; round <= ROUNDS; round++) {
      steps.push(...(await take(snapshots, round, turn, true)).steps)
    }
    yield* stepResults(name, { steps })
    yield { name: `${name}, size`, value: full.bytes / entries, unit: 'bytes per entry' }
    const { ms, store: back } = restoreTimed(full.chunks)
    if (back.countEntries() < entries / 2) throw new Error(`${name}: entries are missing`)
    yield { name: `${name}, restore`, value: ms, unit: 'ms' }
  }
}
