/** The threads of a job are there before its plan, and none of them outlives it, whatever becomes of it. */
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { run } from '../../actors/job/run.js'
import type { RunModuleOptions } from '../../actors/job/run-module.js'

process.env.MILLRACE_CACHE_DIR = t.testdir()

const JOB = `
import { pipeline } from 'millrace'
import { blackhole, fromArray } from 'millrace/connectors'
export default pipeline('three', (flow) => flow.from(fromArray([1, 2, 3])).to(blackhole()))
`

function threadsSince(t: Test): readonly Worker[] {
  const threads: Worker[] = []
  const note = (worker: Worker) => threads.push(worker)
  process.on('worker', note)
  t.teardown(() => process.off('worker', note))
  return threads
}

/** A job of this module, and the threads that are started from then on. */
function started(t: Test, text: string, options: RunModuleOptions = {}) {
  const threads = threadsSince(t)
  const path = join(t.testdir({ 'job.ts': text }), text === '' ? 'missing.ts' : 'job.ts')
  return { threads, job: run(path, options) }
}

/** Fails the test by its time limit where one does not end. */
async function allEnd(t: Test, threads: readonly Worker[]): Promise<void> {
  const running = threads.filter(({ threadId }) => threadId !== -1)
  for (const thread of running) thread.ref()
  await Promise.all(running.map((thread) => once(thread, 'exit')))
  t.same(
    threads.map(({ threadId }) => threadId),
    threads.map(() => -1),
  )
}

t.test('one that plans and one for each slot, before the module is bundled', async (t) => {
  const { threads, job } = started(t, JOB, { slots: 2 })
  await nextTurn()
  const ahead = 1 + Math.min(2, availableParallelism())
  t.equal(threads.length, ahead)
  t.match(await job.done, { state: 'Finished', recordsIn: 3 })
  t.equal(threads.length, 3, 'those that were there are taken')
  await allEnd(t, threads)
})

t.test('no more slots than cores', async (t) => {
  const cores = availableParallelism()
  const { threads, job } = started(t, JOB, { slots: cores + 2 })
  await nextTurn()
  t.equal(threads.length, 1 + cores)
  await job.done
  t.equal(threads.length, 1 + cores + 2)
  await allEnd(t, threads)
})

const FAILURES: Readonly<Record<string, readonly [job: string, code: string]>> = {
  'is not there': ['', 'E_NO_SUCH_MODULE'],
  'cannot be bundled': ['export default (', 'E_SYNTAX'],
  'makes no pipeline': ['export default 7', 'E_NO_DEFAULT_EXPORT'],
}

for (const [title, [text, code]] of Object.entries(FAILURES)) {
  t.test(`none is left where the module ${title}`, async (t) => {
    const { threads, job } = started(t, text, { slots: 2 })
    await t.rejects(job.done, { code })
    t.ok(threads.length > 0)
    await allEnd(t, threads)
  })
}

t.test('none is left of a job that cannot go on from its snapshot', async (t) => {
  const checkpoint = { directory: join(t.testdirName, 'snapshots') }
  const { threads, job } = started(t, JOB, { slots: 2, checkpoint, restore: 7 })
  await t.rejects(job.done)
  t.equal(threads.length, 1 + Math.min(2, availableParallelism()))
  await allEnd(t, threads)
})

t.test('none is left of a job that is cancelled before it began', async (t) => {
  const { threads, job } = started(t, JOB, { slots: 2 })
  await job.cancel()
  t.equal(job.state, 'Cancelled')
  await allEnd(t, threads)
})

t.test('none is started for options that are wrong', async (t) => {
  const threads = threadsSince(t)
  t.throws(() => run('job.ts', { slots: 0 }), { code: 'E_BAD_SLOTS' })
  t.throws(() => run('job.ts', { supervise: { maxRestarts: -1 } }))
  await nextTurn()
  t.same(threads, [])
})

t.test(
  'the library of level stays in memory whatever threads end, since this thread has loaded it',
  (t) => {
    t.match(loadedLibraries(), /classic.level/)
    t.end()
  },
)

function loadedLibraries(): string {
  const { sharedObjects } = process.report.getReport() as {
    readonly sharedObjects: readonly string[]
  }
  return sharedObjects.join(' ')
}
