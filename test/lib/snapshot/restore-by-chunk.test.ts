/** State restored chunk by chunk: what comes of it is what was there, and little is held of what was read. */
import t from 'tap'
import { keyGroupOf } from '../../../lib/base/key.js'
import type { ChunkRef } from '../../../lib/snapshot/chunk-store.js'
import { restoreState, restoreStateFrom } from '../../../lib/snapshot/state-restore.js'
import { createStateSnapshots } from '../../../lib/snapshot/state-rounds.js'
import type { FormerChunks, RestoreTarget } from '../../../lib/snapshot/state-snapshots.js'
import { createHeapState } from '../../../lib/state/heap-state.js'
import type { StateStore } from '../../../lib/state/state.js'
import { cachedState } from '../../support/level-state.js'
import { contentOf, GROUPS } from '../../support/state-script.js'

t.setTimeout(400_000)

const KEYS = 96
/** Some six to a chunk. */
const large = (text: string) => text.padEnd(90_000, '.')
const groupOf = (key: number) => keyGroupOf(key, GROUPS)

/** Chunks by id, and how often each was read. */
class Shelf {
  readonly bytes = new Map<string, Uint8Array>()
  readonly reads = new Map<string, number>()

  take(store: ReturnType<typeof createStateSnapshots>, round: number): readonly ChunkRef[] {
    store.begin(round, false)
    const refs: ChunkRef[] = []
    while (!store.encoded) {
      for (const { bytes, count } of store.step(50)) {
        const id = `${round}/${refs.length}`
        this.bytes.set(id, bytes)
        refs.push({ id, sha256: '', bytes: bytes.length, count })
      }
    }
    const chain = store.chain(refs)
    store.completed(round)
    return chain
  }

  readonly read = async ({ id }: ChunkRef): Promise<Uint8Array> => {
    this.reads.set(id, (this.reads.get(id) ?? 0) + 1)
    return this.bytes.get(id)!
  }

  /** As often as each chunk of the round was read. */
  readsOf(round: number): readonly number[] {
    return [...this.reads].filter(([id]) => id.startsWith(`${round}/`)).map(([, count]) => count)
  }
}

/** A full round of some chunks, one of changes that has several, and a small one. */
function life() {
  const shelf = new Shelf()
  const store = createHeapState(GROUPS)
  const snapshots = createStateSnapshots(store, 'o')
  const value = store.value<string>('value')
  const map = store.map<string, string>('map')
  const list = store.list<string>('list')
  for (let key = 0; key < KEYS; key++) value.set(groupOf(key), key, large(`value ${key}`))
  for (let key = 0; key < 12; key++) {
    for (const entry of ['a', 'b', 'c']) {
      map.set(groupOf(key), key, entry, large(`${entry} ${key}`))
      list.append(groupOf(key), key, large(`${entry} ${key}`))
    }
  }
  const full = shelf.take(snapshots, 1)
  const whole = contentOf(store)
  for (let key = 0; key < KEYS; key += 3) value.delete(groupOf(key), key)
  for (let key = 1; key < KEYS; key += 2) value.set(groupOf(key), key, large(`changed ${key}`))
  for (let key = 0; key < 12; key += 2) {
    map.deleteAll(groupOf(key), key)
    map.set(groupOf(key), key, 'b', large(`again ${key}`))
    list.delete(groupOf(key), key)
    list.append(groupOf(key), key, large(`again ${key}`))
  }
  shelf.take(snapshots, 2)
  value.set(groupOf(5), 5, 'small')
  value.delete(groupOf(7), 7)
  const chain = shelf.take(snapshots, 3)
  return { shelf, full, whole, chain, content: contentOf(store) }
}

const targetOf = (subtask: number, parallelism: number): RestoreTarget => ({
  operator: 'o',
  subtask,
  parallelism,
  formerParallelism: 1,
  maxParallelism: GROUPS,
})

const { shelf, full, whole, chain, content } = life()
const roundOf = ({ id }: ChunkRef) => Number(id.split('/')[0])
const former = (chunks: readonly ChunkRef[]): readonly FormerChunks<ChunkRef>[] => [
  { subtask: 0, chunks },
]
const loaded = (chunks: readonly ChunkRef[]) => [
  { subtask: 0, chunks: chunks.map(({ id }) => shelf.bytes.get(id)!) },
]

t.test('the life of this test has what it is to have', async (t) => {
  const sizes = [1, 2, 3].map((round) => chain.filter((ref) => roundOf(ref) === round).length)
  t.ok(sizes[0]! > 10 && sizes[1]! > 9 && sizes[2]! > 0, `chunks by round: ${sizes}`)
  const bytes = chain.filter((ref) => roundOf(ref) === 2).reduce((sum, ref) => sum + ref.bytes, 0)
  t.ok(bytes > 5 * 2 ** 20, 'changes are more than are held at once')
  t.not(JSON.stringify(whole), JSON.stringify(content))
})

for (const [name, make] of [
  ['heap', () => createHeapState(GROUPS)],
  ['level', () => cachedState(GROUPS, 1_000_000)],
] as const) {
  t.test(`${name}: what was there is there again, read at once or chunk by chunk`, async (t) => {
    for (const [chunks, expected] of [
      [full, whole],
      [chain, content],
    ] as const) {
      const atOnce: StateStore = make()
      restoreState(atOnce, loaded(chunks), targetOf(0, 1))
      t.same(contentOf(atOnce), expected)
      const byChunk: StateStore = make()
      await restoreStateFrom(byChunk, former(chunks), targetOf(0, 1), shelf.read)
      t.same(contentOf(byChunk), expected)
    }
  })
}

t.test('a chunk is read once, of many changes at most twice', async (t) => {
  shelf.reads.clear()
  await restoreStateFrom(createHeapState(GROUPS), former(chain), targetOf(0, 1), shelf.read)
  t.same(new Set(shelf.readsOf(1)), new Set([1]))
  t.same(new Set([...shelf.readsOf(2), ...shelf.readsOf(3)]), new Set([1, 2]))
  t.equal(shelf.reads.size, chain.length)
})

t.test('of a full round nothing is held once the next chunk is read', async (t) => {
  const store = createHeapState(GROUPS)
  const buffer = new Uint8Array(2 ** 21)
  await restoreStateFrom(store, former(full), targetOf(0, 1), async (ref) => {
    const bytes = shelf.bytes.get(ref.id)!
    buffer.fill(0xff)
    buffer.set(bytes)
    return buffer.subarray(0, bytes.length)
  })
  t.same(contentOf(store), whole)
})

t.test('dealt out to more subtasks it is all there, once', async (t) => {
  for (const [chunks, expected] of [
    [full, whole],
    [chain, content],
  ] as const) {
    const parts = []
    for (const subtask of [0, 1, 2]) {
      const part = createHeapState(GROUPS)
      await restoreStateFrom(part, former(chunks), targetOf(subtask, 3), shelf.read)
      parts.push(contentOf(part))
    }
    for (const [name, rows] of Object.entries(expected)) {
      t.same(parts.flatMap((part) => part[name] ?? []).sort(), [...rows].sort(), name)
    }
  }
})

t.test('what cannot be read is told as it is', async (t) => {
  const gone = new Error('gone')
  const reading = restoreStateFrom(createHeapState(GROUPS), former(chain), targetOf(0, 1), (ref) =>
    roundOf(ref) === 2 ? Promise.reject(gone) : shelf.read(ref),
  )
  await t.rejects(reading, gone)
})

t.test(
  'a chain without its beginning, or with a round of changes before a full one, is damaged',
  async (t) => {
    const changes = chain.filter((ref) => roundOf(ref) === 2)
    const into = (chunks: readonly ChunkRef[], parallelism: number) =>
      restoreStateFrom(
        createHeapState(GROUPS),
        former(chunks),
        targetOf(0, parallelism),
        shelf.read,
      )
    await t.rejects(into(changes, 1), { code: 'E_SNAPSHOT_DAMAGED' })
    await t.rejects(into([full[0]!, ...changes, ...full.slice(1)], 2), {
      code: 'E_SNAPSHOT_DAMAGED',
    })
  },
)
