/** Windows that gather their records, restored as others: nothing is lost, and nothing said twice. */
import t from 'tap'
import { seededRandom } from '../../../../lib/base/random.js'
import { sliding, tumbling } from '../../../../lib/index.js'
import { HELD } from '../../../../lib/operators/window/windows.js'
import { createHeapState } from '../../../../lib/state/heap-state.js'
import type { StateStore } from '../../../../lib/state/state.js'
import type { WindowPlan } from '../../../../lib/window/assigner.js'
import { fixedGrid } from '../../../../lib/window/grid.js'
import { type Slicing, slidingSlices, tumblingSlices } from '../../../../lib/window/slicing.js'
import { disturbed } from '../../../support/disturbed-state.js'
import { addTo, GROUPS, openGathering, said, speak } from '../../../support/gathering.js'
import { cachedState } from '../../../support/level-state.js'
import { testSeed } from '../../../support/test-seed.js'

const SEED = testSeed()

const DAY_MS = 86_400_000
const size = (sizeMs: number, offsetMs = 0): Slicing => tumblingSlices(fixedGrid(sizeMs, offsetMs))
const slicingOf = ({ plan }: { readonly plan: WindowPlan }): Slicing =>
  (plan as Extract<WindowPlan, { by: 'slices' }>).slicing

const STORES: Readonly<Record<string, () => StateStore>> = {
  'in memory': () => disturbed(createHeapState(GROUPS), seededRandom(SEED)),
  'in rows, more than fit': () => disturbed(cachedState(GROUPS, 2_000), seededRandom(SEED)),
}

/** Name, windows before and behind the restore, and about how long one is. */
const CHANGES: readonly (readonly [string, Slicing, Slicing, number])[] = [
  ['longer', size(10), size(20), 10],
  ['longer, of other lines', size(10), size(25), 10],
  ['shorter', size(20), size(10), 20],
  ['shifted', size(10), size(10, 3), 10],
  ['in another zone', slicingOf(tumbling('1d')), slicingOf(zoned('Europe/Berlin')), DAY_MS],
  ['in a zone no more', slicingOf(zoned('America/New_York')), slicingOf(tumbling('1d')), DAY_MS],
  ['with gaps', size(10), slidingSlices(fixedGrid(15, 0), 6, 15), 10],
  ['without gaps', slicingOf(sliding(7, 10)), size(15), 10],
]

function zoned(timeZone: string) {
  return tumbling('1d', { timeZone })
}

type Said = Parameters<typeof said>

/** Start of the window that takes over what was kept of the one that began at `start`. */
function takerOf(slicing: Slicing, start: number): number {
  const { start: own, end } = slicing.sliceAt(start)
  return slicing.firstWindow(own, -Infinity) === null ? end : own
}

for (const [name, create] of Object.entries(STORES)) {
  for (const [change, before, behind, unitMs] of CHANGES) {
    for (const goesOn of [false, true]) {
      t.test(`${change}, ${name}${goesOn ? ', with new records' : ''}`, async (t) => {
        const random = seededRandom(SEED)
        const below = (n: number): number => Math.floor(random() * n)
        const store = create()
        const kept = new Map<string, Said>()
        const feed = (slicing: Slicing, starts: (start: number) => number, from: number): void => {
          const windows = openGathering(store, slicing)
          for (let i = from; i < from + 300; i++) {
            const [key, side, timeMs] = [`k${below(20)}`, below(2) as 0 | 1, below(8 * unitMs)]
            const { start, end } = slicing.sliceAt(timeMs)
            if (slicing.firstWindow(start, -Infinity) === null) continue
            if (addTo(windows, side, i, timeMs, key) !== HELD) t.fail(`${i} until ${end}`)
            const of: Said = [key, starts(start), [], []]
            const id = JSON.stringify([key, start, from])
            if (!kept.has(id)) kept.set(id, of)
            kept.get(id)![side === 0 ? 2 : 3].push(i)
          }
        }
        feed(before, (start) => takerOf(behind, start), 0)
        if (goesOn) feed(behind, (start) => start, 300)
        // Restored twice: what was moved once stays.
        const windows = openGathering(store, behind)
        windows.end()
        t.same(speak(windows), expected(kept))
        t.equal(store.value('gathered').size, 0, 'nothing is left')
      })
    }
  }
}

/** By the windows that there are in the end: of one former window after the other, then what came new. */
function expected(kept: Map<string, Said>): string[] {
  const sorted = [...kept].sort(([a], [b]) => {
    const [, startA, fromA] = JSON.parse(a) as [string, number, number]
    const [, startB, fromB] = JSON.parse(b) as [string, number, number]
    return fromA - fromB || startA - startB
  })
  const windows = new Map<string, Said>()
  for (const [, [key, start, left, right]] of sorted) {
    const id = JSON.stringify([key, start])
    const of = windows.get(id) ?? [key, start, [], []]
    windows.set(id, [key, start, [...of[2], ...left], [...of[3], ...right]])
  }
  return [...windows.values()].map((of) => said(...of)).sort()
}

t.test('a window takes all of one that began in it', async (t) => {
  const store = createHeapState(GROUPS)
  const former = openGathering(store, size(10))
  addTo(former, 0, 'late in its window', 15, 'x')
  addTo(former, 1, 'first', 1, 'x')
  addTo(former, 0, 'of the next', 21, 'x')
  const windows = openGathering(store, size(20))
  addTo(windows, 1, 'new', 3, 'x')
  windows.advance(19)
  t.same(speak(windows), [said('x', 0, ['late in its window'], ['first', 'new'])])
  windows.end()
  t.same(speak(windows), [said('x', 20, ['of the next'], [])])
})
