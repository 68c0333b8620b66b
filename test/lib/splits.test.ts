/** Splits: who gets which, and in what order they are read. */
import t, { type Test } from 'tap'
import { systemClock } from '../../lib/base/clock.js'
import { collection } from '../../lib/connectors/index.js'
import type { SourceContext, Split } from '../../lib/connectors/source.js'
import { createSplitAssigner } from '../../lib/connectors/split-assigner.js'
import { SplitReading } from '../../lib/connectors/split-reading.js'

const splitsOf = (count: number): Split[] =>
  Array.from({ length: count }, (_, i) => ({ id: `s${i}`, data: { from: i, to: i + 1 } }))

const contextOf = (
  t: Test,
  fail: (error: Error) => void = (error) => void t.fail(error.message),
): SourceContext => ({
  operator: 'numbers',
  subtask: 0,
  parallelism: 1,
  clock: systemClock,
  wake() {},
  fail,
  badRecord: (error) => void t.fail(error.message),
})

t.test(
  'every split is handed out once, to whoever asks, and each asker hears of the end',
  async (t) => {
    for (const count of [0, 1, 2, 3, 7, 100, 1000]) {
      for (const parallelism of [1, 2, 3, 8]) {
        const assigner = createSplitAssigner(splitsOf(count), { parallelism, concurrent: false })
        const seen: string[] = []
        let asked = 0
        for (let subtask = 0; subtask < parallelism; subtask++) {
          for (let last = false; !last; ) {
            const answer = assigner.next(subtask)
            seen.push(...answer.splits.map(({ id }) => id))
            last = answer.last
            asked++
          }
        }
        t.same(
          seen,
          splitsOf(count).map(({ id }) => id),
        )
        t.ok(
          asked <= parallelism * (5 + 4 * Math.log(count + 1) * parallelism),
          `${asked} requests`,
        )
      }
    }
  },
)

t.test('as many splits as subtasks: one for each, if each asks once', async (t) => {
  const assigner = createSplitAssigner(splitsOf(4), { parallelism: 4, concurrent: false })
  t.same(
    [0, 1, 2, 3].map((subtask) => assigner.next(subtask).splits.length),
    [1, 1, 1, 1],
  )
})

t.test('splits that are read side by side are shared out at the first request', async (t) => {
  const assigner = createSplitAssigner(splitsOf(5), { parallelism: 2, concurrent: true })
  t.match(assigner.next(0), { splits: { length: 3 }, last: true })
  t.match(assigner.next(1), { splits: { length: 2 }, last: true })
})

t.test('more splits are asked for only when the last has been read', async (t) => {
  const source = collection([1, 2, 3, 4], { splits: 2 })
  const splits = await source.splits(1)
  let wanted = 0
  const context = contextOf(t)
  const reading = new SplitReading(source, context, { onWantSplits: () => wanted++ })
  reading.start()
  t.equal(wanted, 1)
  reading.add([splits[0]!], false)
  t.same(reading.read(1), [1])
  t.equal(wanted, 1, 'while a split is open nothing is asked for')
  t.same(reading.read(10), [2])
  reading.read(10)
  t.equal(wanted, 2)
  t.notOk(reading.exhausted)
  reading.add([splits[1]!], true)
  t.same(reading.read(10), [3, 4])
  reading.read(10)
  t.ok(reading.exhausted)
  t.equal(wanted, 2, 'after the last nothing is asked for')
})

t.test('splits that were on their way when reading stopped are not read', async (t) => {
  const source = collection([1, 2], { splits: 1 })
  const splits = await source.splits(1)
  const context = contextOf(t)
  const reading = new SplitReading(source, context, { onWantSplits: () => {} })
  reading.start()
  reading.stop()
  reading.add(splits, true)
  t.ok(reading.exhausted)
  t.same(reading.read(5), [])
})

t.test('a reader that cannot be closed is a failure of its operator', async (t) => {
  const source = {
    ...collection([1]),
    splits: async () => [{ id: 'only', data: {} }],
    open: () => ({
      read: () => 'end' as const,
      position: () => null,
      close: () => Promise.reject(new Error('the disk is gone')),
    }),
  }
  const failures: string[] = []
  const context = contextOf(t, (error) => void failures.push(error.message))
  const reading = new SplitReading(source, context, { onWantSplits: () => {} })
  reading.add(await source.splits(), true)
  reading.read(1)
  await new Promise((resolve) => setImmediate(resolve))
  t.same(failures, ['the disk is gone'])
})
