/** The test kit, and with it whole pipelines in one thread: results, restarts, record errors. */
import t from 'tap'
import { supervise } from '../../actors/index.js'
import { collect, runTest, startTest } from '../../actors/testing/index.js'
import { fromArray, generate, results } from '../../lib/connectors/index.js'
import {
  count,
  filter,
  keyBy,
  map,
  mergeMap,
  type Op,
  pipeline,
  type RecordErrorPolicy,
  type Stream,
  scan,
  sum,
  take,
} from '../../lib/index.js'

const words = ['to', 'be', 'or', 'not', 'to', 'be']

t.test('runs a pipeline to its end and collects its output', async (t) => {
  for (const parallelism of [1, 2, 3]) {
    const counts = collect<readonly [string, number]>()
    const outcome = await runTest(
      pipeline('counts', (flow) => {
        flow
          .from(fromArray(words))
          .pipe(
            keyBy((word) => word),
            count({ name: 'words' }),
          )
          .to(counts)
      }),
      { parallelism },
    )
    t.equal(outcome.error, null)
    t.equal(outcome.summary?.state, 'Finished')
    t.same(
      new Map(counts.records),
      new Map([
        ['to', 2],
        ['be', 2],
        ['or', 1],
        ['not', 1],
      ]),
    )
  }
})

t.test('the same seed gives the same run, another seed another order', async (t) => {
  const run = async (seed: number) => {
    const seen = collect<number>()
    await runTest(
      pipeline('order', (flow) => {
        flow
          .from(generate(5_000, (i) => i, { splits: 4 }))
          .pipe(map((i) => i))
          .to(seen)
      }),
      { seed, parallelism: 4 },
    )
    return seen.records
  }
  const first = await run(3)
  t.same(await run(3), first)
  t.same(
    [...(await run(4))].sort((a, b) => a - b),
    [...first].sort((a, b) => a - b),
  )
})

t.test('time passes only when the test lets it', async (t) => {
  const seen = collect<number>()
  const run = startTest(
    pipeline('paced', (flow) => {
      flow.from(generate(Number.POSITIVE_INFINITY, (i) => i, { perSecond: 10 })).to(seen)
    }),
  )
  await run.advance(0)
  const before = seen.records.length
  await run.advance(1000)
  t.equal(seen.records.length - before, 10)
  void run.job.drain()
  const { summary } = await run.finish()
  t.equal(summary?.state, 'Finished')
  t.ok(summary?.partial, 'a drained job says so')
})

t.test('a failed region starts again from the beginning and says at-least-once', async (t) => {
  const seen = collect<number>()
  const outcome = await runTest(
    pipeline('again', (flow) => {
      flow
        .from(generate(3_000, (i) => i))
        .pipe(
          map((i) => i, { name: 'same' }),
          sum(),
        )
        .to(seen)
    }),
    { inject: [{ operator: 'same', afterRecords: 2_000 }] },
  )
  t.equal(outcome.summary?.restarts, 1)
  t.equal(outcome.summary?.guarantee, 'at-least-once')
  t.match(outcome.failures, [{ operator: 'same', decision: 'restart' }])
  t.same(seen.records, [(2_999 * 3_000) / 2], 'the state of the failed attempt is gone')
})

t.test('a failure in source, operator or sink is answered alike', async (t) => {
  for (const operator of ['numbers', 'total', 'out']) {
    const seen = collect<number>()
    const { summary, failures } = await runTest(
      pipeline('places', (flow) => {
        flow
          .from(
            generate(100, (i) => i),
            { name: 'numbers' },
          )
          .pipe(scan((total, i) => total + i, 0, { name: 'total' }))
          .to(seen, { name: 'out' })
      }),
      { inject: [{ operator, afterRecords: 50 }] },
    )
    t.equal(summary?.restarts, 1, operator)
    t.equal(failures[0]?.operator, operator)
    t.equal(seen.records.at(-1), 4950)
  }
})

t.test('after maxRestarts without progress the job fails with the cause', async (t) => {
  const outcome = await runTest(
    pipeline('hopeless', (flow) => {
      flow
        .from(generate(10, (i) => i))
        .pipe(map((i) => i, { name: 'bad' }))
        .to(collect())
    }),
    {
      inject: [{ operator: 'bad', afterRecords: 1, times: 99, error: new Error('no way') }],
      supervise: supervise({ maxRestarts: 2 }),
    },
  )
  t.match(outcome.error?.message, /no way/)
  t.equal(outcome.failures.length, 3)
})

t.test('decide answers failures of a job', async (t) => {
  for (const [decision, state] of [
    ['restart', 'Finished'],
    ['stop', 'Failed'],
    ['escalate', 'Failed'],
  ] as const) {
    const outcome = await runTest(
      pipeline('decided', (flow) => {
        flow
          .from(generate(10, (i) => i))
          .pipe(map((i) => i, { name: 'op' }))
          .to(collect())
      }),
      {
        inject: [{ operator: 'op', afterRecords: 5 }],
        supervise: { decide: () => decision },
      },
    )
    t.equal(outcome.summary?.state ?? 'Failed', state, decision)
  }
})

t.test('a region without replay fails the job; a neighbour region ends with it', async (t) => {
  const source = {
    ...fromArray([1, 2, 3]),
    replays: false,
    splits: async () => [{ id: 'only', data: { from: 0, to: 3 } }],
  }
  const outcome = await runTest(
    pipeline('once', (flow) => {
      flow
        .from(source)
        .pipe(map((i) => i, { name: 'op' }))
        .to(collect())
    }),
    { inject: [{ operator: 'op', afterRecords: 2 }] },
  )
  t.match(outcome.error?.message, /"collection\(3\)" cannot be read again/)
})

t.test(
  'every onRecordError policy has its documented outcome on every kind of operator',
  async (t) => {
    const poison = 3
    const bad = <V>(value: V, i: number): V => {
      if (i === poison) throw new Error('poison')
      return value
    }
    const kinds = {
      map: map((i: number) => bad(i, i), { name: 'op' }),
      filter: filter((i: number) => bad(true, i), { name: 'op' }),
      mergeMap: mergeMap((i: number) => bad([i], i), { name: 'op' }),
      asyncMergeMap: mergeMap(async (i: number) => bad([i], i), { name: 'op' }),
    }
    for (const [kind, operator] of Object.entries(kinds)) {
      for (const policy of [
        'fail',
        'skip',
        'deadLetter',
        { retry: 2, otherwise: 'skip' },
      ] as const) {
        const seen = collect<unknown>()
        const dead = collect<{ record: unknown; operator: string }>()
        const { summary, error } = await runTest(
          pipeline(
            'policies',
            (flow) => {
              const numbers: Stream<unknown> = flow
                .from(fromArray([1, 2, 3, 4]))
                .pipe(operator as Op<Stream<number>, Stream<unknown>>)
              numbers.to(seen)
              if (policy === 'deadLetter') flow.deadLetters().to(dead)
            },
            { onRecordError: policy satisfies RecordErrorPolicy },
          ),
          { supervise: { maxRestarts: 0 } },
        )
        const label = `${kind} × ${JSON.stringify(policy)}`
        if (policy === 'fail') {
          t.equal(error?.code, 'E_USER_CODE', label)
          continue
        }
        t.equal(error, null, label)
        t.equal(seen.records.length, 3, label)
        t.equal(summary?.skipped, policy === 'deadLetter' ? 0 : 1, label)
        const letters = dead.records.map(({ record, operator: name }) => [record, name])
        t.same(letters, policy === 'deadLetter' ? [[3, 'op']] : [], label)
      }
    }
  },
)

t.test('a skipped record leaves no trace in state', async (t) => {
  const seen = collect<number>()
  await runTest(
    pipeline(
      'state',
      (flow) => {
        flow
          .from(fromArray([1, 2, 3, 4]))
          .pipe(
            scan((total, i) => {
              if (i === 3) throw new Error('poison')
              return total + i
            }, 0),
          )
          .to(seen)
      },
      { onRecordError: 'skip' },
    ),
  )
  t.same(seen.records, [1, 3, 7])
})

t.test('take ends an endless input', async (t) => {
  const seen = collect<number>()
  const { summary } = await runTest(
    pipeline('first', (flow) => {
      flow
        .from(generate(Number.POSITIVE_INFINITY, (i) => i))
        .pipe(take(5))
        .to(seen)
    }),
  )
  t.same(seen.records, [0, 1, 2, 3, 4])
  t.equal(summary?.state, 'Finished')
})

t.test('results$ carries what toObservable sinks publish', async (t) => {
  const outcome = await runTest(
    pipeline('results', (flow) => {
      flow
        .from(fromArray([1, 2, 3]))
        .pipe(map((i) => i * 10))
        .to(results())
    }),
  )
  t.same(outcome.results, [10, 20, 30])
})

t.test('records are frozen by default', async (t) => {
  const outcome = await runTest(
    pipeline('frozen', (flow) => {
      flow
        .from(fromArray([{ n: 1 }]))
        .pipe(
          map((record) => record, { chain: false }),
          map((record) => {
            record.n = 2
            return record
          }),
        )
        .to(collect())
    }),
    { supervise: { maxRestarts: 0 } },
  )
  t.match(outcome.error?.message, /read only|Cannot assign/)
})
