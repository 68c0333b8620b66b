/** Output that was prepared for a snapshot which never came: nobody commits it, so it is not left behind. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { run } from '../../actors/index.js'
import {
  generate,
  partFiles,
  type Sink,
  type TransactionalWriter,
} from '../../lib/connectors/index.js'
import { map, pipeline } from '../../lib/index.js'
import { until } from '../support/source-harness.js'
import { directoryOf } from './accounting.js'
import { ended, ending } from './support.js'

t.setTimeout(400_000)

const ROWS = 100_000
const filesIn = (dir: string) => (existsSync(join(dir, 'out')) ? readdirSync(join(dir, 'out')) : [])
const isShown = (name: string) => !name.startsWith('.')
const pendingIn = (dir: string) => filesIn(dir).filter((name) => name.endsWith('.pending'))

/** A part is committed, with all that belongs to that, and another one is prepared. */
const isBetween = (dir: string) => {
  const pending = pendingIn(dir)
  const shown = filesIn(dir).filter(isShown)
  const isCommitting = shown.some((name) => pending.includes(`.${name}.pending`))
  return shown.length > 0 && pending.length > 0 && !isCommitting
}

interface Life {
  readonly rows?: number
  /** Rounds with records that its second sink lets through. */
  readonly rounds?: number
  /** Records fail once this is true. */
  readonly fails?: () => boolean
  readonly maxRestarts?: number
}

/** A sink prepares part files for rounds that another one refuses. */
function start(t: Test, dir: string, life: Life) {
  const { rows = ROWS, rounds = 0, fails = () => false, maxRestarts = 0 } = life
  const stuck = pipeline('stuck', (flow) => {
    const numbers = flow.from(generate(rows, (n) => n, { perSecond: 2_000 }))
    const texts = numbers.pipe(
      map((n) => {
        if (fails()) throw new Error('on purpose')
        return String(n)
      }),
    )
    texts.to(partFiles(join(dir, 'out'), { format: 'lines' }))
    texts.to(refusing(rounds))
  })
  const checkpoint = checkpointIn(join(dir, 'state'))
  const supervise = { maxRestarts, restart: { firstMs: 1, maxMs: 1 } }
  return ending(t, run(stuck, { checkpoint, supervise, parallelism: 1 }))
}

const checkpointIn = (directory: string) => {
  return { directory, interval: 20, tolerableFailures: Number.POSITIVE_INFINITY }
}

function refusing(rounds: number): Sink<unknown> {
  let left = rounds
  let isEmpty = true
  const isWanted = () => (isEmpty ? rounds > 0 : left-- > 0)
  const open = (): TransactionalWriter<unknown> => ({
    write() {
      isEmpty = false
      return true
    },
    flush() {},
    async finish() {},
    abort() {},
    prepare: async () => {
      if (!isWanted()) throw new Error('refused')
      return []
    },
    async commit() {},
    async discard() {},
    async recover() {},
  })
  return {
    kind: 'refusing',
    label: 'refusing',
    guarantee: 'exactly-once',
    parallelism: 1,
    settings: {},
    functions: [],
    open,
  }
}

t.test('a job that is cancelled before its first checkpoint leaves nothing prepared', async (t) => {
  const dir = directoryOf(t, 'cancelled')
  const job = start(t, dir, {})
  await until('a part is pending', () => pendingIn(dir).length > 0)
  await job.cancel()
  await ended(job)
  t.same(filesIn(dir), [])
})

t.test('a job that fails before its first checkpoint leaves nothing prepared', async (t) => {
  const dir = directoryOf(t, 'failed')
  const job = start(t, dir, { fails: () => pendingIn(dir).length > 0 })
  t.match((await ended(job)).error, { message: /on purpose/ })
  t.same(filesIn(dir), [])
})

t.test('a restart from the beginning clears away what was prepared before', async (t) => {
  const dir = directoryOf(t, 'restarted')
  let failures = 1
  const fails = () => pendingIn(dir).length > 0 && failures-- > 0
  const job = start(t, dir, { fails, maxRestarts: 5 })
  // The attempt is the last number of a name.
  const isOf = (attempt: number) => (name: string) => name.endsWith(`-${attempt}.txt.pending`)
  await until('the second attempt has prepared', () => pendingIn(dir).some(isOf(2)))
  t.notOk(pendingIn(dir).some(isOf(1)), 'nothing is left of the first')
  t.equal(job.state, 'Running')
})

t.test('what a snapshot may name is left where it is', async (t) => {
  const dir = directoryOf(t, 'stored')
  const job = start(t, dir, { rounds: 1 })
  await until('a part is committed, and another one pending', () => isBetween(dir))
  await job.cancel()
  await ended(job)
  t.not(pendingIn(dir).length, 0, 'the restart from that snapshot decides')
})

t.test('a job that finishes leaves nothing of what a former attempt prepared late', async (t) => {
  const dir = directoryOf(t, 'late')
  let failures = 1
  const fails = () => filesIn(dir).some(isShown) && failures-- > 0
  const job = start(t, dir, {
    rows: 3_000,
    rounds: Number.POSITIVE_INFINITY,
    fails,
    maxRestarts: 5,
  })
  const attempt = /-(\d+)\.txt$/
  const isOfSecond = (name: string) => isShown(name) && attempt.exec(name)?.[1] === '2'
  await until('the second attempt has written', () => filesIn(dir).some(isOfSecond))
  // As by a host that was paused while its work went on elsewhere.
  const late = filesIn(dir).find(isOfSecond)!.replace(attempt, '-1.txt')
  writeFileSync(join(dir, 'out', `.${late}.pending`), 'late')
  t.match(await ended(job), { error: null })
  t.same(
    filesIn(dir).filter((name) => !isShown(name)),
    [],
  )
})

t.test('a job that nothing disturbed clears nothing, also with several regions', async (t) => {
  const dir = directoryOf(t, 'undisturbed')
  let cleared = 0
  const watched = (): Sink<number> => {
    const sink = partFiles<number>(join(dir, 'out'))
    const clearRun = async () => {
      cleared += 1
    }
    return { ...sink, clearRun }
  }
  const two = pipeline('two', (flow) => {
    flow.from(generate(10, (n) => n)).to(watched(), { name: 'one' })
    flow.from(generate(10, (n) => n)).to(watched(), { name: 'other' })
  })
  const checkpoint = checkpointIn(join(dir, 'state'))
  t.match(await ended(run(two, { checkpoint, parallelism: 1 })), { error: null })
  t.equal(cleared, 0)
})

t.test("output of other runs is nobody's to clear away", async (t) => {
  const dir = directoryOf(t, 'others')
  const first = start(t, dir, { rounds: 1 })
  await until('a part is committed, and another one pending', () => isBetween(dir))
  await first.cancel()
  await ended(first)
  const theirs = filesIn(dir)
  const theirPending = pendingIn(dir).length
  const second = pipeline('stuck', (flow) => {
    const numbers = flow.from(generate(ROWS, (n) => n, { perSecond: 2_000 }))
    numbers.to(partFiles(join(dir, 'out')))
    numbers.to(refusing(0))
  })
  const checkpoint = checkpointIn(join(dir, 'another state'))
  const job = ending(t, run(second, { checkpoint, parallelism: 1 }))
  await until('it has prepared', () => pendingIn(dir).length > theirPending)
  await job.cancel()
  await ended(job)
  t.same(filesIn(dir), theirs)
})
