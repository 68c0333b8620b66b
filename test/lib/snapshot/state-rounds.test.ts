import t from 'tap'
import { keyGroupOf } from '../../../lib/base/key.js'
import { type Random, seededRandom } from '../../../lib/base/random.js'
import { deepFreeze } from '../../../lib/operators/freeze.js'
import { CHAIN_MAX } from '../../../lib/snapshot/chain-weight.js'
import type { ChunkRef } from '../../../lib/snapshot/chunk-store.js'
import { restoreState } from '../../../lib/snapshot/state-restore.js'
import { createStateSnapshots, sourceOf } from '../../../lib/snapshot/state-rounds.js'
import type { StateChunk, StateSnapshots } from '../../../lib/snapshot/state-snapshots.js'
import { createHeapState } from '../../../lib/state/heap-state.js'
import type { StateStore } from '../../../lib/state/state.js'
import { cachedState } from '../../support/level-state.js'
import { contentOf, GROUPS, randomOperation, show } from '../../support/state-script.js'
import { testSeed } from '../../support/test-seed.js'

const SEED = testSeed()

t.setTimeout(400_000)

type MakeStore = (maxParallelism: number, options: { wallTime: () => number }) => StateStore

/** The second with hardly any cache. */
const BACKENDS: readonly (readonly [name: string, make: MakeStore])[] = [
  ['heap', createHeapState],
  ['level', (groups, options) => cachedState(groups, 4_000, options)],
]

type Content = ReturnType<typeof contentOf>

/** Keeps chunks by id, as a store would. */
class Chunks {
  readonly #bytes = new Map<string, Uint8Array>()

  put(chunks: readonly StateChunk[]): ChunkRef[] {
    return chunks.map(({ bytes, count }) => {
      const id = `c${this.#bytes.size}`
      this.#bytes.set(id, bytes)
      return { id, sha256: '', bytes: bytes.length, count }
    })
  }

  read(chain: readonly ChunkRef[]): Uint8Array[] {
    return chain.map(({ id }) => this.#bytes.get(id)!)
  }
}

interface Round {
  readonly round: number
  readonly expected: Content
  readonly order: unknown
  readonly nowMs: number
  readonly chunks: StateChunk[]
}

function restored(
  former: readonly { subtask: number; chunks: Uint8Array[] }[],
  subtask: number,
  parallelism: number,
  nowMs: number,
  formerParallelism: number,
  maxParallelism = GROUPS,
  make: MakeStore = createHeapState,
): StateStore {
  const store = make(maxParallelism, { wallTime: () => nowMs })
  const target = { operator: 'o', subtask, parallelism, maxParallelism, formerParallelism }
  restoreState(store, former, target)
  return store
}

/** Encodes a round to its end. */
function encodeAll(snapshots: StateSnapshots): StateChunk[] {
  const chunks: StateChunk[] = []
  while (!snapshots.encoded) chunks.push(...snapshots.step(50))
  return chunks
}

/** Two stores live the same life, one of them in the heap, the other with snapshots. */
function liveWithSnapshots(
  make: MakeStore,
  random: Random,
  steps: number,
  check: (chain: Uint8Array[], round: Round) => void,
) {
  const clock = { nowMs: 1_000 }
  const wallTime = () => clock.nowMs
  const store = make(GROUPS, { wallTime })
  const twin = createHeapState(GROUPS, { wallTime })
  const snapshots = createStateSnapshots(store, 'o')
  const chunks = new Chunks()
  let rounds = 0
  let current: Round | null = null
  const encoded: { readonly round: Round; readonly chain: readonly ChunkRef[] }[] = []
  for (let i = 0; i < steps; i++) {
    const dice = random()
    if (dice < 0.02) {
      if (current !== null) snapshots.abandoned(current.round)
      rounds++
      current = {
        round: rounds,
        expected: contentOf(twin),
        order: orderOf(twin),
        nowMs: clock.nowMs,
        chunks: [],
      }
      snapshots.begin(rounds, random() < 0.2)
    } else if (dice < 0.2 && current !== null) {
      const rows = 1 + Math.floor(random() * 20)
      current.chunks.push(...snapshots.step(rows * sourceOf(store).rowCost))
      if (snapshots.encoded) {
        encoded.push({ round: current, chain: snapshots.chain(chunks.put(current.chunks)) })
        current = null
      }
    } else if (dice < 0.24 && encoded.length > 0) {
      const { round, chain } = encoded.shift()!
      check(chunks.read(chain), round)
      if (random() < 0.7) snapshots.completed(round.round)
      else snapshots.abandoned(round.round)
    } else if (dice < 0.25) clock.nowMs += Math.floor(random() * 200)
    else {
      const operation = randomOperation(random)
      operation(store)
      operation(twin)
    }
  }
  return { store, twin }
}

for (const [name, make] of BACKENDS) {
  const law = 'a round restores what was there when it began, whatever happens meanwhile'
  t.test(`${law} (${name})`, async (t) => {
    for (let run = 0; run < 60; run++) {
      const random = seededRandom(SEED + run)
      let checked = 0
      const { store, twin } = liveWithSnapshots(
        make,
        random,
        1_500,
        (chain, { expected, order, nowMs, round }) => {
          const into = BACKENDS[round % 2]![1]
          const back = restored([{ subtask: 0, chunks: chain }], 0, 1, nowMs, 1, GROUPS, into)
          t.strictSame(contentOf(back), expected, `run ${run}, round ${round}`)
          t.strictSame(orderOf(back), order, `run ${run}, round ${round}: order`)
          checked++
        },
      )
      t.strictSame(publicContentOf(store), publicContentOf(twin), `run ${run}: live state`)
      if (checked === 0) t.fail('no round was checked')
      if (!t.passing) break
    }
  })
}

/** The orders that operators may rely on: of a map's entries. Keys of state have none. */
function orderOf(store: StateStore): unknown {
  const maps = ['map', 'instants'].flatMap((name) => {
    const map = store.map<unknown, unknown>(name, { mutable: name === 'instants' })
    const orders = [...map.keys()].map((key) => {
      const group = keyGroupOf(key, GROUPS)
      return show([key, ...[...map.entries(group, key)].map(([mapKey]) => mapKey)])
    })
    return orders.sort()
  })
  return [...maps, show([...store.broadcast('rules').entries()])]
}

/** As operators see it, in the order in which they see it. */
function publicContentOf(store: StateStore): unknown {
  const map = store.map<unknown, unknown>('map')
  const timers = store.timers('timers')
  const due: unknown[] = []
  for (let next = timers.takeDue(Infinity); next !== null; next = timers.takeDue(Infinity)) {
    due.push([next.timeMs, next.key, next.name])
  }
  return {
    value: [...store.value('value').entries()],
    list: [...store.list('list').entries()],
    map: [...map.keys()].map((key) => [
      key,
      [...Array(GROUPS).keys()].flatMap((group) => [...map.entries(group, key)]),
    ]),
    dealt: store.operatorList('dealt').get(),
    rules: [...store.broadcast('rules').entries()],
    due,
  }
}

t.test('with another parallelism the subtasks hold together what there was', async (t) => {
  for (let run = 0; run < 10; run++) {
    const random = seededRandom(SEED + run)
    const one = createHeapState(GROUPS, { wallTime: () => 0 })
    for (let i = 0; i < 600; i++) randomOperation(random)(one)
    const expected = unionOf([one])
    const three = [0, 1, 2].map((i) => restored(snapshotOf([one]), i, 3, 0, 1))
    t.strictSame(unionOf(three), expected, `run ${run}: 1 → 3`)
    const two = [0, 1].map((i) => restored(snapshotOf(three), i, 2, 0, 3))
    t.strictSame(unionOf(two), expected, `run ${run}: 3 → 2`)
    const rehashed = [0, 1].map((i) => restored(snapshotOf(two), i, 2, 0, 2, 40))
    t.strictSame(unionOf(rehashed), expected, `run ${run}: another number of key groups`)
    t.ok(
      three.every(
        (store) =>
          Math.abs(store.operatorList('dealt').length * 3 - one.operatorList('dealt').length) < 3,
      ),
    )
    if (!t.passing) break
  }
})

t.test(
  'what a chain drops is of its own subtask, also where others have rows of the key',
  async (t) => {
    const keys = Array.from({ length: 2 * GROUPS }, (_, key) => key)
    const chunks = new Chunks()
    const former = [0, 1].map((subtask) => {
      const store = createHeapState(GROUPS)
      const snapshots = createStateSnapshots(store, 'o')
      const map = store.map<string, number>('in flight')
      let chain: readonly ChunkRef[] = []
      for (const round of [1, 2]) {
        map.clear()
        for (const key of keys) {
          if (key % 3 !== round) map.set(keyGroupOf(key, GROUPS), key, `${subtask}.${round}`, key)
        }
        chain = takeRound(snapshots, chunks, round).chain
      }
      return { subtask, chunks: chunks.read(chain) }
    })
    const expected = keys.flatMap((key) => (key % 3 === 2 ? [] : [`${key} 0.2`, `${key} 1.2`]))
    for (const parallelism of [1, 3]) {
      const found = Array.from({ length: parallelism }, (_, subtask) => {
        const map = restored(former, subtask, parallelism, 0, 2).map<string, number>('in flight')
        return [...map.keys()].flatMap((key) =>
          [...map.entries(keyGroupOf(key, GROUPS), key)].map(([name]) => `${key} ${name}`),
        )
      })
      t.same(found.flat().sort(), expected.toSorted(), `2 → ${parallelism}`)
    }
  },
)

function snapshotOf(stores: readonly StateStore[]) {
  return stores.map((store, subtask) => {
    const snapshots = createStateSnapshots(store, 'o')
    snapshots.begin(1, true)
    return { subtask, chunks: encodeAll(snapshots).map(({ bytes }) => bytes) }
  })
}

/** By key, and else as they come; timers of one time may fire in any order if they are of several keys. */
function inOrder(rows: readonly string[], name: string): readonly string[] {
  if (name === 'timers') return rows.toSorted()
  const keyOf = (row: string) => row.split('¦')[0]!
  return rows.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : keyOf(a) > keyOf(b) ? 1 : 0))
}

/** Broadcast state is the same in each; everything else is in one of them. */
function unionOf(stores: readonly StateStore[]): Content {
  const contents = stores.map(contentOf)
  const names = new Set(contents.flatMap((content) => Object.keys(content)))
  return Object.fromEntries(
    [...names].map((name) => {
      const parts = contents.map((content) => content[name] ?? []) as string[][]
      return [name, name === 'rules' ? parts[0]! : inOrder(parts.flat(), name)]
    }),
  )
}

/** A round, encoded and complete. */
function takeRound(snapshots: StateSnapshots, chunks: Chunks, round: number, full = false) {
  snapshots.begin(round, full)
  const encoded = encodeAll(snapshots)
  const chain = snapshots.chain(chunks.put(encoded))
  snapshots.completed(round)
  return { chain, rows: encoded.reduce((sum, { count }) => sum + count, 0) }
}

t.test(
  'a round holds what has changed since the last that is complete, and no more where tables are large',
  async (t) => {
    const store = createHeapState(GROUPS)
    const value = store.value<number>('v')
    const map = store.map<number, number>('m')
    const list = store.list<number>('l')
    const timers = store.timers('t')
    for (let key = 0; key < 2_000; key++) {
      value.set(key % GROUPS, key, key)
      map.set(0, 'all', key, key)
      list.append(0, 'all', key)
      timers.register(0, key, key)
    }
    const chunks = new Chunks()
    const snapshots = createStateSnapshots(store, 'o')
    t.equal(takeRound(snapshots, chunks, 1).rows, 8_000)
    t.equal(takeRound(snapshots, chunks, 2).rows, 0)
    value.set(3, 3, -1)
    value.delete(4, 4)
    map.set(0, 'all', 7, -1)
    map.delete(0, 'all', 8)
    list.append(0, 'all', 2_000)
    list.dropFirst(0, 'all', 2)
    timers.takeDue(5)
    timers.register(0, 'new', 5)
    t.equal(takeRound(snapshots, chunks, 3).rows, 8)
    value.set(3, 3, -2)
    snapshots.begin(4, false)
    snapshots.step(1)
    snapshots.abandoned(4)
    value.set(5, 5, -1)
    t.equal(takeRound(snapshots, chunks, 5).rows, 2, 'what was given up belongs to the next')
    t.equal(takeRound(snapshots, chunks, 6, true).rows, 8_000 - 3)
  },
)

/** Of each kind of key a table tells apart: its own canonical form, a pair's, and what is kept beside it. */
const LONG_KEYS: Readonly<Record<string, (n: number) => unknown>> = {
  numbers: (n) => n,
  'numbers that stand for pairs': (n) => -(2 ** 52) - n,
  pairs: (n) => [n, 7],
  'other pairs': (n) => [n, 'seven'],
  'a few texts with numbers': (n) => [`customer number ${n % 7}`, n],
  'texts with a number': (n) => [`customer number ${n}`, 7],
  'numbers that stand for texts with numbers': (n) => (n % 4 < 2 ? ['a', n] : 2 ** 52 + n),
  texts: (n) => (n % 3 === 0 ? `\0${n}` : `customer number ${n}`),
}

for (const [name, keyOf] of Object.entries(LONG_KEYS)) {
  t.test(`of long tables a round holds what was there when it began (keys: ${name})`, async (t) => {
    const random = seededRandom(SEED)
    const store = createHeapState(GROUPS)
    const twin = createHeapState(GROUPS)
    const snapshots = createStateSnapshots(store, 'o')
    const chunks = new Chunks()
    const set = (n: number, value: unknown): void => {
      for (const each of [store, twin]) each.value('v').set(n % 2, keyOf(n), value)
    }
    for (let n = 0; n < 8_000; n++) set(n, n)
    set(5_000, 'x'.repeat(200_000))
    const change = (): void => {
      const n = Math.floor(random() * 10_000)
      const dice = random()
      if (dice < 0.6) set(n, random() < 0.5 ? n : { is: n })
      else if (dice < 0.999)
        for (const each of [store, twin]) each.value('v').delete(n % 2, keyOf(n))
      else for (const each of [store, twin]) each.value('v').clear()
    }
    for (let round = 1; round <= 8; round++) {
      // A round behind few changes holds those, and one behind many the tables as a whole.
      for (let i = 0; i < (round % 3 === 0 ? 3_000 : 30); i++) change()
      const expected = contentOf(twin)
      snapshots.begin(round, random() < 0.2)
      const refs: ChunkRef[] = []
      while (!snapshots.encoded) {
        for (let i = 0; i < 300 * random(); i++) change()
        refs.push(...chunks.put(snapshots.step(50)))
      }
      const chain = snapshots.chain(refs)
      const back = restored([{ subtask: 0, chunks: chunks.read(chain) }], 0, 1, 0, 1)
      t.strictSame(contentOf(back), expected, `round ${round}`)
      if (random() < 0.7) snapshots.completed(round)
      else snapshots.abandoned(round)
    }
  })
}

t.test('what fills a frame is encoded for that frame alone', async (t) => {
  const store = createHeapState(GROUPS)
  let reads = 0
  const listOf = (n: number) =>
    new Proxy(
      Array.from({ length: 300 + (n % 30) }, (_, i) => i),
      {
        get(list, name, itself) {
          if (name === '1') reads++
          return Reflect.get(list, name, itself)
        },
      },
    )
  for (let n = 0; n < 4_000; n++) store.value('v').set(0, n, listOf(n))
  const snapshots = createStateSnapshots(store, 'o')
  for (let round = 1; round <= 2; round++) {
    snapshots.begin(round, true)
    reads = 0
    while (!snapshots.encoded) snapshots.step(4_096)
    t.ok(reads >= 4_000 && reads < 4_000 * 8, `each list is read ${reads / 4_000} times`)
    snapshots.abandoned(round)
  }
})

/** Of a full round of a long table, where each look at the clock is so long behind the one before. */
function stepsOf(lookMs: number): number {
  const store = createHeapState(GROUPS)
  const value = store.value<number>('v')
  for (let key = 0; key < 60_000; key++) value.set(key % 8, key, key)
  let nowMs = 0
  const snapshots = createStateSnapshots(store, 'o', () => (nowMs += lookMs))
  snapshots.begin(1, true)
  let steps = 0
  for (; !snapshots.encoded; steps++) snapshots.step(50_000)
  return steps
}

t.test('long tables are given in few steps, and a step ends where its time is over', async (t) => {
  const steps = stepsOf(0.25)
  t.ok(steps > 3 && steps < 40, `${steps} steps`)
})

t.test('frames that take long stay short', async (t) => {
  const steps = stepsOf(2)
  t.ok(steps > 60_000 / 256, `${steps} steps`)
})

t.test('a step ends behind a frame at whose end its time is over', async (t) => {
  const store = createHeapState(GROUPS)
  const value = store.value<number>('v')
  for (let key = 0; key < 300; key++) value.set(key % GROUPS, key, key)
  let nowMs = 0
  const snapshots = createStateSnapshots(store, 'o', () => (nowMs += 10))
  snapshots.begin(1, true)
  snapshots.step(50_000)
  t.notOk(snapshots.encoded, 'the first frames hold fewer rows, since they take longest')
  t.equal(encodeAll(snapshots).length, 1, 'and the rest comes in the next steps')
})

t.test(
  'a chain is no longer and no heavier than a round from the beginning is worth',
  async (t) => {
    const store = createHeapState(GROUPS)
    const value = store.value<number>('v')
    for (let key = 0; key < 2_000; key++) value.set(key % GROUPS, key, key)
    const chunks = new Chunks()
    const snapshots = createStateSnapshots(store, 'o')
    for (const changes of [1, 300]) {
      let longest = 0
      let largest = 0
      let full = 0
      for (let round = 1; round <= 3 * CHAIN_MAX; round++) {
        for (let key = 0; key < changes; key++) value.set(key % GROUPS, key, round)
        const { chain } = takeRound(snapshots, chunks, round)
        full = chain[0]!.bytes
        longest = Math.max(longest, chain.length)
        largest = Math.max(
          largest,
          chain.reduce((sum, { bytes }) => sum + bytes, 0),
        )
        const back = restored([{ subtask: 0, chunks: chunks.read(chain) }], 0, 1, 0, 1)
        if (back.value('v').get(0, 0) !== round || back.value('v').size !== 2_000) t.fail('lost')
      }
      t.ok(longest <= CHAIN_MAX, `${longest} rounds`)
      t.ok(largest < 2.5 * full, `${largest} bytes, ${full} of them for the first round`)
    }
  },
)

t.test(
  'a state that only grows is written anew only once there is eight times as much',
  async (t) => {
    const store = createHeapState(GROUPS)
    const value = store.value<number>('v')
    const chunks = new Chunks()
    const snapshots = createStateSnapshots(store, 'o')
    const fulls: number[] = []
    let chain: readonly ChunkRef[] = []
    for (let round = 1; round < CHAIN_MAX; round++) {
      for (let i = 0; i < 2_000; i++) value.set(i % GROUPS, [round, i], i)
      const taken = takeRound(snapshots, chunks, round)
      if (taken.rows > 2_000) fulls.push(round)
      chain = taken.chain
    }
    t.same(fulls, [10])
    const back = restored([{ subtask: 0, chunks: chunks.read(chain) }], 0, 1, 0, 1)
    t.same(contentOf(back), contentOf(store))
  },
)

t.test('a state of many chunks is not written anew for many small rounds', async (t) => {
  const store = createHeapState(GROUPS)
  const value = store.value<string>('v')
  for (let key = 0; key < 2_000; key++) value.set(key % GROUPS, key, `${key}`.padEnd(12_000))
  const chunks = new Chunks()
  const snapshots = createStateSnapshots(store, 'o')
  const full = takeRound(snapshots, chunks, 1).chain.length
  t.ok(full > CHAIN_MAX, `${full} chunks`)
  let longest = 0
  for (let round = 2; round <= 3 * full; round++) {
    value.set(1, 1, `${round}`)
    longest = Math.max(longest, takeRound(snapshots, chunks, round).chain.length)
  }
  t.ok(longest > full + CHAIN_MAX, `${longest} chunks: more rounds than a smaller state has`)
  t.ok(longest <= CHAIN_MAX + 2 * full, `${longest} chunks`)
})

t.test(
  'rounds hold what has come to a table of pairs, whatever comes and goes meanwhile',
  async (t) => {
    for (let run = 0; run < 100; run++) {
      const random = seededRandom(SEED + run)
      const store = createHeapState(GROUPS)
      const value = store.value<number>('v')
      const now = new Map<number, number>()
      const chunks = new Chunks()
      const snapshots = createStateSnapshots(store, 'o')
      const expected = new Map<number, Map<number, number>>()
      let put: StateChunk[] = []
      let under = 0
      for (let i = 0, round = 0; i < 3_000; i++) {
        const dice = random()
        // Keys stay behind each other for a while, so that some tables lose most of what they have.
        const key = ((i >> 3) % 400) ^ Math.floor(random() * 8)
        if (dice < 0.5) {
          value.set(key % 3, [key, 1], i)
          now.set(key, i)
        } else if (dice < 0.97) {
          value.delete(key % 3, [key, 1])
          now.delete(key)
        } else if (under === 0) {
          round++
          under = round
          expected.set(round, new Map(now))
          snapshots.begin(round, false)
          put = []
        } else if (dice < 0.995) put.push(...snapshots.step(1 + Math.floor(random() * 20)))
        else {
          snapshots.abandoned(under)
          under = 0
        }
        if (under === 0 || !snapshots.encoded) continue
        const former = [{ subtask: 0, chunks: chunks.read(snapshots.chain(chunks.put(put))) }]
        const back = restored(former, 0, 1, 0, 1).value<number>('v')
        const was = expected.get(under)!
        const isSame = [...was].every(([key, at]) => back.get(key % 3, [key, 1]) === at)
        if (!isSame || back.size !== was.size) t.fail(`run ${run}, round ${under}`)
        if (random() < 0.8) snapshots.completed(under)
        else snapshots.abandoned(under)
        under = 0
      }
      t.ok(expected.size > 10, `run ${run}: ${expected.size} rounds`)
    }
  },
)

t.test(
  'what changes while a round is read is told as it was, also behind rounds that are not complete',
  async (t) => {
    for (const fate of ['abandoned', 'completed later', 'pending'] as const) {
      const store = createHeapState(GROUPS)
      const value = store.value<string>('v')
      const chunks = new Chunks()
      const snapshots = createStateSnapshots(store, 'o')
      const set = (keys: number, text: string) => {
        for (let key = 0; key < keys; key++) value.set(0, [key, 1], text)
      }
      set(2_000, 'first')
      takeRound(snapshots, chunks, 1)
      set(200, 'second')
      snapshots.begin(2, false)
      snapshots.chain(chunks.put(encodeAll(snapshots)))
      if (fate === 'abandoned') snapshots.abandoned(2)
      // Nothing has changed between the two.
      snapshots.begin(3, false)
      if (fate === 'completed later') snapshots.completed(2)
      const read = [...snapshots.step(10)]
      set(200, 'third')
      const chain = snapshots.chain(chunks.put([...read, ...encodeAll(snapshots)]))
      const back = restored([{ subtask: 0, chunks: chunks.read(chain) }], 0, 1, 0, 1)
      const found = back.value<string>('v')
      const seconds = Array.from({ length: 2_000 }, (_, key) => found.get(0, [key, 1]))
      const expected = Array.from({ length: 2_000 }, (_, key) => (key < 200 ? 'second' : 'first'))
      t.same(seconds, expected, fate)
    }
  },
)

t.test('a life that reading has begun anew is a change', async (t) => {
  const clock = { nowMs: 1_000 }
  const store = createHeapState(GROUPS, { wallTime: () => clock.nowMs })
  const options = { ttl: { ms: 100, update: 'readWrite' } } as const
  const value = store.value<number>('v', options)
  const list = store.list<number>('l', options)
  const map = store.map<number, number>('m', options)
  for (let key = 0; key < 100; key++) {
    value.set(0, key, key)
    list.append(0, key, key)
    map.set(0, key, key, key)
  }
  const chunks = new Chunks()
  const snapshots = createStateSnapshots(store, 'o')
  takeRound(snapshots, chunks, 1)
  clock.nowMs += 50
  value.get(0, 3)
  list.get(0, 3)
  map.get(0, 3, 3)
  const { chain, rows } = takeRound(snapshots, chunks, 2)
  t.ok(rows <= 6, `${rows} rows, and no more: a list, and a small map, are said anew as a whole`)
  const back = restored([{ subtask: 0, chunks: chunks.read(chain) }], 0, 1, 1_149, 1)
  t.equal(back.value('v', options).get(0, 3), 3)
  t.same(back.list('l', options).get(0, 3), [3])
  t.equal(back.map('m', options).get(0, 3, 3), 3)
  t.equal(back.value('v', options).get(0, 4), undefined)
})

t.test('what no snapshot can hold is refused by the names of operator and state', async (t) => {
  const store = createHeapState(GROUPS)
  store.value<unknown>('good').set(0, 'a', new Map([[1, new Date(5)]]))
  store.value<unknown>('bad').set(0, 'a', { deep: [() => 1] })
  const snapshots = createStateSnapshots(store, 'counter')
  snapshots.begin(1, true)
  const error = t.throws(() => encodeAll(snapshots), { code: 'E_STATE_VALUE' })
  t.match((error as Error).message, /operator counter .* "bad".*deep/)
})

t.test('a value larger than a chunk comes back whole', async (t) => {
  const store = createHeapState(GROUPS)
  const large = Array.from({ length: 300_000 }, (_, i) => `record ${i}`)
  store.value<unknown>('v').set(1, 'large', large)
  store.value<unknown>('v').set(2, 'small', 1)
  const back = restored(snapshotOf([store]), 0, 1, 0, 1)
  t.strictSame(contentOf(back), contentOf(store))
})

t.test('damaged chunks are refused, wherever the damage is', async (t) => {
  const random = seededRandom(SEED)
  const store = createHeapState(GROUPS, { wallTime: () => 0 })
  for (let i = 0; i < 500; i++) randomOperation(random)(store)
  const [chunk] = snapshotOf([store])[0]!.chunks
  for (let run = 0; run < 300; run++) {
    const bytes = Uint8Array.from(chunk!)
    const at = Math.floor(random() * bytes.length)
    if (run % 2 === 0) bytes[at] = bytes[at]! ^ (1 << Math.floor(random() * 8))
    const cut = run % 2 === 0 ? bytes : bytes.subarray(0, at)
    try {
      restored([{ subtask: 0, chunks: [cut] }], 0, 1, 0, 1)
      if (run % 2 === 1) t.fail(`cut at ${at}, and nobody has noticed`)
    } catch (error) {
      const { code } = error as { code?: string }
      if (
        code !== 'E_SNAPSHOT_DAMAGED' &&
        code !== 'E_SNAPSHOT_VERSION' &&
        code !== 'E_STATE_NAME'
      ) {
        t.fail(`${at}: ${String(error)}`)
      }
    }
  }
  const other = restored.bind(null, [{ subtask: 0, chunks: [Buffer.from('something else')] }])
  t.throws(() => other(0, 1, 0, 1), { code: 'E_SNAPSHOT_DAMAGED' })
})

for (const [backend, create] of [
  ['heap', () => createHeapState(GROUPS)],
  ['level', () => cachedState(GROUPS, 2_000)],
] as const) {
  t.test(
    `restored state that no operator declares is named, and dropped for good: ${backend}`,
    async (t) => {
      const store = createHeapState(GROUPS)
      for (let i = 0; i < 50; i++) {
        store.value('kept').set(0, i, i)
        store.value('values').set(0, i, i)
        store.map('maps').set(0, i % 7, i, i)
        store.list('lists').append(0, i % 7, i)
        store.operatorList('elements').append(i)
        store.timers('timers').register(0, i, i)
      }
      store.single('single').set(1)
      store.broadcast('broadcast').set('a', 1)
      store.value('empty')
      const back = create()
      const target = { subtask: 0, parallelism: 1, formerParallelism: 1, maxParallelism: GROUPS }
      restoreState(back, snapshotOf([store]), { operator: 'o', ...target })
      const source = sourceOf(back)
      back.value('kept')
      t.same(
        source.unclaimed().map(({ name, entries }) => [name, entries]),
        [
          ['values', 50],
          ['maps', 50],
          ['lists', 50],
          ['elements', 50],
          ['timers', 50],
          ['single', 1],
          ['broadcast', 1],
        ],
      )
      source.dropUnclaimed()
      t.same(source.unclaimed(), [])
      t.same(
        source.states().map(({ name }) => name),
        ['kept'],
      )
      t.equal(back.countEntries(), 50)
      t.equal(back.value('values').size, 0)
      t.equal(back.map('maps').get(0, 1, 1), undefined)
      back.value('values').set(0, 1, 'anew')
      t.equal(back.value('values').get(0, 1), 'anew')
      t.same(Object.keys(contentOf(restored(snapshotOf([back]), 0, 1, 0, 1))).sort(), [
        'kept',
        'values',
      ])
    },
  )
}

t.test('restored state goes on as what its operator declares', async (t) => {
  const store = createHeapState(GROUPS, { wallTime: () => 1_000 })
  store.value('plain').set(0, 'a', 1)
  store.value('mortal', { ttl: { ms: 100, update: 'write' } }).set(0, 'a', 1)
  store.value('nobody asks for').set(0, 'a', 1)
  const chunks = snapshotOf([store])
  const back = restored(chunks, 0, 1, 1_050, 1)
  t.throws(() => back.list('plain'), { code: 'E_STATE_NAME' })
  t.equal(back.value('plain', { ttl: { ms: 10, update: 'write' } }).get(0, 'a'), 1)
  t.equal(back.value('mortal').get(0, 'a'), 1)
  t.ok(contentOf(restored(snapshotOf([back]), 0, 1, 0, 1))['nobody asks for'])
  const late = restored(chunks, 0, 1, 1_100, 1)
  t.equal(late.value('mortal', { ttl: { ms: 100, update: 'write' } }).get(0, 'a'), undefined)
  const frozen = createHeapState(GROUPS, { freeze: deepFreeze })
  restoreState(frozen, chunks, {
    operator: 'o',
    subtask: 0,
    parallelism: 1,
    formerParallelism: 1,
    maxParallelism: GROUPS,
  })
  t.equal(frozen.value('plain').get(0, 'a'), 1)
  frozen.value<object>('plain').set(0, 'b', {})
  t.ok(Object.isFrozen(frozen.value('plain').get(0, 'b')))
})

t.test('a small table that has changed is said anew as a whole', async (t) => {
  const store = createHeapState(GROUPS)
  const value = store.value<number>('v')
  for (let key = 0; key < 10; key++) value.set(0, key, key)
  const chunks = new Chunks()
  const snapshots = createStateSnapshots(store, 'o')
  takeRound(snapshots, chunks, 1)
  value.set(0, 3, -1)
  value.delete(0, 4)
  const { chain } = takeRound(snapshots, chunks, 2)
  const back = restored([{ subtask: 0, chunks: chunks.read(chain) }], 0, 1, 0, 1).value('v')
  t.same([back.size, back.get(0, 3), back.has(0, 4)], [9, -1, false])
})

t.test('no round builds on one that was asked to be complete in itself', async (t) => {
  const store = createHeapState(GROUPS, {})
  const snapshots = createStateSnapshots(store, 'o')
  const chunks = new Chunks()
  const chainOf = (round: number, full: boolean) => {
    snapshots.begin(round, full)
    const refs = chunks.put(encodeAll(snapshots))
    const chain = snapshots.chain(refs)
    snapshots.completed(round)
    return { refs, chain }
  }
  const operations = seededRandom(SEED)
  const change = () => {
    for (let i = 0; i < 50; i++) randomOperation(operations)(store)
  }
  change()
  const first = chainOf(1, false)
  const apart = chainOf(2, true)
  change()
  const next = chainOf(3, false)
  t.same(next.chain, [...first.chain, ...next.refs])
  t.notOk(next.chain.some((ref) => apart.refs.includes(ref)))
})

t.test('of a long table a key that has changed comes once, however often it did', async (t) => {
  const store = createHeapState(1)
  const value = store.value<number>('v')
  for (let key = 0; key < 4_000; key++) value.set(0, key, key)
  const chunks = new Chunks()
  const snapshots = createStateSnapshots(store, 'o')
  takeRound(snapshots, chunks, 1)
  for (let i = 0; i < 6_400; i++) value.set(0, i >> 4, i)
  t.equal(takeRound(snapshots, chunks, 2).rows, 400, 'several times in a row')
  for (let i = 0; i < 6_400; i++) value.set(0, i % 400, i)
  t.equal(takeRound(snapshots, chunks, 3).rows, 400, 'in turn')
  for (let key = 0; key < 300; key++) value.set(0, key, -1)
  snapshots.begin(4, false)
  for (let key = 100; key < 200; key++) value.set(0, key, -2)
  snapshots.abandoned(4)
  value.set(0, 150, -3)
  snapshots.begin(5, false)
  snapshots.abandoned(5)
  for (let key = 250; key < 350; key++) value.set(0, key, -4)
  const { rows, chain } = takeRound(snapshots, chunks, 6)
  t.equal(rows, 350, 'behind two rounds that were given up')
  for (let key = 0; key < 1_100; key++) value.set(0, key, -5)
  const whole = takeRound(snapshots, chunks, 7)
  t.equal(whole.rows, 4_001, 'a table is written anew where more than a quarter has changed')
  const back = restored([{ subtask: 0, chunks: chunks.read(chain) }], 0, 1, 0, 1, 1).value('v')
  t.same(
    [50, 120, 150, 260, 349, 350].map((key) => back.get(0, key)),
    [-1, -2, -3, -4, -4, 6_350],
  )
})
