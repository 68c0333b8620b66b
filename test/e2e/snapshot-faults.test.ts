/** Snapshots that cannot be taken: full disks, sinks that hang, state that cannot be stored. The job goes on. */
import { cpSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type Job, run } from '../../actors/index.js'
import { generate, type Sink, type TransactionalWriter } from '../../lib/connectors/index.js'
import { keyBy, pipeline, scan } from '../../lib/index.js'
import { mount, skip } from '../support/mount.js'
import { directoryOf, runAccounting } from './accounting.js'
import { judgeOutput } from './judge.js'
import { ended, ending, first } from './support.js'

t.setTimeout(400_000)

const ROWS = 100_000

const abandoned = (job: Job) => first(job.events$, ({ kind }) => kind === 'SnapshotAbandoned')
const completed = (job: Job) => first(job.events$, ({ kind }) => kind === 'SnapshotCompleted')

/** Takes all the room that is left. */
function fillUp(file: string): void {
  for (const bytes of [1 << 16, 1 << 12]) {
    try {
      for (;;) writeFileSync(file, new Uint8Array(bytes), { flag: 'a' })
    } catch {
      // A smaller piece may still fit.
    }
  }
}

t.test(
  'on a full disk no checkpoint is taken, and the next one is as soon as there is room',
  async (t) => {
    const dir = directoryOf(t, 'full')
    const disk = join(dir, 'disk')
    mkdirSync(disk)
    if (!mount(t, disk, '-t', 'tmpfs', '-o', 'size=2m', 'tmpfs')) {
      return skip(t, 'a tmpfs cannot be mounted')
    }
    const life = { rows: ROWS, state: join(disk, 'state') }
    const checkpoint = { interval: 20, tolerableFailures: Number.POSITIVE_INFINITY }
    const job = runAccounting(t, dir, { ...life, perSecond: 5_000, checkpoint })
    await completed(job)
    const ballast = join(disk, 'ballast')
    fillUp(ballast)
    for (let i = 0; i < 3; i++) {
      t.match(await abandoned(job), { reason: /No space left on device|bytes are needed/ })
    }
    t.equal(job.state, 'Running')
    rmSync(ballast)
    await completed(job)
    await job.stop()
    const { summary, error } = await ended(
      runAccounting(t, dir, { ...life, perSecond: 1e6, restore: 'latest' }),
    )
    t.equal(error, null)
    t.match(summary, { state: 'Finished' })
    t.equal(await judgeOutput(dir, ROWS), null)
  },
)

t.test('a job whose checkpoints fail too often fails, and says why', async (t) => {
  const dir = directoryOf(t, 'limit')
  const disk = join(dir, 'disk')
  mkdirSync(disk)
  if (!mount(t, disk, '-t', 'tmpfs', '-o', 'size=2m', 'tmpfs')) {
    return skip(t, 'a tmpfs cannot be mounted')
  }
  const checkpoint = { interval: 20, tolerableFailures: 2 }
  const life = { rows: ROWS, perSecond: 5_000, state: join(disk, 'state'), checkpoint }
  const job = runAccounting(t, dir, life)
  await completed(job)
  const outcome = ended(job)
  fillUp(join(disk, 'ballast'))
  const { error } = await outcome
  t.match(error, {
    code: 'E_CHECKPOINTS_FAILED',
    message: /No space left on device|bytes are needed/,
  })
})

t.test('a directory that cannot be written to is told before anything runs', async (t) => {
  const dir = directoryOf(t, 'refused')
  writeFileSync(join(dir, 'file'), '')
  const refused = async (state: string, message: RegExp) => {
    const { error } = await ended(runAccounting(t, dir, { rows: 10, perSecond: 10, state }))
    t.match(error, { code: 'E_STORE', message })
  }
  await refused(join(dir, 'file'), /name a directory/)
  await refused(join(dir, 'file/below'), /name a directory/)
  const disk = join(dir, 'disk')
  mkdirSync(disk)
  if (!mount(t, disk, '-t', 'tmpfs', '-o', 'size=2m,ro', 'tmpfs')) {
    return skip(t, 'a read-only tmpfs cannot be mounted')
  }
  await refused(join(disk, 'state'), /must allow writing/)
  await refused(disk, /must allow writing/)
})

for (const [what, change] of [
  ['deleted', (state: string) => rmSync(state, { recursive: true })],
  ['moved away', (state: string) => renameSync(state, `${state}-moved`)],
  [
    'replaced',
    (state: string) => {
      renameSync(state, `${state}-moved`)
      cpSync(`${state}-moved`, state, { recursive: true })
    },
  ],
] as const) {
  t.test(`a directory that is ${what} under way ends the job at once, and is named`, async (t) => {
    const dir = directoryOf(t, 'gone')
    const checkpoint = { interval: 20, tolerableFailures: Number.POSITIVE_INFINITY }
    const job = runAccounting(t, dir, { rows: ROWS, perSecond: 5_000, checkpoint })
    const rounds: string[] = []
    job.events$.subscribe(({ kind }) => {
      if (kind === 'SnapshotAbandoned') rounds.push(kind)
    })
    await completed(job)
    const outcome = ended(job)
    change(join(dir, 'state'))
    t.match((await outcome).error, {
      code: 'E_CHECKPOINTS_FAILED',
      message:
        /no snapshot can be stored any more.*snapshot store .*state.*put .*--restore latest/s,
    })
    // One may be gathering while another is committed.
    t.ok(rounds.length <= 2, `${rounds.length} rounds were tried`)
  })
}

t.test('a savepoint that cannot be stored is refused, and the job goes on', async (t) => {
  const dir = directoryOf(t, 'savepoint')
  const checkpoint = { interval: 20, tolerableFailures: Number.POSITIVE_INFINITY }
  const job = runAccounting(t, dir, { rows: ROWS, perSecond: 5_000, checkpoint })
  await completed(job)
  writeFileSync(join(dir, 'file'), '')
  await t.rejects(job.savepoint(join(dir, 'file')), { message: /file.*name a directory/ })
  await completed(job)
  t.equal(job.state, 'Running')
})

/** Rows seen, and committed; its first `prepare`s hang for as long as the test wants. */
function hangingSink(hangs: number): Sink<unknown> & { readonly shown: unknown[] } {
  const shown: unknown[] = []
  let left = hangs
  const open = (): TransactionalWriter<unknown> => {
    let open: unknown[] = []
    return {
      write(records) {
        open.push(...records)
        return true
      },
      flush() {},
      async finish() {},
      abort() {},
      prepare() {
        const prepared = [JSON.stringify(open)]
        open = []
        if (left-- <= 0) return Promise.resolve(prepared)
        return new Promise((resolve) => setTimeout(() => resolve(prepared), 150).unref())
      },
      async commit(transactions) {
        for (const text of transactions) shown.push(...JSON.parse(String(text)))
      },
      async discard() {},
      async recover() {},
    }
  }
  return {
    kind: 'hanging',
    label: 'hanging',
    guarantee: 'exactly-once',
    parallelism: 1,
    settings: {},
    functions: [],
    shown,
    open,
  }
}

t.test(
  'a round whose sink hangs is given up in time; what it prepared comes with the next',
  async (t) => {
    const sink = hangingSink(1)
    const hanging = pipeline('hanging', (flow) =>
      flow.from(generate(2_000, (n) => n, { perSecond: 2_000 })).to(sink),
    )
    const directory = join(directoryOf(t, 'hanging'), 'state')
    const checkpoint = { directory, interval: 20, timeout: 60 }
    const job = ending(t, run(hanging, { checkpoint }))
    t.match(await abandoned(job), { reason: /had not acknowledged it: / })
    t.match(await completed(job), { kind: 'SnapshotCompleted' })
    const { summary } = await ended(job)
    t.match(summary, { state: 'Finished', restarts: 0 })
    t.same(
      sink.shown,
      Array.from({ length: 2_000 }, (_, n) => n),
    )
  },
)

class Purse {
  constructor(readonly coins: number) {}
}

t.test('state that no snapshot can hold is named, with its operator', async (t) => {
  const unstorable = [
    ['a class instance', () => new Purse(1)],
    ['a function', () => ({ pay: () => 1 })],
  ] as const
  for (const [what, make] of unstorable) {
    const purses = pipeline('purses', (flow) =>
      flow
        .from(generate(100_000, (n) => n, { perSecond: 2_000 }))
        .pipe(
          keyBy((n) => n % 3),
          scan(() => make() as unknown, null as unknown, { name: 'purses' }),
        )
        .to(hangingSink(0)),
    )
    const directory = join(directoryOf(t, 'purses'), 'state')
    const checkpoint = { directory, interval: 20, tolerableFailures: 1 }
    const job = ending(t, run(purses, { checkpoint }))
    const outcome = ended(job)
    t.match(
      await abandoned(job),
      { reason: /operator purses keeps in its state ".+" what no/ },
      what,
    )
    t.match((await outcome).error, { message: /operator purses keeps in its state/ }, what)
  }
})

t.test('at least once loses nothing, however often it fails', async (t) => {
  const rows = 5_000
  const shown = new Set<unknown>()
  let repeated = 0
  let failures = 3
  const sink = hangingSink(0)
  const source = generate(rows, (n) => n, { perSecond: 10_000, splits: 4 })
  const failing = pipeline('failing', (flow) =>
    flow
      .from(source)
      .pipe(
        keyBy((n) => n % 7),
        scan((count: number, n: number) => {
          if (failures > 0 && n > 0 && n % 499 === 0) {
            failures--
            throw new Error('a fault on purpose')
          }
          return count + 1
        }, 0),
      )
      .to(sink),
  )
  const directory = join(directoryOf(t, 'at-least-once'), 'state')
  const job = ending(
    t,
    run(failing, {
      parallelism: 3,
      supervise: { maxRestarts: 10 },
      checkpoint: { directory, interval: 10, mode: 'at-least-once' },
    }),
  )
  const { summary } = await ended(job)
  t.match(summary, { state: 'Finished', restarts: 3, guarantee: 'at-least-once' })
  for (const row of sink.shown) {
    const text = JSON.stringify(row)
    if (shown.has(text)) repeated++
    shown.add(text)
  }
  t.comment(`${repeated} rows came again`)
  for (let key = 0; key < 7; key++) {
    const counts = Math.floor((rows - 1 - key) / 7) + 1
    for (let count = 1; count <= counts; count++) {
      if (!shown.has(JSON.stringify([key, count]))) t.fail(`key ${key}: ${count} is missing`)
    }
  }
})
