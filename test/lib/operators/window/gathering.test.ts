/** Windows that gather their records by side: what they keep, in memory and in rows, and what they restore. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { keyGroupOf } from '../../../../lib/base/key.js'
import { seededRandom } from '../../../../lib/base/random.js'
import { tumbling, window, windowProcess } from '../../../../lib/index.js'
import { BATCH_RECORDS_MAX } from '../../../../lib/operators/signal.js'
import type { AnyStream, Op } from '../../../../lib/operators/stream.js'
import {
  copyGathered,
  type Gathered,
  gather,
  gatheredOf,
  gatherMore,
  type Sided,
} from '../../../../lib/operators/window/gathered.js'
import type { KeySlices, ListedSlices } from '../../../../lib/operators/window/key-slices.js'
import { WindowOutput } from '../../../../lib/operators/window/window-output.js'
import { HELD, LATE } from '../../../../lib/operators/window/windows.js'
import { sourceOf } from '../../../../lib/snapshot/state-rounds.js'
import { createHeapState } from '../../../../lib/state/heap-state.js'
import type { StateStore } from '../../../../lib/state/state.js'
import { tumblingSlices } from '../../../../lib/window/slicing.js'
import { disturbed } from '../../../support/disturbed-state.js'
import { addTo, GROUPS, openGathering, said, speak } from '../../../support/gathering.js'
import { cachedState } from '../../../support/level-state.js'
import { definitionOf, OperatorHarness } from '../../../support/operator-harness.js'
import { testSeed } from '../../../support/test-seed.js'

const SIZE_MS = 10
const SEED = testSeed()

const slicing = tumblingSlices({
  floor: (timeMs) => Math.floor(timeMs / SIZE_MS) * SIZE_MS,
  next: (timeMs) => (Math.floor(timeMs / SIZE_MS) + 1) * SIZE_MS,
})

const open = (store: StateStore, sided = true) => openGathering(store, slicing, sided)

const ids = windowProcess(({ key, window, records }) => [[key, window.start, ...records]])
const operator = (options: object) =>
  definitionOf(((stream: AnyStream) =>
    (ids as Op<AnyStream, AnyStream>)(
      (window(tumbling(10), options) as Op<AnyStream, AnyStream>)(stream),
    )) as never)

const STORES: Readonly<Record<string, () => StateStore>> = {
  'in memory': () => disturbed(createHeapState(GROUPS), seededRandom(SEED)),
  'in rows, more than fit': () => disturbed(cachedState(GROUPS, 2_000, {}), seededRandom(SEED)),
}

for (const [name, create] of Object.entries(STORES)) {
  t.test(`sides and windows are kept apart, ${name}, also over a restart`, async (t) => {
    const random = seededRandom(SEED)
    const below = (n: number): number => Math.floor(random() * n)
    const store = create()
    let windows = open(store)
    /** What is to speak, by window and key. */
    const expected = new Map<string, [unknown, number, unknown[], unknown[]]>()
    let [now, watermark, late] = [0, -Infinity, 0]
    for (let step = 0; step < 4_000; step++) {
      now += below(3)
      // Null and undefined are records like others.
      const record = [step, null, undefined, `${step}`, { step }][below(5)]
      const side = below(2) as 0 | 1
      const key = [below(20), `k${below(20)}`, [below(5), below(5)]][below(3)]
      const timeMs = now - below(60)
      const start = Math.floor(timeMs / SIZE_MS) * SIZE_MS
      const isLate = start + SIZE_MS - 1 <= watermark
      if (isLate) late++
      else {
        const id = JSON.stringify([key, start])
        const held = expected.get(id) ?? [key, start, [], []]
        held[side === 0 ? 2 : 3].push(record)
        expected.set(id, held)
      }
      const outcome = addTo(windows, side, record, timeMs, key)
      if (outcome !== (isLate ? LATE : HELD)) t.fail(`step ${step}: ${outcome}`)
      if (below(50) > 0) continue
      if (below(4) === 0) {
        windows = open(store)
        windows.advance(watermark)
      }
      watermark = Math.max(watermark, now - below(80))
      windows.advance(watermark)
      const due = [...expected].filter(([, [, start]]) => start + SIZE_MS - 1 <= watermark)
      for (const [id] of due) expected.delete(id)
      const texts = due.map(([, held]) => said(...held)).sort()
      const found = speak(windows)
      if (JSON.stringify(found) !== JSON.stringify(texts)) t.same(found, texts, `step ${step}`)
    }
    windows.end()
    t.same(
      speak(windows),
      [...expected.values()].map((held) => said(...held)).sort(),
      `and ${late} were late`,
    )
    t.equal(store.value('gathered').size, 0, 'nothing is left')
  })
}

t.test('lists of records by slice, as snapshots of before have them, are taken over', async (t) => {
  for (const sided of [true, false]) {
    const store = createHeapState(GROUPS)
    const former = store.value<KeySlices | ListedSlices>('slices', { mutable: true })
    const list = (...records: unknown[]) =>
      sided ? records.map((record, i): Sided => [i === 1 ? 1 : 0, record]) : records
    former.set(keyGroupOf('x', GROUPS), 'x', {
      shownTo: 10,
      starts: [0, 10, 30],
      values: [list('shown'), list('a', 'b', 'c'), list(null)],
    })
    const windows = open(store, sided)
    t.equal(former.size, 0)
    windows.add(sided ? [1, 'd'] : 'd', 12, keyGroupOf('x', GROUPS), 'x')
    windows.end()
    const first = sided
      ? [
          ['a', 'c'],
          ['b', 'd'],
        ]
      : [['a', 'b', 'c', 'd'], []]
    t.same(
      speak(windows),
      [
        ['x', 10, ...first],
        ['x', 30, [null], []],
      ].map((each) => JSON.stringify(each)),
    )
  }
})

t.test('a window that allows no lateness any more says nothing again', async (t) => {
  const first = new OperatorHarness([operator({ allowedLateness: 100 })], { keyed: true })
  first.batch([1, 2, 3], ['x', 'x', 'y'], 0, [5, 15, 16])
  first.watermark(12)
  first.drain()
  first.barrier(1)
  t.same(first.values, [['x', 0, 1]])
  const second = new OperatorHarness([operator({})], { keyed: true, state: [first.state()] })
  first.unsubscribe()
  second.batch([4], ['x'], 0, [17])
  second.end()
  second.drain()
  t.same(
    second.values.map(String).sort(),
    [
      ['x', 10, 2, 4],
      ['y', 10, 3],
    ].map(String),
  )
  t.same(second.broken, [])
})

t.test('what was gathered is not read by a window that allows lateness', async (t) => {
  const first = new OperatorHarness([operator({})], { keyed: true })
  first.batch([1], ['x'], 0, [5])
  first.barrier(1)
  const state = [first.state()]
  const second = new OperatorHarness([operator({ allowedLateness: 1 })], { keyed: true, state })
  first.unsubscribe()
  const left = sourceOf(second.state()).unclaimed()
  t.same(left, [{ name: 'gathered', kind: 'value', entries: 1 }])
})

t.test('what has spoken is not kept alive, though nothing follows', async (t) => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  const windows = open(createHeapState(GROUPS))
  const output = new WindowOutput({ keyed: true, count() {} } as never, {
    result: null,
    timed: true,
    apply: (_group, _key, start) => [start],
  })
  const given: { readonly record: WeakRef<object>; readonly key: WeakRef<object> }[] = []
  const give = (i: number): void => {
    const [record, key] = [{ i }, [i]]
    given.push({ record: new WeakRef(record), key: new WeakRef(key) })
    addTo(windows, 0, record, 5, key)
  }
  for (let i = 0; i <= BATCH_RECORDS_MAX; i++) give(i)
  const alive = async (of: 'record' | 'key'): Promise<number> => {
    // What a WeakRef was made of lives until the turn is over.
    await new Promise((resolve) => setImmediate(resolve))
    gc()
    return given.filter((each) => each[of].deref() !== undefined).length
  }
  windows.advance(9)
  t.notOk(windows.speak(output), 'there is room for all but one')
  output.take()
  t.equal(await alive('record'), 1)
  t.ok(windows.speak(output))
  output.take()
  t.equal(await alive('record'), 0)
  t.ok((await alive('key')) <= 1, 'the output knows the last')
})

t.test('a key whose windows come from late to early has them in order', async (t) => {
  const windows = open(createHeapState(GROUPS))
  for (const timeMs of [45, 35, 25, 5, 15]) addTo(windows, 0, timeMs, timeMs, 'x')
  for (const end of [10, 20, 30, 40, 50]) {
    windows.advance(end - 1)
    t.same(speak(windows), [said('x', end - 10, [end - 5], [])])
  }
})

t.test('records of a side are given in a list of their own', async (t) => {
  const of: Gathered = {
    start: 0,
    sides: 1,
    left: 'a',
    lefts: ['b'],
    right: null,
    rights: null,
    later: [gather(10, 1, 'x')],
  }
  gatheredOf(of, 0).push('c')
  t.same(gatheredOf(of, 0), ['a', 'b'])
  t.same(gatheredOf(of, 1), [])
  const copy = copyGathered(of)
  copy.lefts!.push('c')
  t.same(gatheredOf(of, 0), ['a', 'b'])
  gatherMore(copy.later![0]!, 1, 'y')
  t.same(gatheredOf(of.later![0]!, 1), ['x'], 'nor does a copy share what comes later')
})
