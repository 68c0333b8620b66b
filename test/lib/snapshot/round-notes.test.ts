/** What a round holds of large tables that change while it is read: all that was there as it began. */
import t from 'tap'
import { type Random, seededRandom } from '../../../lib/base/random.js'
import { restoreState } from '../../../lib/snapshot/state-restore.js'
import { createStateSnapshots } from '../../../lib/snapshot/state-rounds.js'
import type { StateSnapshots } from '../../../lib/snapshot/state-snapshots.js'
import { createHeapState } from '../../../lib/state/heap-state.js'
import type { ValueState } from '../../../lib/state/state.js'
import { testSeed } from '../../support/test-seed.js'

const SEED = testSeed()
const GROUPS = 2
const KEYS = 6_000
const ROUNDS = 6

const KEY_OF: Readonly<Record<string, (i: number) => unknown>> = {
  numbers: (i) => i,
  pairs: (i) => [i >> 6, i & 63],
  texts: (i) => `a text that may be a view ${i}`,
  arrays: (i) => [i, 'x'],
}

type Values = ReadonlyMap<number, number>

/** State, and the plain Map that it has to be. */
class Twins {
  readonly now = new Map<number, number>()
  readonly #state: ValueState<number>
  readonly #keyOf: (i: number) => unknown

  constructor(state: ValueState<number>, keyOf: (i: number) => unknown) {
    this.#state = state
    this.#keyOf = keyOf
  }

  set(i: number, value: number): void {
    this.#state.set(i % GROUPS, this.#keyOf(i), value)
    this.now.set(i, value)
  }

  delete(i: number): void {
    this.#state.delete(i % GROUPS, this.#keyOf(i))
    this.now.delete(i)
  }

  /** Each key several times in turn; some go, and come again. */
  change(random: Random, keys: number): void {
    const first = Math.floor(random() * KEYS)
    for (let turn = 0; turn < 3; turn++) {
      for (let i = first; i < first + keys; i++) {
        if (random() < 0.2) this.delete(i % KEYS)
        else this.set(i % KEYS, Math.floor(random() * 1e6))
      }
    }
  }
}

/** Encodes the round that has begun, with changes between its steps. */
function encode(snapshots: StateSnapshots, change: () => void): Uint8Array[] {
  const bytes: Uint8Array[] = []
  for (let step = 0; !snapshots.encoded; step++) {
    if (step < 4) change()
    for (const chunk of snapshots.step(700)) bytes.push(chunk.bytes)
  }
  return bytes
}

function wrongIn(chunks: Uint8Array[], name: string, expected: Values): number {
  const back = createHeapState(GROUPS)
  const target = { operator: 'o', subtask: 0, parallelism: 1, formerParallelism: 1 }
  restoreState(back, [{ subtask: 0, chunks }], { ...target, maxParallelism: GROUPS })
  const value = back.value<number>(name)
  let wrong = Math.abs(value.size - expected.size)
  for (const [i, was] of expected) if (value.get(i % GROUPS, KEY_OF[name]!(i)) !== was) wrong++
  return wrong
}

for (const [name, keyOf] of Object.entries(KEY_OF)) {
  t.test(`rounds hold what thousands of ${name} had as they began`, async (t) => {
    const random = seededRandom(SEED)
    const store = createHeapState(GROUPS)
    const twins = new Twins(store.value<number>(name), keyOf)
    for (let i = 0; i < KEYS; i++) twins.set(i, i)
    const snapshots = createStateSnapshots(store, 'o')
    const bytesOf = new Map<string, Uint8Array>()
    for (let round = 1; round <= ROUNDS; round++) {
      snapshots.begin(round, round === 4)
      const expected: Values = new Map(twins.now)
      const bytes = encode(snapshots, () => twins.change(random, 150))
      const refs = bytes.map((each) => {
        const id = `c${bytesOf.size}`
        bytesOf.set(id, each)
        return { id, sha256: '', bytes: each.length, count: 1 }
      })
      const chain = snapshots.chain(refs)
      const chunks = chain.map(({ id }) => bytesOf.get(id)!)
      t.equal(wrongIn(chunks, name, expected), 0, `round ${round}, of ${chain.length} chunks`)
      snapshots.completed(round)
      // Of so few the next round writes the changes alone.
      twins.change(random, 100)
    }
  })
}
