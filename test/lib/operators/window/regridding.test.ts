/** Windows that are sums of slices, restored as others: no slice vanishes, and none is counted where it is not. */
import t from 'tap'
import { keyGroupOf } from '../../../../lib/base/key.js'
import { type Random, seededRandom } from '../../../../lib/base/random.js'
import { copyKeySlices, type KeySlices } from '../../../../lib/operators/window/key-slices.js'
import { SlicedWindows, type SliceFold } from '../../../../lib/operators/window/sliced-windows.js'
import { WindowOutput } from '../../../../lib/operators/window/window-output.js'
import { createHeapState } from '../../../../lib/state/heap-state.js'
import type { StateStore } from '../../../../lib/state/state.js'
import { fixedGrid } from '../../../../lib/window/grid.js'
import {
  cumulatingSlices,
  type Slicing,
  slidingSlices,
  tumblingSlices,
  windowsAt,
} from '../../../../lib/window/slicing.js'
import { disturbed } from '../../../support/disturbed-state.js'
import { cachedState } from '../../../support/level-state.js'
import { testSeed } from '../../../support/test-seed.js'

const SEED = testSeed()

const GROUPS = 8
const KEYS = 6
const tumbling = (size: number, offset = 0): Slicing => tumblingSlices(fixedGrid(size, offset))
const hopping = (size: number, slide: number, offset = 0): Slicing =>
  slidingSlices(fixedGrid(slide, offset), size, slide)

const STORES: Readonly<Record<string, () => StateStore>> = {
  'in memory': () => disturbed(createHeapState(GROUPS), seededRandom(SEED)),
  'in rows, more than fit': () => disturbed(cachedState(GROUPS, 2_000), seededRandom(SEED)),
}

/** Name, windows before and behind the restore. */
const CHANGES: readonly (readonly [string, Slicing, Slicing])[] = [
  ['shorter', tumbling(10), tumbling(5)],
  ['longer', tumbling(5), tumbling(10)],
  ['longer, of other lines', tumbling(10), tumbling(25)],
  ['shifted', tumbling(10), tumbling(10, 3)],
  ['with gaps', tumbling(10), hopping(6, 15)],
  ['with small gaps between long windows', tumbling(5), hopping(14, 17, 1)],
  ['without gaps', hopping(7, 10), tumbling(15)],
  ['with other gaps', hopping(6, 15), hopping(4, 9, 2)],
  ['that slide further', hopping(10, 2), hopping(10, 5)],
  ['that slide less', hopping(10, 5), hopping(10, 2)],
  ['that slide by no part of their size', hopping(10, 2), hopping(17, 5, 2)],
  ['that slide no more', hopping(10, 2), tumbling(10)],
  ['that begin to slide', tumbling(10), hopping(30, 5)],
  ['that cumulate', tumbling(10), cumulatingSlices(fixedGrid(30, 0), fixedGrid(6, 0))],
]

type Ids = readonly number[]

/** What a window of a key shows is the ids of its records. */
const FOLDS: Readonly<Record<string, SliceFold>> = {
  sums: {
    begin: (id) => [id],
    add: (ids, id) => [...(ids as Ids), id],
    merge: (a, b) => [...(a as Ids), ...(b as Ids)],
    sumAll: null,
  },
  lists: {
    begin: (id) => [id],
    add: (ids, id) => [...(ids as Ids), id],
    merge: null,
    sumAll: (values, from, to) => (values.slice(from, to) as Ids[]).flat(),
  },
}
const REDUCED: SliceFold = { ...FOLDS.sums!, merge: null }

const groupOf = (key: unknown): number => keyGroupOf(key, GROUPS)

function open(store: StateStore, slicing: Slicing, fold: SliceFold, latenessMs = 0): SlicedWindows {
  const copy = (of: KeySlices) => copyKeySlices(of, (ids) => [...(ids as Ids)])
  const state = store.value<KeySlices>('slices', { mutable: true, copy })
  const options = { slicing, fold, latenessMs, byClock: false, state, groupOf }
  return new SlicedWindows({ ...options, operator: 'visits' })
}

interface Said {
  readonly key: unknown
  readonly start: number
  readonly end: number
  readonly value: Ids
}

/** What speaks; then what nothing needs any more is dropped. */
function speak(windows: SlicedWindows): Said[] {
  const context = { keyed: true, count() {} } as never
  const output = new WindowOutput(context, { result: null, apply: null, timed: true })
  const said: Said[] = []
  for (let done = false; !done; ) {
    done = windows.speak(output)
    said.push(...((output.take()?.records ?? []) as Said[]))
  }
  windows.expire()
  return said
}

function advance(windows: SlicedWindows, timeMs: number): Said[] {
  windows.advance(timeMs)
  return speak(windows)
}

/** Gives a record of a random key; returns what speaks for it, being late. */
function add(windows: SlicedWindows, id: number, timeMs: number, random: Random): [string, Said[]] {
  const key = `k${Math.floor(random() * KEYS)}`
  windows.add(id, timeMs, groupOf(key), key)
  return [key, speak(windows)]
}

/** Start of the slice that takes over what was kept of the one that began at `start`. */
function takerOf(slicing: Slicing, start: number): number {
  const { start: own, end } = slicing.sliceAt(start)
  return slicing.firstWindow(own, -Infinity) === null ? end : own
}

const isInWindow = (slicing: Slicing, timeMs: number): boolean =>
  slicing.firstWindow(slicing.sliceAt(timeMs).start, -Infinity) !== null

const texts = (said: readonly Said[]): string[] =>
  said
    .map(
      ({ key, start, end, value }) => `${key} ${start}-${end} ${[...value].sort((a, b) => a - b)}`,
    )
    .sort()

for (const [place, create] of Object.entries(STORES)) {
  for (const [change, before, behind] of CHANGES) {
    for (const [content, fold] of Object.entries(FOLDS)) {
      t.test(`${change}: a slice counts where it began (${content}, ${place})`, async (t) => {
        const random = seededRandom(SEED)
        const store = create()
        const expected = new Map<string, Said>()
        const feed = (slicing: Slicing, from: number): void => {
          const windows = open(store, slicing, fold)
          for (let id = from; id < from + 150; id++) {
            const timeMs = Math.floor(random() * 80)
            if (!isInWindow(slicing, timeMs)) continue
            const [key] = add(windows, id, timeMs, random)
            const { start: own } = slicing.sliceAt(timeMs)
            const slice = slicing === behind ? own : takerOf(behind, own)
            for (const { start, end } of windowsAt(behind, slice)) {
              const of = expected.get(`${key} ${end} ${start}`) ?? { key, start, end, value: [] }
              expected.set(`${key} ${end} ${start}`, { ...of, value: [...of.value, id] })
            }
          }
        }
        feed(before, 0)
        feed(behind, 150)
        // Restored twice: what was moved once stays.
        const windows = open(store, behind, fold)
        const said: Said[] = []
        for (let timeMs = -100; timeMs < 150; timeMs += 7) said.push(...advance(windows, timeMs))
        windows.end()
        said.push(...speak(windows))
        t.same(texts(said), texts([...expected.values()]))
        t.equal(store.value('slices').size, 0, 'nothing is left')
      })
    }
  }
}

for (const latenessMs of [0, 12]) {
  for (const [change, before, behind] of CHANGES) {
    t.test(
      `${change}, lateness ${latenessMs}: whatever time it is, each record is shown`,
      async (t) => {
        for (let run = 0; run < 40; run++) {
          const random = seededRandom(SEED + run)
          const store = createHeapState(GROUPS)
          const shown = new Map<number, number>()
          const hear = (said: readonly Said[]): void => {
            for (const id of said.flatMap(({ value }) => value)) {
              shown.set(id, (shown.get(id) ?? 0) + 1)
            }
          }
          const restoredMs = Math.floor(random() * 80)
          const given: number[] = []
          let windows = open(store, before, FOLDS.sums!, latenessMs)
          let timeMs = -Infinity
          const feed = (slicing: Slicing, id: number): void => {
            const atMs = Math.max(0, restoredMs - 30 + Math.floor(random() * 50))
            const { start } = slicing.sliceAt(atMs)
            // Refused where no window is to come that could show it.
            if (!isInWindow(slicing, atMs)) return
            if (slicing.lastEnd(start) - 1 + latenessMs <= timeMs) return
            // Out of order, and too late for the windows there are then.
            const isOver = slicing.firstWindow(start, -Infinity)!.end - 1 <= timeMs
            const lastEnd = behind.lastEnd(takerOf(behind, start))
            if (!isOver || latenessMs > 0 || lastEnd - 1 > restoredMs) given.push(id)
            hear(add(windows, id, atMs, random)[1])
          }
          for (let id = 0; id < 40; id++) {
            if (id % 10 === 0) {
              timeMs = restoredMs - 30 + id
              hear(advance(windows, timeMs))
            }
            feed(before, id)
          }
          windows = open(store, behind, FOLDS.sums!, latenessMs)
          hear(advance(windows, timeMs))
          for (let id = 40; id < 60; id++) feed(behind, id)
          windows.end()
          hear(speak(windows))
          const lost = given.filter((id) => !shown.has(id))
          if (lost.length > 0)
            t.fail(`MILLRACE_SEED=${SEED + run}: ${lost} of ${given.length} were never shown`)
          const disjoint = before.disjoint && behind.disjoint && latenessMs === 0
          const twice = [...shown].filter(([, times]) => disjoint && times > 1)
          if (twice.length > 0)
            t.fail(`MILLRACE_SEED=${SEED + run}: ${twice.map(([id]) => id)} were shown twice`)
          if (store.value('slices').size > 0)
            t.fail(`MILLRACE_SEED=${SEED + run}: something is left`)
        }
        t.pass()
      },
    )
  }
}

t.test(
  'what cannot be joined is refused where several windows become one, and nothing is changed',
  async (t) => {
    const store = createHeapState(GROUPS)
    const windows = open(store, tumbling(5), REDUCED)
    for (const [id, timeMs] of [1, 7].entries()) windows.add(id, timeMs, groupOf('x'), 'x')
    t.throws(() => open(store, tumbling(10), REDUCED), {
      code: 'E_RESTORE_WINDOWS',
      message: /operator visits .*become one.*merge.*former window/,
      details: { operator: 'visits' },
    })
  },
)

t.test('what cannot be joined goes on where each window is in one of its own', async (t) => {
  const store = createHeapState(GROUPS)
  const windows = open(store, tumbling(10), REDUCED)
  for (const [id, timeMs] of [1, 7, 12].entries()) windows.add(id, timeMs, groupOf('x'), 'x')
  const restored = open(store, tumbling(5, 1), REDUCED)
  restored.end()
  t.same(texts(speak(restored)), ['x -4-1 0,1', 'x 6-11 2'])
})
