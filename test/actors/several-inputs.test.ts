/** Operators with several inputs in whole jobs: RxJS is fed the interleaving that they saw. */
import { tap } from 'rxjs'
import t from 'tap'
import { collect, runTest } from '../../actors/testing/index.js'
import { generate } from '../../lib/connectors/index.js'
import {
  type AnyStream,
  combineLatest,
  concat,
  count,
  cross,
  distinct,
  type Flow,
  keyBy,
  map,
  merge,
  type Pipeline,
  pipeline,
  race,
  take,
  takeUntil,
  timestamps,
  withLatestFrom,
  zip,
  zipWith,
} from '../../lib/index.js'
import { BATCH, INPUT, type Signal, WATERMARK } from '../../lib/operators/signal.js'
import { combineRows, type Step, seenByRx } from '../conformance/rxjs-combine.js'

/** The same pipeline, whose operator of this kind writes down what it sees. */
function logged(given: Pipeline, kind: string, log: Step[]): Pipeline {
  return watched(given, kind, (signal) => {
    if (signal.tag === BATCH) {
      log.push({ input: signal.input, records: signal.records as number[] })
    } else if (signal.tag === INPUT && signal.state === 'ended') {
      log.push({ input: signal.input, ended: true })
    }
  })
}

/** The same pipeline; `see` is called with what its operator of this kind is given. */
function watched(given: Pipeline, kind: string, see: (signal: Signal) => void): Pipeline {
  return {
    ...given,
    compose() {
      const composed = given.compose()
      const runtime = new Map(composed.runtime)
      const { id } = composed.graph.nodes.find((node) => node.kind === kind)!
      const node = runtime.get(id)!
      if (node.role !== 'operator') throw new Error(`${kind} is no operator`)
      const { operator } = node
      runtime.set(id, {
        role: 'operator',
        operator: {
          ...operator,
          open: (context) => (source) => source.pipe(tap(see), operator.open(context)),
        },
      })
      return { ...composed, runtime }
    },
  }
}

const numbers = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i)

const made: Readonly<Record<string, (streams: AnyStream[]) => AnyStream>> = {
  zip: (streams) => zip(streams as [AnyStream]),
  combineLatest: (streams) => combineLatest(streams as [AnyStream]),
  withLatestFrom: ([a, b, c]) => a!.pipe(withLatestFrom(b!, c!)),
  race: (streams) => race(streams as [AnyStream]),
  concat: (streams) => concat(streams as [AnyStream]),
  takeUntil: ([a, b]) => a!.pipe(takeUntil(b!)),
}

for (const row of combineRows) {
  const make = made[row.operator]
  if (make === undefined) continue
  t.test(`${row.operator} in a job gives what RxJS gives for what it has seen`, async (t) => {
    const orders = new Set<string>()
    for (let seed = 1; seed <= 12; seed++) {
      const out = collect<unknown>()
      const log: Step[] = []
      const job = pipeline('job', (flow) => {
        const streams = numbers(0, row.inputs).map((i) =>
          flow.from(numbers(100 * i, 3 + i)).pipe(map((x) => x, { chain: false })),
        )
        make(streams).to(out)
      })
      const { error } = await runTest(logged(job, row.operator, log), { seed })
      t.equal(error, null)
      const there = seenByRx(row, log).at(-1)
      t.same(out.records, there?.values)
      t.equal(there?.completed, true)
      orders.add(JSON.stringify(log))
    }
    t.ok(orders.size > 1, `${orders.size} interleavings`)
  })
}

async function recordsOf<T>(build: (flow: Flow) => AnyStream, parallelism = 1): Promise<T[]> {
  const out = collect<T>()
  const outcome = await runTest(
    pipeline('job', (flow) => build(flow).to(out)),
    { parallelism },
  )
  if (outcome.error !== null) throw new Error(outcome.error.message)
  return [...out.records]
}

t.test('with keys it works per key, in parallel', async (t) => {
  const build = (flow: Flow) => {
    const words = flow.from(numbers(0, 60)).pipe(keyBy((n) => n % 7))
    const others = flow.from(numbers(100, 60)).pipe(keyBy((n) => (n - 100) % 7))
    return words.pipe(zipWith(others))
  }
  const pairs = await recordsOf<[number, number]>(build, 2)
  t.equal(pairs.length, 60)
  t.ok(pairs.every(([a, b]) => b - a === 100))
})

t.test('a result keeps its key, so that what follows needs no other exchange', async (t) => {
  const build = (flow: Flow) => {
    const stream = () => flow.from(numbers(0, 40)).pipe(keyBy((n) => n % 4))
    return zip(stream(), stream()).pipe(count())
  }
  const counts = await recordsOf<[number, number]>(build, 2)
  t.same(
    counts.sort(([a], [b]) => a - b),
    [0, 1, 2, 3].map((key) => [key, 10]),
  )
})

t.test('a stream may be combined with itself', async (t) => {
  const zipped = await recordsOf<[number, number]>((flow) => {
    const stream = flow.from(numbers(0, 3000))
    return zip(stream, stream)
  }, 1)
  t.equal(zipped.length, 3000)
  t.ok(zipped.every(([a, b]) => a === b))
})

t.test('an operator that is done stops all of its inputs', async (t) => {
  const endless = (flow: Flow) => flow.from(generate(Number.POSITIVE_INFINITY, (i) => i))
  const taken = await recordsOf((flow) => zip(endless(flow), flow.from([7, 8])))
  t.same(taken, [
    [0, 7],
    [1, 8],
  ])
  await recordsOf((flow) => endless(flow).pipe(takeUntil(flow.from(['stop']))))
  const first = await recordsOf((flow) => concat(endless(flow), flow.from([1])).pipe(take(2)))
  t.same(first, [0, 1])
  const crossed = await recordsOf((flow) => endless(flow).pipe(cross(flow.from([5])), take(3)))
  t.equal(crossed.length, 3)
})

t.test('cross runs in parallel: each subtask sees all of the other', async (t) => {
  const pairs = await recordsOf((flow) => {
    const other = merge(flow.from(['a', 'b']), flow.from(['c']))
    return flow.from(numbers(0, 50)).pipe(cross(other))
  }, 2)
  t.equal(new Set(pairs.map(String)).size, 150)
  t.equal(pairs.length, 150)
})

t.test(
  'rules without event time do not stop the time of what they are combined with',
  async (t) => {
    const times: number[] = []
    const out = collect<unknown>()
    const job = pipeline('job', (flow) => {
      const events = flow.from(numbers(1, 3)).pipe(timestamps((n) => n * 1000))
      const rules = flow.from(generate(Number.POSITIVE_INFINITY, (i) => i, { perSecond: 1 }))
      events.pipe(withLatestFrom(rules), distinct()).to(out)
    })
    const seen = watched(job, 'distinct', (signal) => {
      if (signal.tag === WATERMARK) times.push(signal.timeMs)
    })
    const { error } = await runTest(seen)
    t.equal(error, null)
    t.ok(times.length > 0, `watermarks ${times}`)
  },
)
