/** Failures of whole jobs: what kind they are, what is decided, how restarts are counted. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { from } from 'rxjs'
import t from 'tap'
import { run } from '../../actors/index.js'
import { collect, runTest, startTest, type TestOptions } from '../../actors/testing/index.js'
import {
  fromArray,
  fromObservable,
  generate,
  linesFile,
  ndjson,
} from '../../lib/connectors/index.js'
import { MillraceError, map, type Pipeline, pipeline } from '../../lib/index.js'

const numbers = (records: number, perSecond?: number): Pipeline =>
  pipeline('numbers', (flow) => {
    flow
      .from(generate(records, (i) => i, perSecond === undefined ? {} : { perSecond }))
      .pipe(map((i) => i, { name: 'op' }))
      .to(collect())
  })

const once: TestOptions = { supervise: { maxRestarts: 0 } }

t.test('every failure is of its kind: user code, input, sink, system', async (t) => {
  const folder = t.testdir({ 'broken.ndjson': '{"a":1}\n{"a":\n' })
  const throwing = pipeline('throwing', (flow) => {
    flow
      .from(fromArray([1]))
      .pipe(
        map((): number => {
          throw new TypeError('mine')
        }),
      )
      .to(collect())
  })
  const broken = pipeline('broken', (flow) => {
    flow.from(ndjson(join(folder, 'broken.ndjson'))).to(collect())
  })
  const missing = pipeline('missing', (flow) => {
    flow.from(ndjson(join(folder, 'missing.ndjson'))).to(collect())
  })
  const unwritable = pipeline('unwritable', (flow) => {
    flow.from(fromArray(['a'])).to(linesFile(join(folder, 'broken.ndjson', 'below-a-file')))
  })
  const law = { inject: [{ operator: 'op', afterRecords: 1, error: new Error('broken law: x') }] }
  const cases: readonly [Pipeline, string, TestOptions?][] = [
    [throwing, 'user-code'],
    [broken, 'input'],
    [missing, 'input'],
    [unwritable, 'sink'],
    [numbers(10), 'system', law],
  ]
  for (const [job, kind, options] of cases) {
    const { failures, error } = await runTest(job, { ...once, ...options })
    t.equal(failures[0]?.kind, kind, `${kind}: ${error?.message}`)
    t.not(error, null)
  }
})

t.test('a worker that dies is a failure of the host', async (t) => {
  const module = new URL('./best-effort/exits.js', import.meta.url)
  const job = run(module, { slots: 1, supervise: { maxRestarts: 0 } })
  await t.rejects(job.done, { code: 'E_WORKER_DIED' })
  const kinds: string[] = []
  job.failures$.subscribe(({ kind }) => kinds.push(kind))
  t.same(kinds, ['host'], 'told to who subscribes after the end, too')
})

t.test('what decide answers is done', async (t) => {
  const inject = [{ operator: 'op', afterRecords: 5, times: 5 }]
  for (const [decision, restarts] of [
    ['restart', null],
    ['resume', 5],
    ['stop', null],
    ['escalate', null],
  ] as const) {
    const outcome = await runTest(numbers(10), { inject, supervise: { decide: () => decision } })
    const failed = outcome.failures.map((failure) => failure.decision)
    t.equal(outcome.summary?.restarts ?? null, restarts, decision)
    const limited = ['restart', 'restart', 'restart', 'escalate']
    t.same(failed, decision === 'restart' ? limited : Array(restarts ?? 1).fill(decision))
  }
})

t.test('decide may try again what calls itself hopeless', async (t) => {
  const error = new MillraceError('E_USER_HOPELESS', 'no use', { retryable: false })
  const inject = [{ operator: 'op', afterRecords: 5, error }]
  const { error: ended } = await runTest(numbers(10), { inject })
  t.match(ended?.message, /no use.*trying again would fail again/)
  const { summary } = await runTest(numbers(10), {
    inject,
    supervise: { decide: () => 'restart' },
  })
  t.equal(summary?.restarts, 1)
})

t.test('the restart count goes back to zero after ten quiet minutes, not before', async (t) => {
  // One record per second; the count of the injection goes on over restarts.
  const run = (quietS: number) =>
    runTest(numbers(2 * quietS - 10, 1), {
      inject: [{ operator: 'op', afterRecords: quietS, times: 3 }],
      supervise: { maxRestarts: 1 },
    })
  const slow = await run(610)
  t.equal(slow.error, null)
  t.same(
    slow.failures.map(({ attempt, decision }) => [attempt, decision]),
    [
      [1, 'restart'],
      [1, 'restart'],
      [1, 'restart'],
    ],
  )
  const fast = await run(590)
  t.match(fast.error?.message, /limit of 1 restarts without progress/)
  t.same(
    fast.failures.map(({ attempt }) => attempt),
    [1, 2],
  )
})

t.test('a source that cannot be read again fails the job by its name', async (t) => {
  const job = pipeline('live', (flow) => {
    flow
      .from(fromObservable(from([1, 2, 3]), { capacity: 10, overflow: 'fail' }), { name: 'ticker' })
      .pipe(map((i) => i, { name: 'op' }))
      .to(collect())
  })
  const { error, failures } = await runTest(job, { inject: [{ operator: 'op', afterRecords: 1 }] })
  t.match(error?.message, /cannot start again: "ticker" cannot be read again/)
  t.same(
    failures.map(({ decision }) => decision),
    ['escalate'],
  )
})

t.test('a restart says at-least-once, and a file is written as if once', async (t) => {
  const file = join(t.testdir(), 'out.txt')
  writeFileSync(file, 'of yesterday\n')
  const job = pipeline('file', (flow) => {
    flow
      .from(generate(5_000, String))
      .pipe(map((line) => line, { name: 'op' }))
      .to(linesFile(file))
  })
  const { summary, events } = await runTest(job, {
    inject: [{ operator: 'op', afterRecords: 3_000 }],
  })
  t.equal(summary?.guarantee, 'at-least-once')
  t.match(
    events.find(({ kind }) => kind === 'RegionRestarting'),
    { guarantee: 'at-least-once' },
  )
  t.same(readFileSync(file, 'utf8').trimEnd().split('\n').map(Number), [...Array(5_000).keys()])
})

t.test('a late subscriber hears the last failures, a bounded number of them', async (t) => {
  const inject = [{ operator: 'op', afterRecords: 1, times: 300 }]
  const supervise = { decide: 'resume' } as const
  const test = startTest(numbers(3), { inject, supervise })
  const { failures } = await test.finish()
  t.equal(failures.length, 300)
  const late: number[] = []
  test.job.failures$.subscribe(({ id }) => late.push(id))
  t.same(
    late,
    Array.from({ length: 256 }, (_, i) => i + 45),
  )
})
