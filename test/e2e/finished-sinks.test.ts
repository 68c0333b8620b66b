/** Files of sinks that had finished in part, in lives that give them more to write or have no place for them. */
import { readdirSync, readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { type Job, run } from '../../actors/index.js'
import { keyGroupOf, subtaskOf } from '../../lib/base/key.js'
import { generate, linesFile } from '../../lib/connectors/index.js'
import { distinct, keyBy, mergeMap, pipeline } from '../../lib/index.js'
import { ended } from './support.js'

t.setTimeout(120_000)

const ROWS = 1_000
/** Of two subtasks each has two of them. */
const KEYS = [5, 0, 3, 1]
const keyOf = (n: number): number => KEYS[n % KEYS.length]!
/** In the first life. */
const FORMER = { parallelism: 2, maxParallelism: 128 }
const formerOwner = (n: number): number =>
  subtaskOf(keyGroupOf(keyOf(n), FORMER.maxParallelism), FORMER.parallelism, FORMER.maxParallelism)

const atOnce = (n: number): Promise<number> => Promise.resolve(n)

interface Life {
  readonly parallelism: number
  readonly maxParallelism?: number
  readonly call: (n: number) => Promise<number>
}

/** With `apart`, calls and sink have a parallelism of their own, and records come by split unless it is another one. */
function start(t: Test, life: Life, apart: boolean, goesOn: boolean): Job {
  const { parallelism, maxParallelism = 128, call } = life
  const calling = pipeline(
    'calling',
    (flow) => {
      const rows = flow
        .from(
          generate(ROWS, (n) => n, { splits: 2 }),
          { name: 'rows' },
        )
        .pipe(keyBy(keyOf, { name: 'key' }))
      const calls = {
        name: 'calls',
        concurrency: 64,
        ...(apart && { parallelism: FORMER.parallelism }),
      }
      const results = apart
        ? rows.pipe(mergeMap(call, calls))
        : rows.pipe(
            distinct((n) => n, { name: 'once' }),
            mergeMap(call, calls),
          )
      const own = apart ? FORMER.parallelism : parallelism
      results.to(linesFile(`${t.testdirName}/out-{subtask}.txt`, { format: String }), {
        name: 'out',
        parallelism: own,
      })
    },
    { maxParallelism },
  )
  const checkpoint = {
    directory: `${t.testdirName}/state`,
    interval: 20,
    mode: 'unaligned',
  } as const
  return run(calling, { checkpoint, parallelism, ...(goesOn && { restore: 'latest' }) })
}

/** Until `count` snapshots have been taken behind the moment at which `from` is heard; then it is gone. */
async function live(job: Job, count: number, from: (event: { kind: string }) => boolean) {
  let left = Number.POSITIVE_INFINITY
  await new Promise<void>((resolve, reject) => {
    job.done.then(() => reject(new Error('it ended')), reject)
    job.events$.subscribe((event) => {
      if (left === Number.POSITIVE_INFINITY && from(event)) left = count
      if (event.kind === 'SnapshotCompleted' && --left === 0) resolve()
    })
  })
  await job.cancel()
  await job.done.catch(() => {})
}

/** One of two subtasks has finished, the other one has calls that never return. */
async function begin(t: Test, apart = false): Promise<void> {
  t.testdir({})
  const ownerOf = apart ? (n: number) => (n < ROWS / 2 ? 0 : 1) : formerOwner
  const call = (n: number) => (ownerOf(n) === 0 ? atOnce(n) : new Promise<number>(() => {}))
  const job = start(t, { ...FORMER, call }, apart, false)
  await live(job, 3, (event) => {
    const { kind, operator = '', subtask } = event as SubtaskEvent
    return kind === 'SubtaskFinished' && operator.includes('calls') && subtask === 0
  })
}

interface SubtaskEvent {
  readonly kind: string
  readonly operator?: string
  readonly subtask?: number
}

function sorted(t: Test): readonly number[] {
  const files = readdirSync(t.testdirName).filter((name) => name.startsWith('out-'))
  const lines = files.flatMap((name) =>
    readFileSync(`${t.testdirName}/${name}`, 'utf8').split('\n').slice(0, -1),
  )
  return lines.map(Number).sort((a, b) => a - b)
}

const ALL = Array.from({ length: ROWS }, (_, n) => n)

const LIVES: Readonly<Record<string, Omit<Life, 'call'>>> = {
  'as before': FORMER,
  'one subtask': { parallelism: 1 },
  'three subtasks': { parallelism: 3 },
  'another number of key groups': { parallelism: 2, maxParallelism: 3 },
}

for (const [name, life] of Object.entries(LIVES)) {
  t.test(`a file whose subtask had finished is kept: ${name}`, async (t) => {
    await begin(t)
    t.match(await ended(start(t, { ...life, call: atOnce }, false, true)), { error: null })
    t.same(sorted(t), ALL)
  })
}

t.test('a file whose subtask had finished is kept where keys come together in front', async (t) => {
  await begin(t, true)
  const more = { parallelism: 3, call: atOnce }
  t.match(await ended(start(t, more, true, true)), { error: null })
  t.same(sorted(t), ALL)
})

t.test('a file that nobody added to for a life is gone on with in the next', async (t) => {
  t.testdir({})
  const slowly = (n: number) => new Promise<number>((resolve) => setTimeout(resolve, 50, n))
  const isCompleted = ({ kind }: { readonly kind: string }) => kind === 'SnapshotCompleted'
  await live(start(t, { ...FORMER, call: slowly }, false, false), 5, isCompleted)
  const one = { parallelism: 1, call: slowly }
  await live(start(t, one, false, true), 3, isCompleted)
  t.match(await ended(start(t, { ...FORMER, call: atOnce }, false, true)), { error: null })
  t.same(sorted(t), ALL)
})
