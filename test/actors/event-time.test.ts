/** Event time through whole pipelines: per split, over exchanges, past silent inputs. */
import { Subject } from 'rxjs'
import t from 'tap'
import { collect, runTest, startTest } from '../../actors/testing/index.js'
import { collection, fromObservable, generate } from '../../lib/connectors/index.js'
import {
  concatMap,
  filter,
  keyBy,
  map,
  merge,
  pipeline,
  process,
  recordsOf,
  type Stream,
  timestamps,
} from '../../lib/index.js'
import { BATCH_RECORDS_MAX } from '../../lib/operators/signal.js'

interface Reading {
  readonly sensor: string
  readonly at: number
}

const endless = { capacity: 100, overflow: 'fail', bounded: false } as const

/** Says when event time has passed `at + 10` of each reading. */
const passed = (stream: Stream<Reading, 'event'>) =>
  stream.pipe(
    keyBy(({ sensor }) => sensor),
    process({
      emits: recordsOf<string>(),
      onRecord: ({ at }: Reading, { timers }) => timers.event.register(at + 10),
      onTimer: ({ timeMs }, { key, emit }) => emit(`${key}@${timeMs}`),
    }),
  )

t.test(
  'timers fire in order of event time, with records, watermarks and keys over exchanges',
  async (t) => {
    for (const parallelism of [1, 2, 3]) {
      const seen = collect<string>()
      const outcome = await runTest(
        pipeline('times', (flow) => {
          const readings = flow.from(generate(3_000, (i) => ({ sensor: `s${i % 7}`, at: i }))).pipe(
            filter(({ at }) => at % 2 === 0),
            map((reading) => ({ ...reading })),
            timestamps(({ at }) => at, { outOfOrderMs: 5 }),
          )
          passed(readings).to(seen)
        }),
        { parallelism },
      )
      t.equal(outcome.error, null)
      t.equal(seen.records.length, 1500)
      for (let sensor = 0; sensor < 7; sensor++) {
        const texts = seen.records.filter((text) => text.startsWith(`s${sensor}@`))
        const times = texts.map((text) => Number(text.split('@')[1]))
        t.ok(
          times.every((time, i) => i === 0 || time > times[i - 1]!),
          'in order',
        )
      }
    }
  },
)

t.test('one of two inputs silent: results appear once it is idle', async (t) => {
  const loud = new Subject<Reading>()
  const silent = new Subject<Reading>()
  const seen = collect<string>()
  const run = startTest(
    pipeline('silent', (flow) => {
      const times = timestamps(({ at }: Reading) => at, { idleMs: 1000 })
      const both = merge(
        flow.from(fromObservable(loud, endless), { name: 'loud' }).pipe(times),
        flow.from(fromObservable(silent, endless), { name: 'silent' }).pipe(times),
      )
      passed(both).to(seen)
    }),
    { parallelism: 2 },
  )
  await run.advance(10)
  loud.next({ sensor: 'a', at: 100 })
  loud.next({ sensor: 'a', at: 200 })
  await run.advance(900)
  t.same(seen.records, [], 'the silent one might still bring older records')
  loud.next({ sensor: 'a', at: 201 })
  await run.advance(100)
  t.same(seen.records, ['a@110'], 'within idleMs and one flush')
  silent.next({ sensor: 'b', at: 300 })
  loud.next({ sensor: 'a', at: 400 })
  await run.advance(10)
  t.same(seen.records, ['a@110', 'a@210', 'a@211'])
  loud.complete()
  silent.complete()
  const { error } = await run.finish()
  t.equal(error, null)
  t.same(seen.records.slice(3).toSorted(), ['a@410', 'b@310'])
})

t.test('an input that is held up does not count as idle', async (t) => {
  const held = new Subject<Reading>()
  const free = new Subject<Reading>()
  const seen = collect<string>()
  let letGo = () => {}
  const gate = new Promise<void>((resolve) => {
    letGo = resolve
  })
  const run = startTest(
    pipeline('held', (flow) => {
      const times = timestamps(({ at }: Reading) => at, { idleMs: 1000 })
      const both = merge(
        flow.from(fromObservable(held, endless), { name: 'held' }).pipe(
          times,
          concatMap(async (reading: Reading) => {
            await gate
            return reading
          }),
        ),
        flow.from(fromObservable(free, endless), { name: 'free' }).pipe(times),
      )
      passed(both).to(seen)
    }),
    { parallelism: 1 },
  )
  await run.advance(10)
  for (const at of [100, 200, 300]) held.next({ sensor: 'a', at })
  free.next({ sensor: 'b', at: 1000 })
  free.next({ sensor: 'b', at: 2000 })
  await run.advance(10)
  for (let i = 0; i < 5; i++) {
    await run.advance(990)
    free.next({ sensor: 'b', at: 2001 + i })
  }
  t.same(seen.records, [])
  letGo()
  for (let flushes = 0; flushes < 3; flushes++) await run.advance(10)
  const others = () => seen.records.filter((text) => text.startsWith('b'))
  t.same(others(), [], 'nobody had asked it for five times idleMs')
  await run.advance(900)
  t.same(others(), [])
  free.next({ sensor: 'b', at: 2010 })
  await run.advance(110)
  t.same(others(), ['b@1010'], 'from then on its clock runs')
  held.complete()
  free.complete()
  t.equal((await run.finish()).error, null)
})

t.test('splits read one after another keep time back until the last has begun', async (t) => {
  const seen = collect<string>()
  // Three splits, each of them beginning before the one before has ended.
  const readings = [0, 100, 200, 50, 150, 250, 60, 160, 260].map((at) => ({ sensor: 'a', at }))
  const outcome = await runTest(
    pipeline('files', (flow) => {
      const timed = flow.from(collection(readings, { splits: 3 })).pipe(timestamps(({ at }) => at))
      passed(timed).to(seen)
    }),
    { parallelism: 1 },
  )
  t.equal(outcome.error, null)
  t.same(
    seen.records,
    [0, 50, 60, 100, 150, 160, 200, 250, 260].map((at) => `a@${at + 10}`),
  )
})

t.test('sources of an alignment group keep together', async (t) => {
  const fast = collect<string>()
  const slow = collect<string>()
  let leadMs = 0
  let slowMs = 0
  const run = await runTest(
    pipeline('aligned', (flow) => {
      const align = { group: 'both', maxDrift: 1_000 }
      flow
        .from(
          generate(50_000, (i) => ({ sensor: 'fast', at: i }), { splits: 1 }),
          { name: 'fast' },
        )
        .pipe(
          timestamps(({ at }) => at, { align }),
          map(({ at }) => {
            if (slowMs > 0) leadMs = Math.max(leadMs, at - slowMs)
            return 'x'
          }),
        )
        .to(fast)
      flow
        .from(
          generate(500, (i) => ({ sensor: 'slow', at: i * 100 }), { splits: 1, perSecond: 100 }),
          { name: 'slow' },
        )
        .pipe(
          timestamps(({ at }) => at, { align }),
          map(({ at }) => {
            slowMs = at
            return 'x'
          }),
        )
        .to(slow)
    }),
    { parallelism: 1 },
  )
  t.equal(run.error, null)
  t.equal(fast.records.length, 50_000)
  t.equal(slow.records.length, 500)
  t.comment(`the fast one led by ${leadMs} ms`)
  t.ok(leadMs <= LEAD_MAX, 'by the drift allowed and one batch')
})

/** A source that could run away, aligned with one that the test feeds. */
async function alignedWithSlow() {
  const slow = new Subject<Reading>()
  const fast = collect<number>()
  const run = startTest(
    pipeline('aligned', (flow) => {
      const times = timestamps(({ at }: Reading) => at, {
        idleMs: 1000,
        align: { group: 'both', maxDrift: '1s' },
      })
      const readings = generate(COUNT, (i) => ({ sensor: 'fast', at: i }), { splits: 1 })
      flow
        .from(readings, { name: 'fast' })
        .pipe(
          times,
          map(({ at }) => at),
        )
        .to(fast)
      flow.from(fromObservable(slow, endless), { name: 'slow' }).pipe(times).to(collect<Reading>())
    }),
    { parallelism: 1 },
  )
  slow.next({ sensor: 'slow', at: 0 })
  await run.advance(10)
  slow.next({ sensor: 'slow', at: 0 })
  await run.advance(10)
  return { run, slow, fast }
}

const COUNT = 20_000
const LEAD_MAX = 1_000 + BATCH_RECORDS_MAX

t.test('a source that leads its group pauses until the slow one comes on or ends', async (t) => {
  const { run, slow, fast } = await alignedWithSlow()
  const paused = fast.records.length
  t.comment(`paused after ${paused} records`)
  t.ok(paused > 0 && paused <= LEAD_MAX, 'the drift allowed and one batch')
  await run.advance(500)
  t.equal(fast.records.length, paused)
  slow.next({ sensor: 'slow', at: 5_000 })
  await run.advance(20)
  await run.advance(20)
  const next = fast.records.length
  t.comment(`then after ${next}`)
  t.ok(next > 5_000 && next <= 5_000 + LEAD_MAX)
  slow.complete()
  await run.advance(20)
  await run.advance(20)
  t.equal(fast.records.length, COUNT)
  t.equal((await run.finish()).error, null)
})

t.test('a slow source of the group that goes idle holds nobody back', async (t) => {
  const { run, slow, fast } = await alignedWithSlow()
  await run.advance(900)
  t.ok(fast.records.length <= LEAD_MAX)
  await run.advance(100)
  await run.advance(20)
  t.equal(fast.records.length, COUNT)
  slow.complete()
  t.equal((await run.finish()).error, null)
})

t.test('an event-time timer without timestamps is refused where it is used', async (t) => {
  const outcome = await runTest(
    pipeline('untimed', (flow) => {
      const untimed = flow.from(collection([{ sensor: 'a', at: 1 }]))
      passed(untimed as never).to(collect<string>())
    }),
  )
  t.ok(outcome.error !== null)
  t.match(outcome.error?.message, /timestamps/)
})
