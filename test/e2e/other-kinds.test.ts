/** A job that goes on with an operator of another kind under its name: by jobs that are stopped, and restored. */
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Job, run } from '../../actors/index.js'
import { fromArray, generate, type Source, toObservable } from '../../lib/connectors/index.js'
import {
  aggregate,
  avg,
  countWindow,
  keyBy,
  map,
  pipeline,
  process,
  scan,
  sum,
  valueState,
  window,
  windowProcess,
} from '../../lib/index.js'
import { directoryOf } from './accounting.js'
import { ended, ending, first } from './support.js'

t.setTimeout(400_000)

/** Far more than come until the job is stopped. */
const ROWS = 20_000
const name = 'totals'
/** None of these windows is ever full. */
const gathered = window(countWindow(ROWS))
const ones = keyBy((n: number) => n % 2)

const mean = {
  create: () => ({ sum: 0, count: 0 }),
  add: ({ sum, count }: { sum: number; count: number }, n: number) => ({
    sum: sum + n,
    count: count + 1,
  }),
}
/** Adds up what comes, in each of these states. */
const adding = (...states: readonly string[]) =>
  process(
    {
      state: Object.fromEntries(states.map((state) => [state, valueState<number>()])),
      onRecord(n: number, { state }) {
        for (const each of states) state[each]!.set((state[each]!.get() ?? 0) + n)
      },
      onEnd({ state, emit }) {
        emit(states.map((each) => state[each]!.get()))
      },
    },
    { name },
  )

/** Each goes from numbers to anything. */
const OPERATORS = {
  sum: () => [ones, sum((n: number) => n, { name })],
  avg: () => [ones, avg((n: number) => n, { name })],
  scan: () => [ones, scan((sum: number, n: number) => sum + n, 0, { name })],
  map: () => [ones, map((n: number) => n, { name })],
  aggregate: () => [
    ones,
    aggregate(mean, { name, stateVersion: 2, upcast: { 1: (sum) => ({ sum, count: 0 }) } }),
  ],
  'process of a': () => [ones, adding('a')],
  'process of result': () => [ones, adding('result')],
  'process of nothing': () => [ones, adding()],
  'window of sum': () => [ones, gathered, windowProcess(sum(), ({ value }) => [value], { name })],
  'window of avg': () => [ones, gathered, windowProcess(avg(), ({ value }) => [value], { name })],
} as const

type Kind = keyof typeof OPERATORS

interface Restoring {
  readonly restore: 'latest'
  readonly allowDroppedState?: boolean
}

const LATEST: Restoring = { restore: 'latest' }

function start(t: Test, dir: string, kind: Kind, restoring?: Restoring): Job {
  const job = pipeline('other-kinds', (flow) => {
    const rows = flow.from(generate(ROWS, () => 1, { perSecond: restoring ? 1e6 : 2_000 }))
    const [first, ...others] = OPERATORS[kind]() as unknown as (typeof ones)[]
    const all = others.reduce((stream, each) => stream.pipe(each as never), rows.pipe(first!))
    all.to(toObservable())
  })
  const checkpoint = { directory: join(dir, 'state'), interval: '1h' } as const
  return ending(t, run(job, { parallelism: 2, checkpoint, metricsIntervalMs: 20, ...restoring }))
}

async function stopHalfWay(job: Job): Promise<void> {
  await first(job.metrics$, ({ chains }) => chains.some(({ totals }) => totals.recordsIn >= 500))
  await job.stop()
}

for (const [before, now] of [
  ['sum', 'avg'],
  ['sum', 'map'],
  ['window of sum', 'scan'],
  ['window of sum', 'window of avg'],
] as const) {
  t.test(`${now} does not take what ${before} has kept for its own`, async (t) => {
    const dir = directoryOf(t, 'kinds')
    await stopHalfWay(start(t, dir, before))
    const { error, results } = await ended(start(t, dir, now, LATEST))
    t.match(error, { code: 'E_RESTORE_KIND', details: { operator: name } })
    t.same(results, [], 'nothing has run')
    t.equal((await ended(start(t, dir, before, LATEST))).error, null, 'all is as it was')
  })
}

t.test('an aggregate whose functions read what a sum has kept goes on from it', async (t) => {
  const dir = directoryOf(t, 'kinds')
  await stopHalfWay(start(t, dir, 'sum'))
  const { error, results } = await ended(start(t, dir, 'aggregate', LATEST))
  t.equal(error, null)
  t.match(results, [[1, { sum: ROWS }]])
})

t.test(
  'a process that has no state any more says what it does not read, and may drop it',
  async (t) => {
    const dir = directoryOf(t, 'kinds')
    await stopHalfWay(start(t, dir, 'process of a'))
    const { error } = await ended(start(t, dir, 'process of nothing', LATEST))
    t.match(error, { code: 'E_RESTORE_DROPS', message: /"a"/ })
    const allowed = start(t, dir, 'process of nothing', { ...LATEST, allowDroppedState: true })
    t.equal((await ended(allowed)).error, null)
  },
)

t.test('a process goes on from a scan where it names that state as that does', async (t) => {
  const dir = directoryOf(t, 'kinds')
  await stopHalfWay(start(t, dir, 'scan'))
  const { error } = await ended(start(t, dir, 'process of a', LATEST))
  t.match(error, { code: 'E_RESTORE_DROPS', message: /"result"/ })
  const { results } = await ended(start(t, dir, 'process of result', LATEST))
  t.same(results, [[ROWS]])
})

t.test('a source does not take the positions of another for its own', async (t) => {
  const checkpoint = { directory: join(directoryOf(t, 'kinds'), 'state'), interval: '1h' } as const
  const begin = (source: Source<number>, restoring?: Restoring) => {
    const job = pipeline('other-sources', (flow) =>
      flow.from(source, { name: 'numbers' }).to(toObservable()),
    )
    return ending(t, run(job, { checkpoint, metricsIntervalMs: 20, ...restoring }))
  }
  await stopHalfWay(begin(generate(ROWS, (n) => n, { perSecond: 2_000 })))
  const { error, results } = await ended(begin(fromArray([1, 2, 3]), LATEST))
  t.match(error, { code: 'E_RESTORE_KIND', details: { operator: 'numbers', stored: 'generate' } })
  t.same(results, [], 'nothing has run')
})
