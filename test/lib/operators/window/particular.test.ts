/** What is particular to windows, beside their meaning (`oracle.test.ts`). */
import t from 'tap'
import {
  type AnyStream,
  avg,
  count,
  countEvictor,
  countTrigger,
  type Evictor,
  globalWindow,
  type Op,
  purging,
  reduce,
  session,
  sliding,
  sum,
  type Trigger,
  timeEvictor,
  topN,
  tumbling,
  window,
  windowAll,
  windowProcess,
} from '../../../../lib/index.js'
import { BATCH } from '../../../../lib/operators/signal.js'
import {
  definitionOf,
  type HarnessOptions,
  OperatorHarness,
} from '../../../support/operator-harness.js'

const numbers = (length: number): number[] => Array.from({ length }, (_, i) => i)

/** A window and what is made of it. */
const behind =
  (windowed: unknown, content: unknown): Op<never, AnyStream> =>
  (stream: AnyStream) =>
    (content as Op<AnyStream, AnyStream>)((windowed as Op<AnyStream, AnyStream>)(stream))

const open = (windowed: unknown, content: unknown, options: HarnessOptions = {}): OperatorHarness =>
  new OperatorHarness([definitionOf(behind(windowed, content))], { keyed: true, ...options })

const openAll = (windowed: unknown, content: unknown, options: HarnessOptions = {}) =>
  open(windowed, content, { keyed: false, ...options })

t.test('windows by the clock speak when it has come to their end', async (t) => {
  const harness = openAll(windowAll(tumbling(100, { time: 'processing' })), count())
  const start = Math.floor(harness.clock.wallTime() / 100) * 100
  const rest = start + 100 - harness.clock.wallTime()
  harness.batch(['a', 'b'])
  harness.clock.advance(rest - 1)
  harness.drain()
  t.same(harness.values, [])
  harness.batch(['c'])
  harness.clock.advance(1)
  harness.drain()
  t.same(harness.values, [{ start, end: start + 100, value: 3 }])
  t.same(harness.times, [], 'without event time')
  harness.batch(['d'])
  harness.end()
  harness.drain()
  t.same(harness.values.slice(1), [{ start: start + 100, end: start + 200, value: 1 }])
  t.equal(harness.clock.timers, 0)
  t.same(harness.broken, [])
})

for (const [name, assigner] of Object.entries({
  tumbling: tumbling(100, { time: 'processing' }),
  session: session(100, { time: 'processing' }),
})) {
  t.test(`${name} windows by the clock are found again in state`, async (t) => {
    const first = open(window(assigner), count())
    first.batch(['a', 'b', 'c'], ['x', 'y', 'x'])
    first.barrier(1)
    const second = open(window(assigner), count(), { state: [first.state()] })
    first.unsubscribe()
    t.equal(first.clock.timers, 0)
    second.clock.advance(1_000)
    second.drain()
    const values = second.values as { key: string; value: number }[]
    t.same(values.map(({ key, value }) => [key, value]).sort(), [
      ['x', 2],
      ['y', 1],
    ])
  })
}

t.test('sessions by the clock end one gap after the last record', async (t) => {
  const harness = openAll(windowAll(session(100, { time: 'processing' })), count())
  const start = harness.clock.wallTime()
  for (let i = 0; i < 5; i++) {
    harness.batch(['a'])
    harness.clock.advance(60)
    harness.drain()
  }
  t.same(harness.values, [])
  harness.clock.advance(40)
  harness.drain()
  t.same(harness.values, [{ start, end: start + 340, value: 5 }])
})

t.test('a record on which the aggregate throws leaves no trace', async (t) => {
  for (const assigner of [tumbling(10), sliding(20, 10), session(10)]) {
    const harness = open(window(assigner), sum(), { policy: 'skip' })
    harness.batch(['no number', 3], ['x', 'y'], 0, [5, 5])
    harness.end()
    harness.drain()
    const values = harness.values as { key: string; value: number }[]
    t.ok(values.length > 0 && values.every(({ key, value }) => key === 'y' && value === 3))
  }
})

t.test('a record whose window lies outside of time is an error by name', async (t) => {
  for (const assigner of [tumbling('1d'), sliding('2d', '1d'), session('1d')]) {
    for (const timeMs of [8.64e15, -8.64e15 - 1e9, Number.NaN]) {
      const harness = open(window(assigner), count())
      harness.batch(['a'], ['x'], 0, [timeMs])
      t.match(harness.error, { code: 'E_WINDOW_RANGE' }, `${assigner.kind} ${timeMs}`)
    }
    const harness = open(window(assigner), count(), { policy: 'skip' })
    harness.batch(['a', 'b'], ['x', 'x'], 0, [8.64e15, 5])
    harness.end()
    harness.drain()
    t.equal(harness.error, undefined)
    t.ok(harness.values.length > 0)
  }
})

t.test('a trigger that throws cannot be skipped', async (t) => {
  const trigger: Trigger = {
    kind: 'broken',
    onRecord() {
      throw new Error('broken trigger')
    },
  }
  const harness = open(window(tumbling(10), { trigger }), count(), { policy: 'skip' })
  harness.batch(['a'], ['x'], 0, [5])
  t.match(harness.error, { code: 'E_USER_CODE', message: /broken trigger/ })
})

t.test('evictors take out records before or after the result, for good', async (t) => {
  const shown = (evictor: Evictor, times: readonly number[]): unknown[] => {
    const options = { trigger: countTrigger(2), evictor }
    const harness = openAll(
      windowAll(globalWindow(), options),
      windowProcess(({ records }: { records: readonly unknown[] }) => [records.join('')]),
    )
    harness.batch([...'abcdef'], null, 0, times)
    return harness.values
  }
  const times = [0, 10, 20, 100, 110, 120]
  t.same(shown(countEvictor(3), times), ['ab', 'bcd', 'def'])
  t.same(shown(countEvictor(3, { after: true }), times), ['ab', 'abcd', 'bcdef'])
  t.same(shown(timeEvictor(20), times), ['ab', 'd', 'ef'])
  const odd: Evictor = { kind: 'odd', before: (all) => all.filter(({ timeMs }) => timeMs > 50) }
  t.same(shown(odd, times), ['', 'd', 'def'])
})

t.test('an aggregate of a window whose records were all evicted gives nothing', async (t) => {
  const harness = open(window(tumbling(10), { evictor: countEvictor(0) }), sum())
  harness.batch([1, 2], ['x', 'x'], 0, [1, 2])
  harness.end()
  harness.drain()
  t.same(harness.values, [])
  t.equal(harness.error, undefined)
})

t.test('a window function keeps what it likes of a key beyond its windows', async (t) => {
  const harness = open(
    window(tumbling(10)),
    windowProcess<string, 'event', string, string>(({ key, records, state }) => {
      const seen = (state.get<number>() ?? 0) + records.length
      state.set(seen)
      return [`${key}${seen}`]
    }),
  )
  harness.batch([...'abcd'], ['x', 'y', 'x', 'x'], 0, [1, 2, 11, 12])
  harness.end()
  harness.drain()
  t.same(harness.values, ['x1', 'y1', 'x3'])
})

t.test('what a window function gives is pulled as there is room', async (t) => {
  let pulled = 0
  function* endless(): Iterable<number> {
    for (;;) yield pulled++
  }
  const harness = openAll(
    windowAll(tumbling(10)),
    windowProcess(() => endless()),
    { stayOpen: () => false },
  )
  harness.batch(['a'], null, 0, [1])
  harness.watermark(20)
  for (let i = 0; i < 5; i++) {
    harness.gateOpen = true
    harness.turn()
  }
  t.same(harness.broken, [])
  t.equal(harness.marks.length, 0, 'the watermark waits')
  t.ok(pulled <= 7 * 1024, `${pulled} pulled`)
  harness.unsubscribe()
})

t.test('the results of many keys go out batch by batch, the watermark behind them', async (t) => {
  const keys = numbers(5_000)
  for (const content of [count(), reduce((n: number) => n + 1, 0)]) {
    const harness = open(window(sliding(20, 10)), content, { stayOpen: () => false })
    for (let at = 0; at < keys.length; at += 1_000) {
      const part = keys.slice(at, at + 1_000)
      harness.gateOpen = true
      harness.batch(
        part,
        part,
        0,
        part.map(() => 5),
      )
      harness.drain()
    }
    harness.gateOpen = true
    harness.watermark(9)
    t.ok(harness.values.length <= 1_024)
    t.ok(harness.deferred)
    harness.drain()
    t.same(harness.broken, [])
    t.equal(harness.values.length, 5_000)
    t.same(harness.marks, ['w9'])
    t.ok(harness.output.at(-1)?.tag !== BATCH)
  }
})

t.test('every late record is counted, though it was folded before', async (t) => {
  for (const lateness of [0, 5]) {
    const harness = open(window(tumbling(10), { allowedLateness: lateness }), count())
    harness.batch(['a'], ['x'], 0, [5])
    harness.watermark(30)
    harness.batch([...'abcde'], [...'xxxyy'], 0, [5, 6, 7, 1, 31])
    harness.drain()
    t.equal(harness.counter('droppedLate', lateness === 0 ? 1 : 0), 4)
  }
})

t.test('state is empty once the watermark has passed, lateness included', async (t) => {
  const trigger = purging(countTrigger(2))
  const windows = {
    tumbling: window(tumbling(10), { allowedLateness: 7 }),
    sliding: window(sliding(30, 10), { allowedLateness: 7 }),
    session: window(session(10), { allowedLateness: 7 }),
    triggered: window(tumbling(10), { allowedLateness: 7, trigger }),
  }
  for (const [name, windowed] of Object.entries(windows)) {
    const harness = open(windowed, count())
    const records = numbers(1_000)
    harness.batch(
      records,
      records.map((i) => i % 100),
      0,
      records.map((i) => i % 50),
    )
    const held = () =>
      ['slices', 'gathered', 'windows', 'records', 'sessions', 'session records'].reduce(
        (sum, state) => sum + harness.state().value(state, { mutable: true }).size,
        harness.state().timers('event').size,
      )
    t.ok(held() >= 100, `${name}: ${held()}`)
    const last = { tumbling: 49, sliding: 69, session: 58, triggered: 49 }[name]! + 7
    harness.watermark(last - 1)
    harness.drain()
    t.ok(held() > 0, `${name}: the last window may still change`)
    harness.watermark(last)
    harness.drain()
    t.equal(held(), 0, name)
  }
})

t.test('a record lies in one slice, however many windows it is in', async (t) => {
  const harness = open(window(sliding('1h', '1m'), { allowedLateness: 1 }), count())
  const records = numbers(600)
  harness.batch(
    records,
    records.map(() => 'x'),
    0,
    records.map((i) => i * 1_000),
  )
  const state = harness.state().value<{ values: number[] }>('slices', { mutable: true })
  t.same(
    [...state.entries()].map(([key, { values }]) => [key, values]),
    [['x', new Array(10).fill(60)]],
  )
})

t.test('the half before sends one accumulator per key and slice, in time', async (t) => {
  const harness = open(window(sliding(30, 10)), avg(), { half: 'before' })
  harness.batch([1, 2, 3, 4], [...'xxyx'], 0, [5, 6, 7, 15])
  harness.watermark(8)
  t.same(harness.values, [], 'held: no window ends before 9')
  harness.watermark(9)
  t.same(harness.values, [
    { sum: 3, count: 2 },
    { sum: 3, count: 1 },
    { sum: 4, count: 1 },
  ])
  t.same(harness.times, [0, 0, 10])
  t.same(harness.marks, ['w8', 'w9'])
  harness.batch([5], ['x'], 0, [17])
  harness.barrier(1)
  t.equal(harness.values.length, 4, 'nothing is held beyond a barrier')
  t.same(harness.marks, ['w8', 'w9', 'b1'])
  t.ok(harness.output.at(-1)?.tag !== BATCH)
  harness.batch([6], ['x'], 0, [18])
  harness.idle(false)
  t.equal(harness.values.length, 5, 'nor while time goes on without this input')
  t.same(harness.marks, ['w8', 'w9', 'b1', 'idle'])
  t.ok(harness.output.at(-1)?.tag !== BATCH)
})

t.test('the half before does not fold where keys do not repeat', async (t) => {
  const harness = open(window(tumbling(10)), count(), { half: 'before' })
  for (let at = 0; at < 30_000; at += 1_000) {
    const keys = numbers(1_000).map((i) => at + i)
    harness.batch(
      keys,
      keys,
      0,
      keys.map(() => 5),
    )
    harness.drain()
  }
  t.ok(harness.values.length >= 29_000, `${harness.values.length} sent before any watermark`)
  harness.end()
  harness.drain()
  t.equal(harness.values.length, 30_000)
})

t.test('whatever is an aggregate speaks per window', async (t) => {
  const harness = open(window(tumbling(10)), topN(2, { by: (x: number) => x }))
  harness.batch([3, 9, 4, 1], [...'xxxy'], 0, [1, 2, 3, 4])
  harness.end()
  harness.drain()
  t.same(harness.values, [
    { key: 'x', start: 0, end: 10, value: [9, 4] },
    { key: 'y', start: 0, end: 10, value: [1] },
  ])
})

t.test('a watermark that goes back changes nothing', async (t) => {
  const harness = open(window(tumbling(10)), count())
  harness.batch(['a'], ['x'], 0, [5])
  harness.watermark(20)
  harness.watermark(3)
  harness.batch(['b'], ['x'], 0, [5])
  harness.drain()
  harness.end()
  harness.drain()
  t.equal(harness.values.length, 1)
  t.equal(harness.counter('droppedLate', 1), 1)
})
