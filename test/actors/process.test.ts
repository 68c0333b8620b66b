import t from 'tap'
import { collect, runTest, startTest } from '../../actors/testing/index.js'
import { fromArray } from '../../lib/connectors/index.js'
import {
  broadcastState,
  count,
  keyBy,
  map,
  type Op,
  pipeline,
  process,
  recordsOf,
  type Stream,
  sideOutput,
  sideTag,
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
