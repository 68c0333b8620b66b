/** A step holds up its thread, and what it gives lies in memory until it is stored: values may be large. */
import t, { type Test } from 'tap'
import { type Random, seededRandom } from '../../../lib/base/random.js'
import { restoreState } from '../../../lib/snapshot/state-restore.js'
import { createStateSnapshots } from '../../../lib/snapshot/state-rounds.js'
import type { StateSnapshots } from '../../../lib/snapshot/state-snapshots.js'
import { createHeapState } from '../../../lib/state/heap-state.js'
import type { StateStore } from '../../../lib/state/state.js'
import { contentOf } from '../../support/state-script.js'
import { testSeed } from '../../support/test-seed.js'

const SEED = testSeed()

const KIBIBYTE = 1024
/** A step's own, a chunk that was not full before it, and the value that is one too many. */
const stepMax = (valueBytes: number): number => (1_024 + 512 + 8) * KIBIBYTE + valueBytes

/** The bytes of each step of a round that is complete at its end. */
function stepsOf(snapshots: StateSnapshots, round: number, full = false): number[] {
  const steps: number[] = []
  snapshots.begin(round, full)
  while (!snapshots.encoded) {
    const chunks = snapshots.step(131_072)
    steps.push(chunks.reduce((sum, { bytes }) => sum + bytes.length, 0))
  }
  snapshots.chain([{ id: `c${round}`, sha256: '', bytes: 2 ** 40, count: 1 }])
  snapshots.completed(round)
  return steps
}

type Put = (store: StateStore, n: number, value: string) => void

const TTL = { ttl: { ms: 1_000, update: 'write' } } as const

const VALUES: Readonly<Record<string, Put>> = {
  values: (store, n, value) => store.value('v').set(0, n, value),
  'values with a TTL': (store, n, value) => store.value('v', TTL).set(0, n, value),
}

const BYTES = 128 * KIBIBYTE

function checkSteps(t: Test, steps: readonly number[], valueBytes: number, most: number): void {
  const bytes = steps.reduce((sum, each) => sum + each, 0)
  t.ok(bytes >= most, `${bytes} bytes in all`)
  t.ok(Math.max(...steps) <= stepMax(valueBytes), `${Math.max(...steps)} bytes in one step`)
}

for (const [name, put] of Object.entries(VALUES)) {
  t.test(`few changes of large values take steps of their bytes (${name})`, async (t) => {
    const store = createHeapState(1)
    const snapshots = createStateSnapshots(store, 'o')
    for (let n = 0; n < 300; n++) put(store, n, 'small')
    stepsOf(snapshots, 1)
    for (let n = 0; n < 5; n++) put(store, n, 'x'.repeat(BYTES))
    stepsOf(snapshots, 2)
    for (let n = 0; n < 64; n++) put(store, n, 'y'.repeat(BYTES))
    checkSteps(t, stepsOf(snapshots, 3), BYTES, 64 * BYTES)
  })
}

t.test('full rounds of large values take steps of their bytes', async (t) => {
  const store = createHeapState(1)
  const snapshots = createStateSnapshots(store, 'o')
  for (let n = 0; n < 5; n++) store.value('v').set(0, n, 'x'.repeat(BYTES))
  stepsOf(snapshots, 1)
  for (let n = 0; n < 600; n++) store.value('v').set(0, n, 'y'.repeat(BYTES))
  checkSteps(t, stepsOf(snapshots, 2, true), BYTES, 600 * BYTES)
})

t.test(
  'rows that wait together take steps of their bytes where they have become large',
  async (t) => {
    const store = createHeapState(1)
    const snapshots = createStateSnapshots(store, 'o')
    for (let n = 0; n < 4_000; n++) store.value('v').set(0, n, n)
    for (const round of [1, 2, 3]) stepsOf(snapshots, round, true)
    for (let n = 0; n < 300; n++) store.value('v').set(0, n, 'y'.repeat(BYTES))
    checkSteps(t, stepsOf(snapshots, 4), BYTES, 300 * BYTES)
    const first = createHeapState(1)
    for (let n = 0; n < 100; n++) first.value('v').set(0, n, 'y'.repeat(BYTES))
    checkSteps(t, stepsOf(createStateSnapshots(first, 'o'), 1), BYTES, 100 * BYTES)
  },
)

t.test(
  'large elements of one list, and entries of one map, take steps of their bytes',
  async (t) => {
    for (const put of [
      (store: StateStore, n: number, value: string) => store.list('l').append(0, 'all', value + n),
      (store: StateStore, n: number, value: string) => store.map('m').set(0, 'all', n, value),
    ]) {
      const store = createHeapState(1)
      const snapshots = createStateSnapshots(store, 'o')
      for (let n = 0; n < 5; n++) put(store, n, 'x'.repeat(BYTES))
      stepsOf(snapshots, 1)
      for (let n = 0; n < 100; n++) put(store, n, 'y'.repeat(BYTES))
      checkSteps(t, stepsOf(snapshots, 2, true), BYTES, 100 * BYTES)
    }
  },
)

/** Values begin with what tells them apart. */
const briefly = (content: ReturnType<typeof contentOf>): unknown =>
  Object.entries(content).map(([name, rows]) => [name, rows.map((row) => String(row).slice(0, 60))])

/** A change of one key of one state; the same for each store that it is called with. */
function randomChange(random: Random, keys: number): (store: StateStore) => void {
  const key = Math.floor(random() * keys)
  // What is larger than a frame ends the step, with others looked up and not given yet.
  const value = `${random()}`.padEnd(random() < 0.1 ? 70_000 : 1, '.')
  const kind = Math.floor(random() * 5)
  const dice = random()
  return (store) => {
    const values = store.value<string>('v')
    const mortal = store.value<string>('t', TTL)
    const changing = store.value<{ text: string }>('c', { mutable: true })
    const map = store.map<number, string>('m')
    const list = store.list<string>('l')
    if (dice < 0.002) return [values, mortal, changing, map, list][kind]!.clear()
    if (kind === 0) return dice < 0.2 ? values.delete(0, [key]) : values.set(0, [key], value)
    if (kind === 1) return dice < 0.2 ? mortal.delete(0, key) : mortal.set(0, key, value)
    if (kind === 2) {
      const own = changing.get(0, key)
      if (own === undefined) return changing.set(0, key, { text: value })
      if (dice < 0.2) return changing.delete(0, key)
      own.text = value
      return changing.set(0, key, own)
    }
    if (kind === 3)
      return dice < 0.3 ? map.delete(0, key, 1) : map.set(0, key, dice < 0.6 ? 1 : 2, value)
    return dice < 0.3 ? list.dropFirst(0, key, 1) : list.append(0, key, value)
  }
}

t.test('what waits for the next step is given as it was when the round began', async (t) => {
  const random = seededRandom(SEED)
  const keys = 400
  const options = { wallTime: () => 0 }
  const store = createHeapState(1, options)
  const twin = createHeapState(1, options)
  const change = (): void => {
    const both = randomChange(random, keys)
    both(store)
    both(twin)
  }
  for (let i = 0; i < 8 * keys; i++) change()
  let nowMs = 0
  const snapshots = createStateSnapshots(store, 'o', () => (nowMs += 1))
  const chain: Uint8Array[] = []
  for (let round = 1; round <= 8; round++) {
    for (let i = 0; i < 200; i++) change()
    const expected = contentOf(twin)
    snapshots.begin(round, false)
    let bytes = 0
    const parts: Uint8Array[] = []
    while (!snapshots.encoded) {
      for (const chunk of snapshots.step(131_072)) {
        parts.push(chunk.bytes)
        bytes += chunk.bytes.length
      }
      for (let i = 0; i < 3; i++) change()
    }
    const refs = snapshots.chain([{ id: `c${round}`, sha256: '', bytes, count: 1 }])
    if (refs.length === 1) chain.length = 0
    chain.push(...parts)
    snapshots.completed(round)
    const back = createHeapState(1, options)
    const target = { operator: 'o', subtask: 0, parallelism: 1, formerParallelism: 1 }
    restoreState(back, [{ subtask: 0, chunks: chain }], { ...target, maxParallelism: 1 })
    t.strictSame(briefly(contentOf(back)), briefly(expected), `round ${round}`)
    if (!t.passing) break
  }
})
