/** Event time through whole pipelines: per split, over exchanges, past silent inputs. */
import { Subject } from 'rxjs'
import t from 'tap'
import { collect, runTest, startTest } from '../../actors/testing/index.js'
import { collection, fromObservable, generate } from '../../lib/connectors/index.js'
import {
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

interface Reading {
  readonly sensor: string
  readonly at: number
}

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
  const options = { capacity: 100, overflow: 'fail', bounded: false } as const
  const run = startTest(
    pipeline('silent', (flow) => {
      const times = timestamps(({ at }: Reading) => at, { idleMs: 1000 })
      const both = merge(
        flow.from(fromObservable(loud, options), { name: 'loud' }).pipe(times),
        flow.from(fromObservable(silent, options), { name: 'silent' }).pipe(times),
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
  t.ok(leadMs <= 1_000 + 2 * 1_024, 'by the drift allowed and a batch or two')
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
