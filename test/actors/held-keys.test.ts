/** Jobs that go on with calls in flight, otherwise than they were begun: at another parallelism, or another pipeline. */
import t, { type Test } from 'tap'
import { type Job, type RunOptions, run } from '../../actors/index.js'
import { generate, toObservable } from '../../lib/connectors/index.js'
import {
  distinct,
  type Flow,
  keyBy,
  mergeMap,
  type Pipeline,
  pipeline,
  scan,
} from '../../lib/index.js'

t.setTimeout(120_000)

const ROWS = 3_000
/** Of two subtasks each has two of them, of three each has one at least. */
const KEYS = [5, 0, 3, 1]
const keyed = keyBy((n: number) => KEYS[n % KEYS.length]!)

/** In a first life no call returns. */
const call =
  (returns: boolean) =>
  (n: number): Promise<number> =>
    returns ? Promise.resolve(n) : new Promise(() => {})

const BESIDE = { name: 'calls', concurrency: 64 }

const source = () => generate(ROWS, (n) => n, { splits: 3 })

/** Behind an exchange by key. */
const apart = (flow: Flow, returns: boolean) =>
  flow.from(source()).pipe(
    keyed,
    distinct((n) => n, { name: 'once' }),
    mergeMap(call(returns), BESIDE),
  )

const counting = (returns: boolean, maxParallelism = 128) =>
  pipeline(
    'counting',
    (flow) => {
      apart(flow, returns)
        .pipe(scan((seen) => seen + 1, 0, { name: 'count' }))
        .to(toObservable())
    },
    { maxParallelism },
  )

const calling = (returns: boolean, isKeyed: boolean) =>
  pipeline('calling', (flow) => {
    const rows = flow.from(source())
    const called = isKeyed
      ? rows.pipe(keyed, mergeMap(call(returns), BESIDE))
      : rows.pipe(mergeMap(call(returns), BESIDE))
    called.to(toObservable())
  })

function start(t: Test, composing: Pipeline, options: RunOptions): Job {
  const checkpoint = {
    directory: `${t.testdirName}/state`,
    interval: 20,
    mode: 'unaligned',
  } as const
  return run(composing, { checkpoint, ...options })
}

/** Until calls in flight are in a snapshot. */
async function begin(t: Test, composing: Pipeline, options: RunOptions): Promise<void> {
  t.testdir({})
  const job = start(t, composing, options)
  let left = 3
  await new Promise<void>((resolve, reject) => {
    job.done.then(() => reject(new Error('it ended')), reject)
    job.events$.subscribe(({ kind }) => {
      if (kind === 'SnapshotCompleted' && --left === 0) resolve()
    })
  })
  await job.cancel()
  await job.done.catch(() => {})
}

async function goOn(t: Test, composing: Pipeline, options: RunOptions): Promise<unknown[]> {
  const job = start(t, composing, { ...options, restore: 'latest' })
  const seen: unknown[] = []
  job.results$.subscribe({ next: (result) => seen.push(result), error: () => {} })
  await job.done
  return seen
}

for (const [former, parallelism] of [
  [1, 2],
  [1, 3],
  [2, 3],
  [2, 1],
] as const) {
  t.test(`${former} to ${parallelism}: each key goes on in one state`, async (t) => {
    await begin(t, counting(false), { parallelism: former })
    const seen = await goOn(t, counting(true), { parallelism })
    t.equal(new Set(seen.map(String)).size, ROWS)
    t.equal(seen.length, ROWS)
  })
}

t.test(
  'with other key groups each key goes on in one state, with what was on its way',
  async (t) => {
    await begin(t, counting(false), { parallelism: 2 })
    // Of three groups the first subtask has two, so a key of the second one moves.
    const seen = await goOn(t, counting(true, 3), { parallelism: 2 })
    t.equal(new Set(seen.map(String)).size, ROWS)
    t.equal(seen.length, ROWS)
  },
)

t.test('without the keyBy in front of them, calls are made again all the same', async (t) => {
  await begin(t, calling(false, true), { parallelism: 2 })
  const seen = await goOn(t, calling(true, false), { parallelism: 2 })
  t.equal(new Set(seen).size, ROWS)
})

t.test('behind a keyBy that was not there, calls that have no key are refused', async (t) => {
  await begin(t, calling(false, false), { parallelism: 2 })
  await t.rejects(goOn(t, calling(true, true), { parallelism: 2 }), { code: 'E_HELD_KEYS' })
})

t.test('behind an exchange that was not there, each goes on where its key goes', async (t) => {
  await begin(t, calling(false, true), { parallelism: 2 })
  const behind = (returns: boolean) =>
    pipeline('calling', (flow) => apart(flow, returns).to(toObservable()))
  const seen = await goOn(t, behind(true), { parallelism: 2 })
  t.equal(new Set(seen).size, ROWS)
  t.equal(seen.length, ROWS)
})

/** Two subtasks of the calls: in the chain of two sources, or behind an exchange. */
const beside = (returns: boolean) =>
  pipeline('beside', (flow) => {
    flow
      .from(source())
      .pipe(
        keyed,
        mergeMap(call(returns), { ...BESIDE, parallelism: 2 }),
        scan((seen) => seen + 1, 0, { name: 'count' }),
      )
      .to(toObservable())
  })

for (const [former, parallelism] of [
  [2, 3],
  [3, 2],
  [2, 1],
] as const) {
  t.test(`${former} to ${parallelism} in front of calls in two: each goes on once`, async (t) => {
    await begin(t, beside(false), { parallelism: former })
    const seen = await goOn(t, beside(true), { parallelism })
    t.equal(new Set(seen.map(String)).size, ROWS)
    t.equal(seen.length, ROWS)
  })
}

t.test('state of another kind under the name is refused', async (t) => {
  const scanning = pipeline('calling', (flow) => {
    flow
      .from(generate(ROWS, (n) => n, { perSecond: 100 }))
      .pipe(
        keyed,
        scan((seen) => seen + 1, 0, { name: 'calls' }),
      )
      .to(toObservable())
  })
  await begin(t, scanning, { parallelism: 1 })
  await t.rejects(goOn(t, calling(true, true), { parallelism: 1 }), { code: 'E_RESTORE_KIND' })
})
