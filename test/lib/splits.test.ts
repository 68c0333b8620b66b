/** Splits: who gets which, and in what order they are read. */
import t, { type Test } from 'tap'
import { SourceInput } from '../../actors/subtask/subtask-input.js'
import { systemClock } from '../../lib/base/clock.js'
import { collection } from '../../lib/connectors/index.js'
import type { Source, SourceContext, Split } from '../../lib/connectors/source.js'
import { createSplitAssigner } from '../../lib/connectors/split-assigner.js'
import { SplitReading } from '../../lib/connectors/split-reading.js'
import { BATCH, type Batch, INPUT } from '../../lib/operators/signal.js'
import { createVirtualClock } from '../../lib/testing/virtual-clock.js'

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

/** A reader that gives what it is told to, when it is asked. */
function scripted(t: Test, { bounded, concurrent }: { bounded: boolean; concurrent: boolean }) {
  const clock = createVirtualClock()
  const feeds = new Map<string, { ready: unknown[]; ended: boolean; wake: () => void }>()
  const said: string[] = []
  const source: Source<unknown> = {
    ...collection([]),
    bounded,
    concurrentSplits: concurrent,
    open(split, _position, context) {
      const feed = { ready: [] as unknown[], ended: false, wake: context.wake }
      feeds.set(split.id, feed)
      return {
        read(out) {
          out.push(...feed.ready.splice(0))
          if (feed.ended) return 'end'
          return out.length > 0 ? 'more' : 'waiting'
        },
        position: () => null,
        close() {},
      }
    },
  }
  const reading = new SplitReading(
    source,
    { ...contextOf(t), clock },
    { onWantSplits() {}, onInput: (input, state) => void said.push(`${input} ${state}`) },
    1000,
  )
  const give = (id: string, ...records: unknown[]) => {
    feeds.get(id)!.ready.push(...records)
    feeds.get(id)!.wake()
  }
  const end = (id: string) => {
    feeds.get(id)!.ended = true
    feeds.get(id)!.wake()
  }
  return { reading, clock, said, give, end }
}

t.test(
  'a split of an endless source is idle once it has had nothing for long enough',
  async (t) => {
    const { reading, clock, said, give } = scripted(t, { bounded: false, concurrent: true })
    reading.add(splitsOf(2), true)
    reading.read(10)
    t.same(said.splice(0), ['0 active', '1 active'])
    clock.advance(600)
    give('s0', 'a')
    t.same(reading.read(10), ['a'])
    t.equal(reading.input, 0)
    reading.read(10)
    clock.advance(400)
    t.ok(reading.ready, 'it is worth a look')
    reading.read(10)
    t.same(said.splice(0), ['1 idle'])
    clock.advance(600)
    reading.read(10)
    t.same(said.splice(0), ['0 idle'])
    give('s1', 'b')
    t.same(reading.read(10), ['b'])
    t.same(said, ['1 active'])
  },
)

t.test('a split that is not asked, because the subtask is held up, is not idle', async (t) => {
  const { reading, clock, said } = scripted(t, { bounded: false, concurrent: true })
  reading.add(splitsOf(1), true)
  reading.read(10)
  clock.advance(5000)
  said.length = 0
  reading.read(10)
  t.same(said, [], 'the look came late: it proves nothing')
  clock.advance(1000)
  reading.read(10)
  t.same(said, ['0 idle'])
})

t.test('a split of a bounded source is never idle', async (t) => {
  const { reading, clock, said } = scripted(t, { bounded: true, concurrent: true })
  reading.add(splitsOf(1), true)
  reading.read(10)
  clock.advance(1000)
  reading.read(10)
  t.same(said, ['0 active'])
})

t.test('read one after another, splits to come are an input until the last is open', async (t) => {
  const { reading, said, end } = scripted(t, { bounded: true, concurrent: false })
  reading.add(splitsOf(2), false)
  reading.read(10)
  t.same(said.splice(0), ['-1 active', '0 active'])
  end('s0')
  reading.read(10)
  t.same(said.splice(0), ['0 ended', '1 active'])
  reading.add([], true)
  reading.read(10)
  t.same(said, ['-1 ended'])
})

t.test('the end of a split is told behind the records that came with it', async (t) => {
  const { reading, said, give, end } = scripted(t, { bounded: true, concurrent: false })
  reading.add(splitsOf(2), true)
  reading.read(10)
  said.length = 0
  give('s0', 'last')
  end('s0')
  t.same(reading.read(10), ['last'])
  t.same(said, [])
  reading.read(10)
  t.same(said, ['0 ended', '1 active', '-1 ended'])
})

t.test('a split that is held is not read, and not idle', async (t) => {
  const { reading, clock, said, give } = scripted(t, { bounded: false, concurrent: true })
  reading.add(splitsOf(2), true)
  reading.read(10)
  reading.hold(0, true)
  give('s0', 'a')
  give('s1', 'b')
  t.same([...reading.read(10), ...reading.read(10)], ['b'])
  clock.advance(1000)
  said.length = 0
  reading.read(10)
  t.same(said, ['1 idle'])
  reading.hold(0, false)
  t.ok(reading.ready)
  t.same(reading.read(10), ['a'])
})

t.test('who has not asked hears, too, that the last split was handed out', async (t) => {
  const assigner = createSplitAssigner(splitsOf(2), { parallelism: 3, concurrent: false })
  t.equal(assigner.next(0).isLastOfAll, false)
  t.equal(assigner.next(1).isLastOfAll, true)
  t.equal(assigner.next(2).isLastOfAll, false, 'said once')
})

t.test('who was told that more follows hears of it if there is nothing after all', async (t) => {
  const statuses = ['more', 'more', 'waiting', 'more', 'end'] as const
  const read: number[] = []
  const source: Source<number> = {
    ...collection([]),
    splits: async () => splitsOf(1),
    open: () => ({
      read(out) {
        const status = statuses[read.length]!
        read.push(read.length)
        if (status !== 'waiting') out.push(read.length)
        return status
      },
      position: () => null,
      close() {},
    }),
  }
  const reading = new SplitReading(source, contextOf(t), { onWantSplits() {} }, 0)
  const input = new SourceInput(reading, [])
  reading.add(splitsOf(1), true)
  t.ok(input.take())
  t.equal(input.promise(), true)
  t.ok(input.take(), 'a batch keeps the promise')
  t.equal(input.promise(), true)
  t.equal(input.take()?.tag, INPUT, 'nothing was there')
  t.equal(input.take(), null, 'once is enough')
})

/** Of splits each of which always answers the same. */
function inputOf(t: Test, statuses: readonly ('more' | 'waiting')[]) {
  const source: Source<number> = {
    ...collection([]),
    concurrentSplits: true,
    splits: async () => splitsOf(statuses.length),
    open: (split) => ({
      read(out) {
        const status = statuses[Number(split.id.slice(1))]!
        if (status === 'more') out.push(1)
        return status
      },
      position: () => null,
      close() {},
    }),
  }
  const reading = new SplitReading(source, contextOf(t), { onWantSplits() {} }, 0)
  reading.add(splitsOf(statuses.length), true)
  return { reading, input: new SourceInput(reading, []) }
}

t.test('a batch that did not reach who was told that more follows is no answer', async (t) => {
  const { input } = inputOf(t, ['more'])
  t.ok(input.take())
  t.equal(input.promise(), true)
  t.equal(input.take()?.tag, BATCH, 'dropped on its way, so nobody asks again')
  t.equal(input.take()?.tag, INPUT)
  t.equal(input.take()?.tag, BATCH)
  t.equal(input.take()?.tag, BATCH, 'once is enough')
})

t.test('nothing after all is said of the split that was to give more', async (t) => {
  const { input, reading } = inputOf(t, ['more', 'waiting'])
  const first = input.take() as Batch
  t.equal(input.promise(), true)
  reading.hold(first.input, true)
  t.match(input.take(), { tag: INPUT, input: first.input, state: 'active' })
})
