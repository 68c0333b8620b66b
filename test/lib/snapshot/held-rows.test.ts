/** What subtasks held as a barrier passed, where the parallelism has changed: who goes on with it. */
import t from 'tap'
import { keyGroupOf, subtaskOf } from '../../../lib/base/key.js'
import { restoreState } from '../../../lib/snapshot/state-restore.js'
import { createStateSnapshots } from '../../../lib/snapshot/state-rounds.js'
import { createHeapState } from '../../../lib/state/heap-state.js'
import { HELD } from '../../../lib/state/held-rows.js'

const GROUPS = 16

/** By subtask of now, what it goes on with of what these subtasks held. */
function dealt<T>(
  held: readonly (readonly T[])[],
  parallelism: number,
  readers: Readonly<Record<string, number>>,
  { name = HELD, ownsKeys = false, dealsAnew = false, groups = GROUPS } = {},
): readonly (readonly T[])[] {
  const former = held.map((rows, subtask) => {
    const store = createHeapState(GROUPS)
    for (const row of rows) store.operatorList<T>(name).append(row)
    const snapshots = createStateSnapshots(store, 'o')
    snapshots.begin(1, true)
    const chunks: Uint8Array[] = []
    while (!snapshots.encoded) chunks.push(...snapshots.step(100).map(({ bytes }) => bytes))
    return { subtask, chunks }
  })
  return Array.from({ length: parallelism }, (_, subtask) => {
    const store = createHeapState(groups)
    restoreState(store, former, {
      operator: 'o',
      subtask,
      parallelism,
      formerParallelism: held.length,
      maxParallelism: groups,
      ownsKeys,
      dealsAnew,
      readers: new Map(Object.entries(readers)),
    })
    return [...store.operatorList<T>(name).get()]
  })
}

const row = (record: string, subtask: number, split: string | null, key?: string) => ({
  record,
  subtask,
  split,
  keyed: key !== undefined,
  key,
})
const [a1, b1, a2, o1] = [
  row('a1', 0, 'a'),
  row('b1', 0, 'b'),
  row('a2', 0, 'a'),
  row('o1', 0, null),
]
const [c1, o2, e1, o3] = [
  row('c1', 1, 'c'),
  row('o2', 1, null),
  row('e1', 1, 'e'),
  row('o3', 1, null),
]

t.test('what is of one split goes to its reader, what is of none stays together', async (t) => {
  const readers = { a: 2, b: 1, c: 0 }
  const held = [
    [a1, b1, a2, o1],
    [c1, o2, e1, o3],
  ]
  // Split e has ended: it is no reader's.
  t.same(dealt(held, 3, readers), [
    [o1, c1],
    [b1, o2, e1, o3],
    [a1, a2],
  ])
  t.same(dealt(held, 1, { a: 0, b: 0, c: 0 }), [[a1, b1, a2, o1, c1, o2, e1, o3]])
})

t.test('each goes on once, whatever the parallelism', async (t) => {
  for (const parallelism of [1, 2, 3, 4, 5]) {
    const held = Array.from({ length: 3 }, (_, subtask) =>
      Array.from({ length: 7 }, (_, i) =>
        row(`${subtask} ${i}`, subtask, i % 3 === 0 ? null : `${i % 3}`),
      ),
    )
    const all = dealt(held, parallelism, { 1: parallelism - 1 }).flat()
    t.equal(new Set(all.map(({ record }) => record)).size, 21, `${parallelism} subtasks`)
    t.equal(all.length, 21)
  }
})

t.test('what says nothing of who held it is dealt out in equal parts', async (t) => {
  t.same(dealt([[1, 2, 3], [4]], 3, {}), [[1], [2], [3, 4]])
  t.same(dealt([[a1, a2], []], 3, { a: 0 }, { name: 'a list of somebody' }), [[], [a1], [a2]])
})

t.test('by as many as before, too, where keys are brought together that were not', (t) => {
  const keys = ['k0', 'k1', 'k2', 'k3', 'k4', 'k5']
  const held = [0, 1].map((subtask) =>
    keys.map((key) => row(`${subtask} ${key}`, subtask, 'a', key)),
  )
  const now = dealt(held, 2, {}, { ownsKeys: true, dealsAnew: true })
  const owner = (key: unknown) => subtaskOf(keyGroupOf(key, GROUPS), 2, GROUPS)
  t.same(
    now,
    [0, 1].map((subtask) => held.flat().filter(({ key }) => owner(key) === subtask)),
  )
  t.ok(now.every((rows) => rows.length > 0))
  t.same(dealt(held, 2, {}, { ownsKeys: true }), held, 'else each has its own')
  t.end()
})

t.test(
  'where keys are owned now, each goes to the owner of its key, by whatever way it came',
  async (t) => {
    const held = [
      Array.from({ length: 24 }, (_, i) =>
        row(`${i}`, 0, i % 3 === 0 ? null : `${i % 3}`, `k${i % 6}`),
      ),
    ]
    const readers = { 1: 0, 2: 1 }
    for (const groups of [GROUPS, 2 * GROUPS]) {
      for (const parallelism of [1, 2, 3]) {
        const now = dealt(held, parallelism, readers, { ownsKeys: true, groups })
        for (const [subtask, rows] of now.entries()) {
          const owners = rows.map(({ key }) =>
            subtaskOf(keyGroupOf(key, groups), parallelism, groups),
          )
          t.ok(owners.every((owner) => owner === subtask))
          const order = rows.map(({ record }) => Number(record))
          t.same(
            order,
            [...order].sort((a, b) => a - b),
            'in their order',
          )
        }
        t.equal(now.flat().length, 24)
        // They have keys, but others may have records of the same key: they follow their split.
        if (parallelism === 2) {
          const own = dealt(held, parallelism, readers).map((rows) =>
            rows.map(({ split }) => split),
          )
          t.same(
            own.map((splits) => [...new Set(splits)]),
            [[null, '1'], ['2']],
          )
        }
      }
    }
  },
)
