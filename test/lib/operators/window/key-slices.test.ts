/** What a key has of windows that share slices: the slice that is alone, those in lists, and what was stored of before. */
import t from 'tap'
import { keyGroupOf } from '../../../../lib/base/key.js'
import { seededRandom } from '../../../../lib/base/random.js'
import {
  copyKeySlices,
  createKeySlices,
  dropThrough,
  firstAt,
  insertSlice,
  type KeySlices,
  type ListedSlices,
  restoredKeySlices,
  startsOf,
  valueAt,
  valuesOf,
} from '../../../../lib/operators/window/key-slices.js'
import { SlicedWindows } from '../../../../lib/operators/window/sliced-windows.js'
import { WindowOutput } from '../../../../lib/operators/window/window-output.js'
import { createHeapState } from '../../../../lib/state/heap-state.js'
import { slidingSlices } from '../../../../lib/window/slicing.js'
import { testSeed } from '../../../support/test-seed.js'

const SEED = testSeed()
const GROUPS = 8
const STEPS = 3_000

t.test('slices that come, are found and go are those of a list', async (t) => {
  const random = seededRandom(SEED)
  const below = (n: number): number => Math.floor(random() * n)
  let of: KeySlices | null = null
  let listed: [start: number, value: number][] = []
  for (let step = 0; step < STEPS; step++) {
    const at = below(12) * 10
    if (below(3) === 0 && of !== null) {
      listed = listed.filter(([start]) => start > at)
      const stays = dropThrough(of, at)
      if (stays !== listed.length > 0) t.equal(stays, listed.length > 0, `step ${step}`)
      if (!stays) of = null
    } else if (!listed.some(([start]) => start === at)) {
      listed = [...listed, [at, step] as [number, number]].sort(([a], [b]) => a - b)
      if (of === null) of = createKeySlices(step, at, step)
      else insertSlice(of, firstAt(of, at), at, step)
    }
    if (of === null) continue
    if (below(4) === 0) of = copyKeySlices(of, (value) => value)
    const timeMs = below(130)
    const expected = listed.filter(([start]) => start < timeMs).length
    const found = [startsOf(of), valuesOf(of), firstAt(of, timeMs), of.starts === null]
    const [starts, values] = [listed.map(([start]) => start), listed.map(([, value]) => value)]
    const wanted = [starts, values, expected, listed.length === 1]
    if (JSON.stringify(found) !== JSON.stringify(wanted)) t.same(found, wanted, `step ${step}`)
    const last = listed.length - 1
    if (valueAt(of, last) !== values[last]) t.equal(valueAt(of, last), values[last])
  }
  t.pass('all the time')
})

t.test('a copy shares nothing that is changed', async (t) => {
  const one = createKeySlices(1, 0, [1])
  const copied = copyKeySlices(one, (value) => [...(value as number[])])
  insertSlice(copied, 1, 10, [2])
  const many = copyKeySlices(copied, (value) => [...(value as number[])])
  insertSlice(many, 2, 20, [3])
  ;(valueAt(many, 0) as number[]).push(4)
  t.same(valuesOf(one), [[1]])
  t.same(valuesOf(copied), [[1], [2]])
  t.same(valuesOf(many), [[1, 4], [2], [3]])
})

t.test('a snapshot that has all slices in lists speaks as one of today', async (t) => {
  const stored = [
    { shownTo: -Infinity, revision: 3, active: 2, starts: [10], values: [1] },
    { shownTo: 20, revision: 3, active: 2, starts: [0, 10], values: [2, 3] },
    { shownTo: 20, revision: 3, active: 2, starts: [], values: [] },
  ]
  const grid = {
    floor: (timeMs: number) => Math.floor(timeMs / 10) * 10,
    next: (timeMs: number) => Math.floor(timeMs / 10) * 10 + 10,
  }
  const store = createHeapState(GROUPS)
  const state = store.value<KeySlices | ListedSlices>('slices', { mutable: true })
  stored.forEach((of, key) => {
    state.set(keyGroupOf(key, GROUPS), key, of)
  })
  const sum = (a: unknown, b: unknown) => (a as number) + (b as number)
  const windows = new SlicedWindows({
    slicing: slidingSlices(grid, 20, 10),
    fold: { begin: (input) => input, add: sum, merge: sum, sumAll: null },
    latenessMs: 0,
    byClock: false,
    state: state as never,
    groupOf: (key) => keyGroupOf(key, GROUPS),
    operator: 'sums',
  })
  t.equal(state.size, 2, 'a key without slices is gone')
  windows.add(5, 11, keyGroupOf(0, GROUPS), 0)
  windows.end()
  const seen: unknown[] = []
  const output = new WindowOutput({ keyed: true, count() {} } as never, {
    result: null,
    timed: true,
    apply(_group, key, start, end, content) {
      seen.push([key, start, end, content])
      return []
    },
  })
  t.ok(windows.speak(output))
  windows.expire()
  t.same(seen.sort(), [
    [0, 0, 20, 6],
    [0, 10, 30, 6],
    [1, 10, 30, 3],
  ])
  t.equal(state.size, 0, 'nothing is left')
})

t.test('what is restored belongs to who restores', async (t) => {
  const same = (start: number) => start
  const sum = (a: unknown, b: unknown) => (a as number) + (b as number)
  const stored = { shownTo: 0, starts: [0, 10], values: [1, 2] }
  const of = restoredKeySlices(stored, same, sum)!
  insertSlice(of, 2, 20, 3)
  t.same(stored.starts, [0, 10])
  t.same(restoredKeySlices(of, same, sum), { ...of, revision: 0 }, 'and is stored as it is')
})
