import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { collect, runTest, startTest } from '../../actors/testing/index.js'
import { fromArray } from '../../lib/connectors/index.js'
import {
  broadcastState,
  count,
  keyBy,
  map,
  mapState,
  type Op,
  pipeline,
  process,
  processWith,
  processWithBroadcast,
  recordsOf,
  type Stream,
  sideOutput,
  sideTag,
  timestamps,
  valueState,
} from '../../lib/index.js'

interface Visit {
  readonly user: string
  readonly page: string
}

const visits: readonly Visit[] = ['a', 'b', 'a', 'c', 'a', 'b'].map((user, i) => ({
  user,
  page: `p${i}`,
}))

t.test('processing-time timers fire by the virtual clock', async (t) => {
  const idle = collect<string>()
  const run = startTest(
    pipeline('idle', (flow) =>
      flow
        .from(
          (async function* () {
            yield* visits
            await new Promise(() => {})
          })(),
        )
        .pipe(
          keyBy((visit) => visit.user),
          process({
            emits: recordsOf<string>(),
            state: { last: valueState<number>() },
            onRecord(_, { state, timers, now }) {
              const last = state.last.get()
              if (last !== undefined) timers.processing.delete(last)
              state.last.set(now() + 1_000)
              timers.processing.register(now() + 1_000)
            },
            onTimer: ({ key, timeMs }, { emit, now }) => emit(`${key} ${now() - timeMs}`),
          }),
        )
        .to(idle),
    ),
  )
  await run.advance(900)
  t.same(idle.records, [])
  await run.advance(100)
  await run.advance(10)
  t.same([...idle.records].sort(), ['a 0', 'b 0', 'c 0'])
  run.job.drain()
  const outcome = await run.finish()
  t.equal(outcome.error, null)
})

t.test('expired state is given back while no input comes', async (t) => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  const kept: WeakRef<object>[] = []
  const run = startTest(
    pipeline('silent', (flow) =>
      flow
        .from(
          (async function* () {
            yield* visits
            await new Promise(() => {})
          })(),
        )
        .pipe(
          keyBy((visit) => visit.user),
          process({
            state: { last: valueState<object>({ ttl: '10s' }) },
            onRecord(_, { state }) {
              const value = { some: 'value' }
              state.last.set(value)
              kept.push(new WeakRef(value))
            },
          }),
        )
        .to(collect()),
    ),
    { settings: { accountIntervalMs: 250 } },
  )
  const alive = () => {
    gc()
    return kept.filter((ref) => ref.deref() !== undefined).length
  }
  await run.advance(9_000)
  t.equal(alive(), 3)
  await run.advance(2_000)
  t.equal(alive(), 0)
  run.job.drain()
  await run.finish()
})

t.test('open and close run once per subtask, and the job ends when all are closed', async (t) => {
  const calls: string[] = []
  const out = collect<string>()
  const outcome = await runTest(
    pipeline('lifecycle', (flow) =>
      flow
        .from(fromArray(visits))
        .pipe(
          keyBy((visit) => visit.user),
          process({
            emits: recordsOf<string>(),
            state: { n: valueState<number>() },
            async open({ subtask, parallelism }) {
              await new Promise((resolve) => setImmediate(resolve))
              calls.push(`open ${subtask}/${parallelism}`)
              return subtask
            },
            onRecord: (_, { state }) => state.n.set((state.n.get() ?? 0) + 1),
            onEnd: ({ key, state, emit, opened, subtask }) =>
              emit(`${key} ${state.n.get()} ${opened === subtask}`),
            async close(opened) {
              await new Promise((resolve) => setImmediate(resolve))
              calls.push(`close ${opened}`)
            },
          }),
        )
        .to(out),
    ),
    { parallelism: 2 },
  )
  t.equal(outcome.error, null)
  t.same([...out.records].sort(), ['a 3 true', 'b 2 true', 'c 1 true'])
  t.same(calls.toSorted(), ['close 0', 'close 1', 'open 0/2', 'open 1/2'])
})

t.test('an open that fails is the failure of the operator', async (t) => {
  const outcome = await runTest(
    pipeline('refused', (flow) =>
      flow
        .from(fromArray(visits))
        .pipe(
          process(
            { open: () => Promise.reject(new Error('no database')), onRecord() {} },
            { name: 'lookup' },
          ),
        )
        .to(collect()),
    ),
    { supervise: { maxRestarts: 0 } },
  )
  t.match(JSON.stringify(outcome.error), /operator \\"lookup\\": open failed: no database/)
  t.equal(outcome.failures[0]?.kind, 'user-code')
  t.equal(outcome.failures[0]?.operator, 'lookup')
})

t.test('without a key every subtask works, and keeps for itself', async (t) => {
  const out = collect<number>()
  await runTest(
    pipeline('parallel', (flow) =>
      flow
        .from(fromArray(Array.from({ length: 4_000 }, (_, i) => i)))
        .pipe(
          process({
            emits: recordsOf<number>(),
            state: { seen: broadcastState<number, true>() },
            onRecord: (n, { state }) => state.seen.set(n % 10, true),
            onEnd: ({ emit, subtask }) => emit(subtask),
          }),
        )
        .to(out),
    ),
    { parallelism: 3 },
  )
  t.same(out.records.toSorted(), [0, 1, 2])
})

t.test(
  'records leave by side outputs under the same guarantee: a replay repeats both',
  async (t) => {
    const odd = sideTag<Visit>('odd')
    const [main, side] = [collect<string>(), collect<readonly [string, number]>()]
    const outcome = await runTest(
      pipeline('sides', (flow) => {
        const processed = flow.from(fromArray(visits)).pipe(
          keyBy((visit) => visit.user),
          process(
            {
              emits: recordsOf<string>(),
              state: { n: valueState<number>() },
              onRecord(visit, { state, emit, side }) {
                const n = (state.n.get() ?? 0) + 1
                state.n.set(n)
                if (n % 2 === 1) side(odd, visit)
                else emit(`${visit.user}${n}`)
              },
            },
            { name: 'split' },
          ),
        )
        processed.pipe(map((text) => text)).to(main)
        processed
          .pipe(
            sideOutput(odd),
            keyBy((visit) => visit.user),
            count(),
          )
          .to(side)
      }),
      { parallelism: 2, inject: [{ operator: 'split', afterRecords: 2 }] },
    )
    t.equal(outcome.error, null)
    t.equal(outcome.summary?.restarts, 1)
    t.same([...new Set(main.records)].sort(), ['a2', 'b2'])
    t.same([...side.records].sort().slice(-3), [
      ['a', 2],
      ['b', 1],
      ['c', 1],
    ])
  },
)

interface Sale {
  readonly user: string
  readonly price: number
  readonly atMs: number
}

const sales: readonly Sale[] = Array.from({ length: 300 }, (_, i) => ({
  user: `u${i % 7}`,
  price: i,
  atMs: 1_000 + i * 10,
}))

function grouped<T>(list: readonly T[], by: (element: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const element of list) groups.set(by(element), [...(groups.get(by(element)) ?? []), element])
  return groups
}

t.test('event-time timers fire by the watermark of timestamps, in every subtask', async (t) => {
  for (const parallelism of [1, 3]) {
    const out = collect<readonly [string, number]>()
    const outcome = await runTest(
      pipeline('event time', (flow) =>
        flow
          .from(fromArray(sales))
          .pipe(
            timestamps((sale) => sale.atMs, { outOfOrderMs: 0 }),
            keyBy((sale) => sale.user),
            process({
              emits: recordsOf<readonly [string, number]>(),
              state: { sums: mapState<number, number>() },
              onRecord({ price }, { state: { sums }, timers, timeMs }) {
                const endMs = (Math.floor(timeMs / 1_000) + 1) * 1_000
                sums.set(endMs, (sums.get(endMs) ?? 0) + price)
                timers.event.register(endMs - 1)
              },
              onTimer({ key, timeMs }, { state: { sums }, emit }) {
                emit([key, sums.get(timeMs + 1) ?? 0])
                sums.delete(timeMs + 1)
              },
            }),
          )
          .to(out),
      ),
      { parallelism },
    )
    t.equal(outcome.error, null)
    const expected = grouped(sales, ({ user, atMs }) => `${user} ${Math.floor(atMs / 1_000)}`)
    t.same(
      [...out.records].sort(),
      [...expected.values()]
        .map((group) => [group[0]!.user, group.reduce((sum, { price }) => sum + price, 0)])
        .sort(),
    )
  }
})

t.test('two streams with the same key meet in one state, whatever the parallelism', async (t) => {
  for (const parallelism of [1, 3]) {
    const out = collect<string>()
    const outcome = await runTest(
      pipeline('two', (flow) => {
        const names = flow
          .from(fromArray(Array.from({ length: 7 }, (_, i) => [`u${i}`, `name ${i}`] as const)))
          .pipe(keyBy(([user]) => user))
        flow
          .from(fromArray(sales))
          .pipe(
            keyBy((sale) => sale.user),
            processWith(names, {
              emits: recordsOf<string>(),
              state: { name: valueState<string>(), n: valueState<number>() },
              onLeft: (_, { state }) => state.n.set((state.n.get() ?? 0) + 1),
              onRight: ([, name], { state }) => state.name.set(name),
              onEnd: ({ state, emit }) => emit(`${state.name.get()} ${state.n.get()}`),
            }),
          )
          .to(out)
      }),
      { parallelism },
    )
    t.equal(outcome.error, null)
    t.same(
      [...out.records].sort(),
      [0, 1, 2, 3, 4, 5, 6].map((i) => `name ${i} ${i < 6 ? 43 : 42}`),
    )
  }
})

t.test('every subtask is told what is broadcast', async (t) => {
  const out = collect<number>()
  const outcome = await runTest(
    pipeline('told', (flow) => {
      const limits = flow.from(fromArray([10, 20, 30]))
      flow
        .from(fromArray(sales))
        .pipe(
          keyBy((sale) => sale.user),
          processWithBroadcast(limits, {
            emits: recordsOf<number>(),
            state: { limits: broadcastState<number, true>(), n: valueState<number>() },
            onBroadcast: (limit, { state }) => state.limits.set(limit, true),
            onRecord: (_, { state }) => state.n.set((state.n.get() ?? 0) + 1),
            onEnd: ({ state, emit }) => emit(state.limits.size),
          }),
        )
        .to(out)
    }),
    { parallelism: 3 },
  )
  t.equal(outcome.error, null)
  t.same(out.records, [3, 3, 3, 3, 3, 3, 3])
})

t.test('keyed state without a key is refused when the pipeline is built', async (t) => {
  t.throws(
    () =>
      pipeline('no key', (flow) => {
        const op = process({ state: { n: valueState<number>() }, onRecord() {} })
        const untyped = op as unknown as Op<Stream<number>, Stream<unknown>>
        flow
          .from(fromArray([1]))
          .pipe(untyped)
          .to(collect())
      }).compose(),
    { code: 'E_NEEDS_KEY' },
  )
})
