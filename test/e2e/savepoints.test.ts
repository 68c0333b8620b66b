/** Savepoints, stops and restores of a whole job: what of its output is there, and that it is there once. */
import { cpSync, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Job, type JobEvent, run } from '../../actors/index.js'
import { generate, results } from '../../lib/connectors/index.js'
import { pipeline } from '../../lib/index.js'
import { directoryOf, hasRead, type LocalLife, runAccounting } from './accounting.js'
import { judgeOutput } from './judge.js'
import { ended, ending, first } from './support.js'

t.setTimeout(400_000)

const ROWS = 20_000
/** Long enough for a test to do something in between. */
const SLOW = 5_000
const FAST = 1_000_000

type Life = Partial<LocalLife>

const start = (t: Test, dir: string, life: Life = {}): Job =>
  runAccounting(t, dir, { rows: ROWS, perSecond: SLOW, ...life })

const directory = (t: Test) => directoryOf(t, 'savepoints')

const parts = (dir: string, pattern: RegExp): readonly string[] =>
  existsSync(join(dir, 'out/parts'))
    ? readdirSync(join(dir, 'out/parts')).filter((name) => pattern.test(name))
    : []

const committed = (dir: string) => parts(dir, /^[^.]/)

async function finishes(t: Test, dir: string, life: Life): Promise<void> {
  const { error, summary } = await ended(start(t, dir, { perSecond: FAST, ...life }))
  t.equal(error, null)
  t.match(summary, { state: 'Finished' })
  t.equal(await judgeOutput(dir, ROWS), null)
}

t.test(
  'a savepoint commits nothing; the checkpoint behind it does, and the job goes on',
  async (t) => {
    const dir = directory(t)
    const job = start(t, dir)
    const completed: unknown[] = []
    job.events$.subscribe((event) => {
      if (event.kind !== 'SnapshotCompleted') return
      completed.push([event.round, event.savepoint, committed(dir), parts(dir, /^\./).length > 0])
    })
    await hasRead(job, 500)
    const taken = await job.savepoint(join(dir, 'savepoint'))
    t.match(taken, { round: 1, directory: join(dir, 'savepoint') })
    t.not(
      committed(dir).length,
      0,
      'what it prepared is told with it, and no restart clears it away',
    )
    t.match(completed[0], [1, true, [], true], 'it has prepared, and committed nothing')
    t.match(completed[1], [2, false])
    await hasRead(job, 1500)
    t.equal(job.state, 'Running')
    t.match(await job.stop(), { round: 3, directory: join(dir, 'state') })
    await finishes(t, dir, { restore: 'latest' })
  },
)

t.test('a savepoint is complete in itself, wherever it is copied to', async (t) => {
  const dir = directory(t)
  // Incremental checkpoints before it: it needs none of their chunks.
  const job = start(t, dir, { checkpoint: { interval: '30ms' } })
  await hasRead(job, 1000)
  const stopped = await job.stop(join(dir, 'savepoint'))
  t.ok(stopped.round > 1)
  await job.done
  cpSync(join(dir, 'savepoint'), join(dir, 'copy'), { recursive: true })
  for (const gone of ['savepoint', 'state']) rmSync(join(dir, gone), { recursive: true })
  await finishes(t, dir, { restore: join(dir, 'copy') })
})

t.test('what follows a restored savepoint needs it no more', async (t) => {
  const dir = directory(t)
  const job = start(t, dir)
  await hasRead(job, 500)
  await job.stop(join(dir, 'savepoint'))
  const next = start(t, dir, { restore: join(dir, 'savepoint'), state: 'next' })
  await hasRead(next, 500)
  await next.stop()
  rmSync(join(dir, 'savepoint'), { recursive: true })
  await finishes(t, dir, { restore: 'latest', state: 'next' })
})

t.test('a savepoint behind which the job went on is no second life of it', async (t) => {
  const dir = directory(t)
  const job = start(t, dir)
  await hasRead(job, 500)
  await job.savepoint(join(dir, 'savepoint'))
  const fork = { restore: join(dir, 'savepoint'), state: 'fork' } as const
  const beside = await ended(start(t, dir, fork))
  t.match(beside.error, { code: 'E_ORIGINAL_RUNS', message: /still runs.*Stop it first/ })
  await job.cancel()
  const undecided = await ended(start(t, dir, { ...fork, state: 'undecided' }))
  t.match(undecided.error, { code: 'E_TRANSACTIONS_UNDECIDED', message: /--transactions commit/ })
  // What the job wrote behind the savepoint comes again: the fork is a job of its own.
  const { error } = await ended(
    start(t, dir, { ...fork, perSecond: FAST, state: 'committed', transactions: 'commit' }),
  )
  t.equal(error, null)
})

/** A job that takes a savepoint and is gone before the checkpoint behind it; what that had prepared. */
async function diesBehindSavepoint(t: Test, dir: string): Promise<readonly string[]> {
  const [shown, then] = [join(dir, 'out/parts'), join(dir, 'then')]
  const job = start(t, dir)
  job.events$.subscribe((event) => {
    if (event.kind === 'SnapshotCompleted' && event.savepoint) {
      cpSync(shown, then, { recursive: true })
    }
  })
  await hasRead(job, 500)
  await job.savepoint(join(dir, 'savepoint'))
  await job.cancel()
  rmSync(shown, { recursive: true })
  cpSync(then, shown, { recursive: true })
  return parts(dir, /\.pending$/).map((name) => name.slice(1, -'.pending'.length))
}

t.test('output that a savepoint had prepared is committed where that is said', async (t) => {
  const dir = directory(t)
  const prepared = await diesBehindSavepoint(t, dir)
  t.not(prepared.length, 0)
  t.same(committed(dir), [])
  await finishes(t, dir, {
    restore: join(dir, 'savepoint'),
    state: 'fork',
    transactions: 'commit',
  })
  t.ok(prepared.every((name) => committed(dir).includes(name)))
})

t.test('output that a savepoint had prepared is left alone where it is discarded', async (t) => {
  const dir = directory(t)
  const prepared = await diesBehindSavepoint(t, dir)
  t.not(prepared.length, 0)
  const fork = { restore: join(dir, 'savepoint'), state: 'fork', transactions: 'discard' } as const
  const { error } = await ended(start(t, dir, { ...fork, perSecond: FAST }))
  t.equal(error, null)
  t.same(
    prepared.filter((name) => committed(dir).includes(name)),
    [],
    'it does not appear',
  )
  t.match(await judgeOutput(dir, ROWS), /part files: /, 'so it is missing, as was said')
})

t.test(
  'a savepoint that is claimed is deleted behind the first checkpoint, others never',
  async (t) => {
    const dir = directory(t)
    const job = start(t, dir)
    await hasRead(job, 500)
    await job.stop(join(dir, 'savepoint'))
    const next = start(t, dir, { restore: join(dir, 'savepoint'), state: 'next', claim: true })
    await hasRead(next, 500)
    t.ok(existsSync(join(dir, 'savepoint')), 'there is no checkpoint yet')
    await next.stop()
    t.notOk(existsSync(join(dir, 'savepoint')))
    await finishes(t, dir, { restore: 'latest', state: 'next' })
  },
)

t.test('a stopped job goes on exactly where it was', async (t) => {
  const dir = directory(t)
  const job = start(t, dir)
  await hasRead(job, 500)
  await job.stop()
  t.match(await job.done, { state: 'Stopped', partial: true })
  await finishes(t, dir, { restore: 'latest' })
})

t.test('of two stops at once one is refused, and the job goes on from the other', async (t) => {
  for (const directories of [
    ['savepoint', null],
    [null, null],
    [null, 'savepoint'],
  ]) {
    const dir = directory(t)
    const job = start(t, dir)
    await hasRead(job, 500)
    const [stopped, refused] = directories.map((name) =>
      name === null ? job.stop() : job.stop(join(dir, name)),
    )
    await t.rejects(refused!, { code: 'E_JOB_STOPPING' })
    const { directory: restore } = await stopped!
    await finishes(t, dir, { restore: directories[0] === null ? 'latest' : restore })
  }
})

/** State of each life: in the heap, in LevelDB, or one after the other. */
const BACKENDS = [
  ['heap', 'heap', 'heap'],
  ['level', 'level', 'level'],
  ['heap', 'level', 'heap'],
] as const

for (const [first, second, third] of BACKENDS) {
  const law = 'rescaled from 1 to 3 to 2 through savepoints, the result is the same'
  t.test(`${law}: ${first}, ${second}, ${third}`, async (t) => {
    const dir = directory(t)
    let restore: string | undefined
    for (const [parallelism, backend] of [
      [1, first],
      [3, second],
    ] as const) {
      const life = { parallelism, backend, state: `state-${parallelism}` }
      const job = start(t, dir, { ...life, ...(restore !== undefined && { restore }) })
      await hasRead(job, 1000)
      restore = join(dir, `savepoint-${parallelism}`)
      await job.stop(restore)
    }
    await finishes(t, dir, { parallelism: 2, backend: third, state: 'state-2', restore: restore! })
  })
}

t.test('an empty directory is begun at the beginning, a used one only when told how', async (t) => {
  const dir = directory(t)
  await finishes(t, dir, { restore: 'latest' })
  const { error } = await ended(start(t, dir))
  t.match(error, { code: 'E_SNAPSHOTS_THERE', message: /--restore latest/ })
  t.equal(await judgeOutput(dir, ROWS), null, 'the output is as it was')
})

t.test('restored, a job that has finished ends at once, with no output', async (t) => {
  const dir = directory(t)
  await finishes(t, dir, {})
  const before = committed(dir)
  const { summary } = await ended(start(t, dir, { restore: 'latest' }))
  t.match(summary, { state: 'Finished', recordsIn: 0, recordsOut: 0 })
  t.same(committed(dir), before)
  t.equal(await judgeOutput(dir, ROWS), null)
})

t.test('state of an operator that is no more is refused with a report, or dropped', async (t) => {
  const dir = directory(t)
  const job = start(t, dir)
  await hasRead(job, 500)
  await job.stop()
  const renamed = { restore: 'latest', name: 'tallies' } as const
  const { error } = await ended(start(t, dir, renamed))
  t.match(error, { code: 'E_RESTORE_DROPS', message: /does not have: counts\. Kept: .*parts/ })
  t.match(error?.message, /new, without state: .*tallies/)
  const allowed = start(t, dir, { ...renamed, allowDroppedState: true, perSecond: FAST })
  const told: JobEvent[] = []
  allowed.events$.subscribe((event) => told.push(event))
  t.match((await ended(allowed)).summary, { state: 'Finished' })
  t.not(await judgeOutput(dir, ROWS), null, 'the counts have begun anew')
  t.match(
    told.filter(({ kind }) => kind === 'Restored'),
    [{ round: 1, savepoint: false, dropped: ['counts'] }],
    'it says what it has dropped',
  )
})

t.test('what cannot be restored is told', async (t) => {
  const dir = directory(t)
  const job = start(t, dir)
  await hasRead(job, 500)
  await job.stop()
  const cases = [
    [{ restore: 7 }, /has no snapshot 7; it has 1/],
    [{ restore: join(dir, 'nowhere') }, /no snapshots? in .*nowhere/],
    [{ restore: join(dir, 'out') }, /no snapshot.* in .*out/],
  ] as const
  for (const [life, message] of cases) {
    const { error } = await ended(start(t, dir, life))
    t.match(error, { code: 'E_NO_SNAPSHOT', message })
  }
  const own = await ended(start(t, dir, { restore: `${join(dir, 'state')}/` }))
  t.match(own.error, { code: 'E_BAD_ARGUMENT', message: /its own checkpoints.*--restore latest/ })
  await finishes(t, dir, { restore: 1 })
})

t.test('with another number of key groups each key finds its new one', async (t) => {
  const dir = directory(t)
  const job = start(t, dir, { parallelism: 2, keyGroups: 128 })
  await hasRead(job, 500)
  await job.stop()
  const next = start(t, dir, { restore: 'latest', parallelism: 2, keyGroups: 40 })
  await hasRead(next, 1000)
  await next.stop()
  await finishes(t, dir, { restore: 'latest', parallelism: 3, keyGroups: 300 })
})

t.test('a savepoint that cannot be taken says why, and the job goes on', async (t) => {
  const dir = directory(t)
  writeFileSync(join(dir, 'file'), '')
  const job = start(t, dir)
  await hasRead(job, 500)
  await t.rejects(job.savepoint(join(dir, 'file')), { message: /name a directory/ })
  await t.rejects(job.stop(join(dir, 'file')), { message: /name a directory/ })
  await job.savepoint(join(dir, 'savepoint'))
  const [first, second] = await Promise.all([
    job.savepoint(join(dir, 'first')),
    job.savepoint(join(dir, 'second')),
  ])
  t.not(first.round, second.round, 'two at a time come one after the other')
  await job.stop(join(dir, 'savepoint'))
  await t.rejects(job.savepoint(join(dir, 'late')), { code: 'E_JOB_NOT_RUNNING' })
  await finishes(t, dir, { restore: join(dir, 'savepoint'), state: 'next' })
})

t.test('without checkpoints there is no savepoint, and no stop', async (t) => {
  const job = ending(
    t,
    run(
      pipeline('plain', (flow) =>
        flow.from(generate(1e6, (n) => n, { perSecond: 100 })).to(results()),
      ),
    ),
  )
  await first(job.events$, ({ kind }) => kind === 'StateChanged')
  await t.rejects(job.savepoint(join(directory(t), 'savepoint')), { code: 'E_NO_CHECKPOINTS' })
  await t.rejects(job.stop(), { code: 'E_NO_CHECKPOINTS' })
  t.equal(job.state, 'Running')
})
