/** What kills a worker, fills its memory or never ends, and what becomes of the job and its neighbours. */
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { backoff, run } from '../../actors/index.js'
import { generate, results } from '../../lib/connectors/index.js'
import { pipeline, sum } from '../../lib/index.js'
import { promptly } from '../support/promptly.js'
import { ended, ending, first, marker, runModule } from './support.js'

const SUMS = [0, 1, 2].map((key) => [
  key,
  Array.from({ length: 200 }, (_, i) => key + 3 * i).reduce((a, b) => a + b),
])
t.setTimeout(400_000)

const NOTICED_MS = 1000
const soon = backoff({ firstMs: 20, jitter: 0 })

const sorted = (records: readonly unknown[]) =>
  [...(records as [number, number][])].sort(([a], [b]) => a - b)

/** A job beside the one that suffers. */
function neighbour(t: Test) {
  const counting = pipeline('neighbour', (flow) =>
    flow
      .from(generate(1000, (i) => i, { perSecond: 1000 }))
      .pipe(sum())
      .to(results()),
  )
  return ended(ending(t, run(counting)))
}

const deaths = [
  ['timer', 'threw', /boom in a timer/],
  ['exit', 'exited', /process\.exit\(3\)/],
] as const

for (const [fault, how, cause] of deaths) {
  t.test(`a worker that dies by ${fault} is replaced, and the job starts again`, async (t) => {
    const mark = marker(t)
    const beside = neighbour(t)
    const job = runModule(t, 'fault-once', {
      slots: 2,
      args: { fault, marker: mark.path },
      supervise: { restart: soon },
    })
    const { summary, error, results, failures } = await ended(job)
    t.equal(error, null)
    t.same(sorted(results), SUMS)
    t.equal(summary?.restarts, 1)
    t.equal(failures.length, 1)
    const [failure] = failures
    t.match(failure, { kind: 'host', decision: 'restart', error: { code: 'E_WORKER_DIED' } })
    t.match(failure!.error.message, cause)
    const { details } = failure!.error
    t.equal(details?.how, how)
    // Between turns nobody can say whose timer it was: then the subtask is named that ran last.
    const named = String(details?.operator ?? details?.lastOperator)
    t.match(named, fault === 'timer' ? /terrible|generate/ : /terrible/, 'names the operator')
    const noticedMs = failure!.wallTimeMs - mark.atMs
    promptly(t, 'noticed', noticedMs, NOTICED_MS)
    t.match((await beside).summary, { state: 'Finished', restarts: 0 }, 'the neighbour')
    t.same((await beside).results, [499_500])
  })
}

t.test('a worker that dies each time fails the job with the cause', async (t) => {
  const mark = marker(t)
  const { error, failures } = await ended(
    runModule(t, 'fault-once', {
      slots: 2,
      args: { fault: 'exit', marker: mark.path, every: 'time' },
      supervise: { maxRestarts: 1, restart: soon },
    }),
  )
  t.match(error, { code: 'E_WORKER_DIED', message: /process\.exit\(3\)/ })
  t.same(
    failures.map(({ decision }) => decision),
    ['restart', 'escalate'],
  )
})

t.test('a turn that fills the heap ends its worker and the job, not the process', async (t) => {
  const mark = marker(t)
  const beside = neighbour(t)
  const { error, failures } = await ended(
    runModule(t, 'fault-once', {
      slots: 2,
      memoryMb: 64,
      args: { fault: 'heap', marker: mark.path },
    }),
  )
  t.equal(error && 'code' in error && error.code, 'E_WORKER_DIED')
  t.equal(failures.length, 1, 'trying again would fill it again')
  t.equal(failures[0]?.error.details?.how, 'heap limit')
  t.match(failures[0]?.operator, /terrible/)
  t.same((await beside).results, [499_500], 'the neighbour')
})

t.test('an endless loop is reported with its stack, then killed, then replaced', async (t) => {
  const mark = marker(t)
  const job = runModule(t, 'fault-once', {
    slots: 2,
    stallMs: 1800,
    args: { fault: 'loop', marker: mark.path },
    supervise: { restart: soon },
  })
  const outcome = ended(job)
  const stalled = await first(job.events$, ({ kind }) => kind === 'SubtaskStalled')
  const reportedMs = Date.now() - mark.atMs
  promptly(t, 'reported', reportedMs, 1500)
  t.match(stalled, { kind: 'SubtaskStalled', operator: /terrible/, stack: /spinForEver/ })
  const { summary, results, failures } = await outcome
  t.match(failures, [{ operator: /terrible/, decision: 'restart' }])
  t.match(failures[0]?.error.message, /made no progress/)
  t.match(failures[0]?.error.details, { how: 'stalled' })
  t.equal(failures[0]?.error.cause?.code, 'E_STALLED')
  t.equal(summary?.restarts, 1)
  t.same(sorted(results), SUMS)
})

t.test('state that outgrows its budget fails the job by name; the process goes on', async (t) => {
  const { error, failures } = await ended(runModule(t, 'hoard', { slots: 2, memoryMb: 96 }))
  t.match(error, { code: 'E_MEMORY_BUDGET', message: /visits/ })
  t.match(failures, [{ kind: 'host', operator: /visits/, decision: 'escalate' }])
  t.equal(failures.length, 1, 'no second try')
  const after = await ended(
    runModule(t, 'fault-once', { slots: 2, args: { fault: 'none', marker: marker(t).path } }),
  )
  t.same(sorted(after.results), SUMS)
})

t.test('a module that builds another graph in each thread is refused', async (t) => {
  const { error } = await ended(runModule(t, 'another-graph', { slots: 2 }))
  t.match(error, { code: 'E_DIFFERENT_GRAPH', message: /was built differently/ })
})

t.test('cancelled while it waits to start again, a job ends at once', async (t) => {
  const job = runModule(t, 'fault-once', {
    slots: 2,
    args: { fault: 'exit', marker: marker(t).path },
    supervise: { restart: backoff({ firstMs: 60_000, maxMs: 60_000 }) },
  })
  await first(job.events$, ({ kind }) => kind === 'RegionRestarting')
  await delay(0)
  const startMs = performance.now()
  await job.cancel()
  promptly(t, 'cancelled', performance.now() - startMs, 1000)
  t.match(await job.done, { state: 'Cancelled', partial: true })
})
