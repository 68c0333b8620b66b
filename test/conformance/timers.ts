/** The laws of timers, as a function of what makes them. */
import fc from 'fast-check'
import type { Test } from 'tap'
import type { Timer } from '../../lib/time/timer.js'
import type { Timers } from '../../lib/time/timers.js'
import { testSeed } from '../support/test-seed.js'

interface Registered {
  readonly timeMs: number
  readonly key: unknown
  readonly name: string
}

/** One step of a script: register, delete, or take what is due. */
type Step =
  | { readonly kind: 'register' | 'delete'; readonly timer: Registered }
  | { readonly kind: 'take'; readonly timeMs: number; readonly atMost: number }

const SEED = testSeed()
const KEYS = ['a', 'b', 1, '1', [1], ['', 'a'], null, 0.5, '\u0000', '\u0000@[s0:sa']

const timer: fc.Arbitrary<Registered> = fc.record({
  // Few distinct times, so that timers meet; some far from the others, or between whole numbers.
  timeMs: fc.oneof(
    fc.integer({ min: -5, max: 20 }),
    fc.constantFrom(0.25, 1e12, 1e12 + 1, -1e15, Number.MAX_SAFE_INTEGER, 2 ** 31, -(2 ** 31)),
  ),
  key: fc.constantFrom(...KEYS),
  name: fc.constantFrom('', '', 'n', 'm'),
})
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('register' as const), timer }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), timer }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('take' as const),
      timeMs: fc.oneof(
        fc.integer({ min: -5, max: 25 }),
        fc.constantFrom(1e12, Number.POSITIVE_INFINITY),
      ),
      atMost: fc.integer({ min: 0, max: 10 }),
    }),
  },
)

const plain = ({ timeMs, key, name }: Timer): Registered => ({ timeMs, key, name })
const same = (a: Registered, b: Registered): boolean =>
  a.timeMs === b.timeMs && a.name === b.name && JSON.stringify(a.key) === JSON.stringify(b.key)

/** What timers must be, as a list sorted anew each time. */
class NaiveTimers {
  list: Registered[] = []

  register(timer: Registered): boolean {
    if (this.list.some((other) => same(other, timer))) return false
    this.list.push(timer)
    return true
  }

  delete(timer: Registered): boolean {
    const at = this.list.findIndex((other) => same(other, timer))
    if (at >= 0) this.list.splice(at, 1)
    return at >= 0
  }

  takeDue(timeMs: number): Registered | null {
    // Sorting is stable: registration decides between equal times.
    const [first] = this.list.toSorted((a, b) => a.timeMs - b.timeMs)
    if (first === undefined || first.timeMs > timeMs) return null
    this.delete(first)
    return first
  }

  get nextMs(): number {
    return Math.min(...this.list.map(({ timeMs }) => timeMs))
  }
}

/** Checks one implementation. */
export async function timerConformance(t: Test, create: () => Timers) {
  t.test('whatever is registered, deleted and taken: as a sorted list', async () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const timers = create()
        const naive = new NaiveTimers()
        for (const each of steps) compare(timers, naive, each)
        return true
      }),
      { seed: SEED, numRuns: 300 },
    )
  })

  t.test('a timer is one per key, time and name', async (t) => {
    const timers = create()
    t.equal(timers.register(1, 'a', 5), true)
    t.equal(timers.register(1, 'a', 5), false)
    t.equal(timers.register(1, 'a', 5, 'n'), true)
    t.equal(timers.register(1, 'a', 6), true)
    t.equal(timers.register(2, 'b', 5), true)
    t.equal(timers.size, 4)
    t.has(timers.takeDue(5), { timeMs: 5, group: 1, key: 'a', name: '' })
    t.equal(timers.register(1, 'a', 5), true, 'what has fired may be registered again')
  })

  t.test('a timer registered while others fire takes its turn by its time', async (t) => {
    const timers = create()
    for (const timeMs of [10, 20, 30]) timers.register(0, 'k', timeMs)
    t.equal(timers.takeDue(100)?.timeMs, 10)
    timers.register(0, 'k', 25)
    timers.register(0, 'k', 5)
    timers.register(0, 'j', 20)
    const rest: unknown[] = []
    for (let due = timers.takeDue(100); due !== null; due = timers.takeDue(100)) {
      rest.push([due.timeMs, due.key])
    }
    t.same(rest, [
      [5, 'k'],
      [20, 'k'],
      [20, 'j'],
      [25, 'k'],
      [30, 'k'],
    ])
  })

  t.test('a time that is no finite number is refused', async (t) => {
    const timers = create()
    for (const timeMs of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      t.throws(() => timers.register(0, 'k', timeMs))
    }
    t.equal(timers.size, 0)
  })

  t.test('thousands fire, and thousands more after them', async (t) => {
    const timers = create()
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 3_000; i++) timers.register(0, i, round * 10_000 + ((i * 7) % 3_000))
      const fired: number[] = []
      for (let due = timers.takeDue(1e6); due !== null; due = timers.takeDue(1e6)) {
        fired.push(due.timeMs - round * 10_000)
      }
      t.same(
        fired,
        Array.from({ length: 3_000 }, (_, i) => i),
      )
      t.equal(timers.size, 0)
      t.equal(timers.nextMs, Number.POSITIVE_INFINITY)
    }
  })

  t.test('timers that are moved on and on take no more place than those alive', async (t) => {
    const timers = create()
    let lost = 0
    for (let i = 0; i < 100_000; i++) {
      timers.register(0, i % 10, i + 1_000)
      if (i >= 10) lost += timers.delete(0, i % 10, i + 990) ? 0 : 1
    }
    t.equal(lost, 0)
    t.equal(timers.size, 10)
    t.equal(timers.nextMs, 100_990)
    timers.clear()
    t.equal(timers.nextMs, Number.POSITIVE_INFINITY)
    t.equal(timers.takeDue(Number.POSITIVE_INFINITY), null)
  })
}

function compare(timers: Timers, naive: NaiveTimers, step: Step): void {
  if (step.kind === 'take') {
    for (let i = 0; i < step.atMost; i++) {
      const due = timers.takeDue(step.timeMs)
      expectSame(due === null ? null : plain(due), naive.takeDue(step.timeMs))
    }
  } else {
    const { timeMs, key, name } = step.timer
    expectSame(timers[step.kind](0, key, timeMs, name), naive[step.kind](step.timer))
    expectSame(
      timers.has(key, timeMs, name),
      naive.list.some((other) => same(other, step.timer)),
    )
  }
  expectSame(timers.size, naive.list.length)
  expectSame(timers.nextMs, naive.nextMs)
  const sorted = (list: Registered[]) => list.map((each) => JSON.stringify(each)).sort()
  expectSame(sorted([...timers.entries()].map(plain)), sorted(naive.list))
}

function expectSame(seen: unknown, expected: unknown): void {
  const [a, b] = [seen, expected].map((value) => JSON.stringify(value) ?? String(value))
  if (a !== b) throw new Error(`expected ${b}, seen ${a}`)
}
