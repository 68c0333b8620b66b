/** Joins against nested loops, under random interleavings and disorder. */
import fc from 'fast-check'
import t from 'tap'
import { seededRandom } from '../../../lib/base/random.js'
import { broadcastJoin } from '../../../lib/operators/join/broadcast-join.js'
import { join } from '../../../lib/operators/join/join.js'
import { combinedDefinition } from '../../conformance/rxjs-combine.js'
import { OperatorHarness } from '../../support/operator-harness.js'
import { testSeed } from '../../support/test-seed.js'

fc.configureGlobal({ seed: testSeed() })

interface Row {
  readonly input: number
  readonly key: string
  readonly timeMs: number
  readonly id: number
}

const rowsOf = (disorder: number) =>
  fc
    .array(
      fc.record({
        input: fc.nat(1),
        key: fc.constantFrom('a', 'b'),
        step: fc.nat(6),
        back: fc.nat(disorder),
      }),
      { maxLength: 40 },
    )
    .map((steps) => {
      let nowMs = 100
      return steps.map(({ input, key, step, back }, id): Row => {
        nowMs += step
        return { input, key, timeMs: nowMs - back, id }
      })
    })

const sorted = (values: readonly unknown[]) => values.map((value) => JSON.stringify(value)).sort()

t.test('a regular join is a nested loop; what has no partner is told at the end', async () => {
  const property = (
    rows: readonly Row[],
    kind: 'inner' | 'left' | 'right' | 'full',
    seed: number,
  ) => {
    const definition = combinedDefinition(2, (a, b) =>
      join(b as never, { retention: 'unbounded', kind })(a as never),
    )
    const random = seededRandom(seed)
    const harness = new OperatorHarness([definition], {
      keyed: true,
      stayOpen: () => random() < 0.5,
    })
    for (const row of rows) {
      harness.batch([row.id], [row.key], row.input)
      harness.drain()
    }
    harness.end()
    harness.drain()
    const sides = [0, 1].map((side) => rows.filter(({ input }) => input === side))
    const [left, right] = sides as [Row[], Row[]]
    const expected: unknown[] = left.flatMap((one) =>
      right.filter(({ key }) => key === one.key).map((other) => [one.id, other.id]),
    )
    const isLonely = (row: Row, others: Row[]) => others.every(({ key }) => key !== row.key)
    if (kind === 'left' || kind === 'full') {
      expected.push(...left.filter((row) => isLonely(row, right)).map(({ id }) => [id, undefined]))
    }
    if (kind === 'right' || kind === 'full') {
      expected.push(...right.filter((row) => isLonely(row, left)).map(({ id }) => [undefined, id]))
    }
    const store = harness.state()
    return (
      sorted(harness.values).join() === sorted(expected).join() &&
      harness.keys.length === harness.values.length &&
      store.map('left').size + store.map('right').size === 0 &&
      harness.broken.length === 0 &&
      harness.error === undefined
    )
  }
  const kinds = fc.constantFrom('inner', 'left', 'right', 'full')
  fc.assert(fc.property(rowsOf(0), kinds, fc.nat(1000), property as never), { numRuns: 300 })
})

t.test('where one side is unique, of the other only what has met no partner is kept', async () => {
  const property = (
    rows: readonly Row[],
    unique: 'left' | 'right',
    kind: 'inner' | 'left' | 'right' | 'full',
    seed: number,
  ) => {
    const of = unique === 'left' ? 0 : 1
    const seen = new Set<string>()
    const legal = rows.filter(({ input, key }) => {
      const isSecond = input === of && seen.has(key)
      if (input === of) seen.add(key)
      return !isSecond
    })
    const [narrow, wide] = [{ unique }, {}].map((extra) => {
      const definition = combinedDefinition(2, (a, b) =>
        join(b as never, { retention: 'unbounded', kind, ...extra })(a as never),
      )
      const random = seededRandom(seed)
      const harness = new OperatorHarness([definition], {
        keyed: true,
        stayOpen: () => random() < 0.5,
      })
      for (const row of legal) {
        harness.batch([row.id], [row.key], row.input)
        harness.drain()
      }
      return harness
    })
    const waiting = legal.filter(({ input, key }) => input !== of && !seen.has(key))
    const held = narrow!.gauge('held')
    for (const harness of [narrow!, wide!]) {
      harness.end()
      harness.drain()
    }
    return (
      held === seen.size + waiting.length &&
      sorted(narrow!.values).join() === sorted(wide!.values).join() &&
      narrow!.gauge('held') === 0 &&
      narrow!.error === undefined
    )
  }
  const kinds = fc.constantFrom('inner', 'left', 'right', 'full')
  const sides = fc.constantFrom('left', 'right')
  fc.assert(fc.property(rowsOf(0), sides, kinds, fc.nat(1000), property as never), { numRuns: 300 })
})

t.test('a second record of a key on the unique side is a failure', async (t) => {
  const definition = combinedDefinition(2, (a, b) =>
    join(b as never, { retention: 'unbounded', unique: 'right' })(a as never),
  )
  const harness = new OperatorHarness([definition], { keyed: true })
  harness.batch([1, 2], ['a', 'a'], 0)
  harness.batch([3, 4], ['a', 'a'], 1)
  t.match(harness.error, { code: 'E_NOT_UNIQUE', message: /right.*'a'.*distinct/ })
})

t.test('a record waits for its partners as long as its retention, not longer', async (t) => {
  const definition = combinedDefinition(2, (a, b) =>
    join(b as never, { retention: 1000, kind: 'left' })(a as never),
  )
  const harness = new OperatorHarness([definition], { keyed: true })
  harness.batch([1, 2], ['a', 'b'], 0)
  harness.clock.advance(999)
  harness.drain()
  harness.batch([10], ['a'], 1)
  harness.drain()
  t.same(harness.values, [[1, 10]])
  harness.clock.advance(1)
  harness.drain()
  t.same(harness.values, [
    [1, 10],
    [2, undefined],
  ])
  harness.batch([20], ['b'], 1)
  harness.drain()
  t.equal(harness.values.length, 2, 'too late')
  harness.clock.advance(1000)
  harness.drain()
  const store = harness.state()
  t.equal(store.map('left').size + store.map('right').size + store.timers('processing').size, 0)
  t.same(harness.broken, [])
})

t.test(
  'what waits for partners has a limit, and what was there when it was opened counts',
  async (t) => {
    const definition = combinedDefinition(2, (a, b) =>
      join(b as never, { retention: 10, bufferMax: 3 })(a as never),
    )
    const first = new OperatorHarness([definition], { keyed: true })
    first.batch([1, 2], ['a', 'b'], 0)
    first.batch([3], ['a'], 1)
    const harness = new OperatorHarness([definition], { keyed: true, state: first.states })
    t.equal(harness.gauge('held'), 3)
    harness.clock.advance(10)
    harness.drain()
    t.equal(harness.gauge('held'), 0, 'the retention is over')
    harness.batch([1, 2, 3], ['a', 'b', 'c'], 0)
    t.equal(harness.error, undefined)
    harness.batch([4], ['d'], 1)
    t.match(harness.error, { code: 'E_BUFFER_FULL', message: /key 'd'.*raise bufferMax/ })
  },
)

t.test(
  'a regular join is restored at a barrier: partners, marks and ends of retention',
  async (t) => {
    const definition = combinedDefinition(2, (a, b) =>
      join(b as never, { retention: 1000, kind: 'left' })(a as never),
    )
    const first = new OperatorHarness([definition], { keyed: true })
    first.batch([1, 2, 3], ['a', 'b', 'c'], 0)
    first.batch([10], ['a'], 1)
    first.barrier(1)
    first.drain()
    t.same(first.marks, ['b1'])
    const harness = new OperatorHarness([definition], { keyed: true, state: first.states })
    harness.batch([20, 11], ['b', 'a'], 1)
    t.same(harness.values, [
      [2, 20],
      [1, 11],
    ])
    harness.clock.advance(1000)
    harness.drain()
    t.same(harness.values.slice(2), [[3, undefined]], 'the others have had partners')
    t.equal(harness.state().map('left').size, 0)
    t.same(harness.broken, [])
  },
)

for (const wait of ['end', 'first'] as const) {
  t.test(`a broadcast join is restored at a barrier; records wait: ${wait}`, async (t) => {
    const by = (x: number) => x % 10
    const definition = combinedDefinition(2, (a, b) =>
      broadcastJoin(b as never, { by, sideBy: by, wait, bufferMax: 2 } as const)(a as never),
    )
    const first = new OperatorHarness([definition])
    first.batch([11, 12], null, 0, [5, 6])
    if (wait === 'end') first.batch([1], null, 1)
    first.barrier(1)
    first.drain()
    t.same(first.values, [])
    t.same(first.marks, ['b1'])
    const harness = new OperatorHarness([definition], { state: first.states })
    t.equal(harness.gauge('held'), 2)
    harness.batch(wait === 'end' ? [2] : [1, 2], null, 1)
    if (wait === 'end') harness.input(1)
    harness.drain()
    harness.batch([21, 22], null, 0, [7, 8])
    const found = harness.values.map(String)
    const late = wait === 'end' ? ['12,2'] : []
    t.same(found, ['11,1', ...late, '21,1', '22,2'], 'the first record sets those free that wait')
    t.equal(harness.gauge('held'), 0)
    t.same(harness.broken, [])
  })
}

t.test('a join without a retention is refused', async (t) => {
  t.throws(() => combinedDefinition(2, (a, b) => join(b as never, {} as never)(a as never)), {
    code: 'E_BAD_ARGUMENT',
    message: /retention: '1h', or 'unbounded'/,
  })
})

t.test('records wait for the side stream, and time waits with them', async (t) => {
  const by = (x: number) => x % 10
  const options = { by, sideBy: by, kind: 'left' } as const
  const definition = combinedDefinition(2, (a, b) => broadcastJoin(b as never, options)(a as never))
  const harness = new OperatorHarness([definition])
  harness.batch([11, 12], null, 0, [5, 6])
  harness.watermark(6)
  harness.batch([1], null, 1)
  harness.drain()
  t.same(harness.values, [])
  t.same(harness.marks, [])
  harness.input(1)
  harness.drain()
  t.same(harness.values, [
    [11, 1],
    [12, undefined],
  ])
  t.same(harness.times, [5, 6])
  t.same(harness.marks, ['w6'])
  harness.batch([21], null, 0, [7])
  harness.input(0)
  harness.drain()
  t.same(harness.values.at(-1), [21, 1])
  t.equal(harness.marks.at(-1), 'end', 'the side stream has nothing more to say')
  t.same(harness.broken, [])
})

t.test('what waits for the side stream has a limit', async (t) => {
  const options = { by: String, sideBy: String, bufferMax: 2 }
  const definition = combinedDefinition(2, (a, b) => broadcastJoin(b as never, options)(a as never))
  const harness = new OperatorHarness([definition])
  harness.batch([1, 2, 3], null, 0)
  t.match(harness.error, { code: 'E_BUFFER_FULL' })
})

t.test('a retention that is over while results wait for the gate is not forgotten', async (t) => {
  const definition = combinedDefinition(2, (a, b) =>
    join(b as never, { retention: 10, kind: 'left' })(a as never),
  )
  const harness = new OperatorHarness([definition], { keyed: true, stayOpen: () => false })
  const many = Array.from({ length: 1000 }, (_, i) => i)
  const all = (key: string, values: readonly unknown[]) => values.map(() => key)
  harness.batch(['lonely'], ['b'], 0)
  harness.drain()
  harness.batch(many, all('a', many), 0)
  harness.drain()
  harness.gateOpen = true
  harness.batch([1, 2], ['a', 'a'], 1)
  t.ok(harness.deferred, 'pairs wait')
  harness.clock.advance(10)
  harness.drain()
  harness.clock.advance(1)
  harness.drain()
  t.same(harness.values.at(-1), ['lonely', undefined])
  t.equal(harness.values.length, 2001)
  t.same(harness.broken, [])
})
