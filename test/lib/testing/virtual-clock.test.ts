import t from 'tap'
import { seededRandom } from '../../../lib/base/random.js'
import { createVirtualClock } from '../../../lib/testing/virtual-clock.js'

t.test('runs timers in order of due time, then of setting, each at its own time', (t) => {
  const clock = createVirtualClock()
  const seen: string[] = []
  const at = (name: string) => () => seen.push(`${name}@${clock.now()}`)
  clock.after(20, at('c'))
  clock.after(10, at('a'))
  clock.after(10, at('b'))
  clock.after(30, at('d'))
  clock.advance(25)
  t.strictSame(seen, ['a@10', 'b@10', 'c@20'])
  t.equal(clock.now(), 25)
  t.equal(clock.timers, 1)
  clock.advance(5)
  t.equal(seen.at(-1), 'd@30')
  t.end()
})

t.test('keeps that order among many timers, some of them cancelled', (t) => {
  const random = seededRandom(1)
  const clock = createVirtualClock()
  const seen: number[] = []
  const expected: { readonly dueMs: number; readonly id: number }[] = []
  const cancels: (() => void)[] = []
  for (let id = 0; id < 2_000; id++) {
    const dueMs = Math.floor(random() * 50)
    cancels.push(clock.after(dueMs, () => seen.push(id)))
    expected.push({ dueMs, id })
    if (random() < 0.5) continue
    const at = Math.floor(random() * expected.length)
    const [cancelled] = expected.splice(at, 1)
    cancels[cancelled!.id]!()
  }
  t.equal(clock.timers, expected.length)
  clock.runUntilIdle()
  const inOrder = expected.toSorted((a, b) => a.dueMs - b.dueMs || a.id - b.id)
  t.strictSame(
    seen,
    inOrder.map(({ id }) => id),
  )
  t.end()
})

t.test('runs a task of this turn before any timer, without letting time pass', (t) => {
  const clock = createVirtualClock({ wallTimeMs: 1000 })
  const seen: string[] = []
  clock.after(0, () => seen.push('timer'))
  clock.soon(() => {
    seen.push('first')
    clock.soon(() => seen.push('third'))
  })
  clock.soon(() => seen.push('second'))
  t.equal(clock.tasks, 2)
  clock.runSoon()
  t.strictSame(seen, ['first', 'second', 'third', 'timer'])
  t.equal(clock.wallTime(), 1000)
  t.end()
})

t.test('gives the same run whatever the step of advancing', (t) => {
  const run = (stepMs: number): string[] => {
    const clock = createVirtualClock()
    const seen: string[] = []
    const tick = (name: string, everyMs: number): void => {
      clock.after(everyMs, () => {
        seen.push(`${name}@${clock.now()}`)
        tick(name, everyMs)
      })
    }
    tick('x', 3)
    tick('y', 5)
    for (let passedMs = 0; passedMs < 60; passedMs += stepMs) clock.advance(stepMs)
    return seen
  }
  t.strictSame(run(1), run(60))
  t.strictSame(run(4), run(60))
  t.end()
})

t.test('runs a cancelled timer never, and takes cancelling twice', (t) => {
  const clock = createVirtualClock()
  const cancel = clock.after(5, () => t.fail('cancelled'))
  cancel()
  cancel()
  t.equal(clock.timers, 0)
  clock.runUntilIdle()
  t.equal(clock.now(), 0, 'nothing was left to wait for')
  const late = clock.after(5, () => {})
  clock.runUntilIdle()
  late()
  t.equal(clock.now(), 5)
  t.end()
})

t.test('names an endless run instead of hanging', (t) => {
  const clock = createVirtualClock({ tasksMax: 100 })
  const again = (): void => clock.soon(again)
  again()
  t.throws(() => clock.runSoon(), /more keep coming/)
  t.throws(() => clock.advance(-1), /never runs backwards/)
  t.throws(() => clock.after(-1, () => {}), /never negative/)
  t.end()
})

t.test('settles promises and the tasks that they ask for', async (t) => {
  const clock = createVirtualClock()
  const seen: string[] = []
  clock.soon(() => {
    Promise.resolve().then(() => clock.soon(() => seen.push('asked for by a promise')))
  })
  await clock.settle()
  t.strictSame(seen, ['asked for by a promise'])
  t.equal(clock.now(), 0)
})
