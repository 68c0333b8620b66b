/** State whose shape has changed since it was stored: what brings it up to date, and what is refused before anything runs. */
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Job, run } from '../../actors/index.js'
import { generate, toObservable } from '../../lib/connectors/index.js'
import {
  keyBy,
  listState,
  map,
  mapState,
  pipeline,
  process,
  scan,
  valueState,
} from '../../lib/index.js'
import { directoryOf } from './accounting.js'
import { ended, ending, first } from './support.js'

t.setTimeout(400_000)

/** Far more than come until the job is stopped. */
const ROWS = 20_000
const KEYS = 7

interface Life {
  readonly rows?: number
  readonly parallelism?: number
  readonly restore?: 'latest'
  readonly keyGroups?: number
}

/** Each test has its own operator; what it emits is looked at only as data. */
const identity = map((n: number) => n)

function start(t: Test, dir: string, life: Life, stateful: unknown): Job {
  const { parallelism = 2, keyGroups = 128, restore } = life
  const job = pipeline(
    'versions',
    (flow) => {
      const perSecond = restore === undefined ? 2_000 : 1e6
      const rows = flow.from(generate(ROWS, (n) => n, { perSecond })).pipe(keyBy((n) => n % KEYS))
      rows.pipe(stateful as typeof identity).to(toObservable())
    },
    { maxParallelism: keyGroups },
  )
  const checkpoint = { directory: join(dir, 'state'), interval: '1h' } as const
  return ending(
    t,
    run(job, {
      parallelism,
      checkpoint,
      metricsIntervalMs: 20,
      ...(restore !== undefined && { restore }),
    }),
  )
}

async function stopHalfWay(job: Job): Promise<void> {
  await first(job.metrics$, ({ chains }) => chains.some(({ totals }) => totals.recordsIn >= 500))
  await job.stop()
}

const EACH = Array.from({ length: KEYS }, (_, key) => Math.ceil((ROWS - key) / KEYS))

interface Counted {
  readonly count: number
  readonly unit: string
}

const counting = (options: object) =>
  scan(
    (sum: Counted, _: number): Counted => ({ ...sum, count: sum.count + 1 }),
    {
      count: 0,
      unit: 'rows',
    },
    { name: 'counts', ...options },
  )

t.test('values of former versions are upcast, one version after another', async (t) => {
  for (const life of [{}, { parallelism: 3 }, { keyGroups: 50 }]) {
    const dir = directoryOf(t, 'versions')
    await stopHalfWay(
      start(
        t,
        dir,
        {},
        scan((n: number) => n + 1, 0, { name: 'counts' }),
      ),
    )
    const upcast = {
      1: (count: number) => ({ n: count }),
      2: ({ n }: { n: number }) => ({ count: n, unit: 'rows' }),
    }
    const job = start(t, dir, { ...life, restore: 'latest' }, counting({ stateVersion: 3, upcast }))
    const { results, error } = await ended(job)
    t.equal(error, null)
    const last = new Map(results as [number, Counted][])
    t.same(
      [...last].sort(([a], [b]) => a - b),
      EACH.map((count, key) => [key, { count, unit: 'rows' }]),
    )
  }
})

t.test('what is upcast once is not upcast again', async (t) => {
  const dir = directoryOf(t, 'versions')
  await stopHalfWay(
    start(
      t,
      dir,
      {},
      scan((n: number) => n + 1, 0, { name: 'counts' }),
    ),
  )
  const second = counting({
    stateVersion: 2,
    upcast: { 1: (count: number) => ({ count, unit: 'rows' }) },
  })
  const job = start(t, dir, { restore: 'latest' }, second)
  await job.stop().catch(() => {})
  await ended(job)
  const { error } = await ended(start(t, dir, { restore: 'latest' }, second))
  t.equal(error, null)
})

t.test(
  'values, elements and entries of a process function are upcast by the names of their states',
  async (t) => {
    const dir = directoryOf(t, 'versions')
    const seen: string[] = []
    const operator = (options: object) =>
      process(
        {
          state: {
            last: valueState<number>(),
            all: listState<number>(),
            by: mapState<string, number>(),
          },
          onRecord(n: number, { state }) {
            state.last.set(n)
            state.all.append(n)
            state.by.set(String(n % 3), n)
          },
        },
        { name: 'all', ...options },
      )
    await stopHalfWay(start(t, dir, {}, operator({})))
    const upcast = {
      1: (value: number, state: string) => {
        seen.push(state)
        return `${value}`
      },
    }
    const { error } = await ended(
      start(t, dir, { restore: 'latest' }, operator({ stateVersion: 2, upcast })),
    )
    t.equal(error, null)
    t.same([...new Set(seen)].sort(), ['all', 'by', 'last'])
  },
)

t.test('a version that cannot be read is refused before anything runs', async (t) => {
  const dir = directoryOf(t, 'versions')
  await stopHalfWay(start(t, dir, {}, counting({ stateVersion: 2 })))
  const refused = async (options: object, message: RegExp) => {
    const { error, results } = await ended(start(t, dir, { restore: 'latest' }, counting(options)))
    t.match(error, { code: 'E_STATE_VERSION', message })
    t.same(results, [])
  }
  await refused({}, /counts in version 2, the pipeline has version 1: .*raise stateVersion to 2/)
  await refused(
    { stateVersion: 4, upcast: { 3: (x: unknown) => x } },
    /counts in version 2, the pipeline has version 4: give it upcast: \{ 2: \(old\) => … \}/,
  )
  t.throws(() => counting({ stateVersion: 2, upcast: { 2: () => 1 } }), { code: 'E_BAD_ARGUMENT' })
  t.throws(() => counting({ upcast: { 1: () => 1 } }), { code: 'E_BAD_ARGUMENT' })
})

t.test('an upcast that throws is named, and the snapshot is as it was', async (t) => {
  const dir = directoryOf(t, 'versions')
  await stopHalfWay(
    start(
      t,
      dir,
      {},
      scan((n: number) => n + 1, 0, { name: 'counts' }),
    ),
  )
  const broken = {
    1: () => {
      throw new Error('no such field')
    },
  }
  const { error } = await ended(
    start(t, dir, { restore: 'latest' }, counting({ stateVersion: 2, upcast: broken })),
  )
  t.match(error, {
    code: 'E_UPCAST',
    message: /counts: upcast 1 → 2 of state "\w+" threw: no such field/,
  })
  const { error: none } = await ended(
    start(
      t,
      dir,
      { restore: 'latest' },
      scan((n: number) => n + 1, 0, { name: 'counts' }),
    ),
  )
  t.equal(none, null)
})
