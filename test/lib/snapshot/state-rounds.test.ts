import t from 'tap'
import { type Random, seededRandom } from '../../../lib/base/random.js'
import type { ChunkRef } from '../../../lib/snapshot/chunk-store.js'
import { restoreState } from '../../../lib/snapshot/state-restore.js'
import { createStateSnapshots } from '../../../lib/snapshot/state-rounds.js'
import type { StateChunk, StateSnapshots } from '../../../lib/snapshot/state-snapshots.js'
import { createHeapState } from '../../../lib/state/heap-state.js'
import type { StateStore } from '../../../lib/state/state.js'
import { contentOf, GROUPS, randomOperation } from '../../support/state-script.js'

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
): StateStore {
  const store = createHeapState(maxParallelism, { wallTime: () => nowMs })
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

const seedOf = (t: { comment: (text: string) => void }): number => {
  const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31)
  t.comment(`SEED=${seed}`)
  return seed
}

/** Two stores live the same life, one of them with snapshots. */
function liveWithSnapshots(
  random: Random,
  steps: number,
  check: (chain: Uint8Array[], round: Round) => void,
) {
  const clock = { nowMs: 1_000 }
  const wallTime = () => clock.nowMs
  const store = createHeapState(GROUPS, { wallTime })
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
      current = { round: rounds, expected: contentOf(twin), nowMs: clock.nowMs, chunks: [] }
      snapshots.begin(rounds, random() < 0.2)
    } else if (dice < 0.2 && current !== null) {
      current.chunks.push(...snapshots.step(1 + Math.floor(random() * 20)))
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

t.test('a round restores what was there when it began, whatever happens meanwhile', async (t) => {
  const seed = seedOf(t)
  for (let run = 0; run < 60; run++) {
    const random = seededRandom(seed + run)
    let checked = 0
    const { store, twin } = liveWithSnapshots(
      random,
      1_500,
      (chain, { expected, nowMs, round }) => {
        const back = restored([{ subtask: 0, chunks: chain }], 0, 1, nowMs, 1)
        t.strictSame(contentOf(back), expected, `run ${run}, round ${round}`)
        checked++
      },
    )
    t.strictSame(publicContentOf(store), publicContentOf(twin), `run ${run}: live state`)
    if (checked === 0) t.fail('no round was checked')
    if (!t.passing) break
  }
})

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
  const seed = seedOf(t)
  for (let run = 0; run < 10; run++) {
    const random = seededRandom(seed + run)
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
