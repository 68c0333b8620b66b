/** The ends of a job: enough, cancelled, drained — at every moment, and with no thread left behind. */
import { existsSync } from 'node:fs'
import { getActiveResourcesInfo } from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { run } from '../../actors/index.js'
import { blackhole, generate } from '../../lib/connectors/index.js'
import { pipeline } from '../../lib/index.js'
import { promptly } from '../support/promptly.js'
import { DEADLINE_MS, ended, ending, first, marker, runModule, within } from './support.js'

t.setTimeout(400_000)

const CANCEL_MS = 1000

const threads = () => getActiveResourcesInfo().filter((name) => name === 'Worker').length

const isRunning = (event: { readonly kind: string; readonly to?: string }) =>
  event.kind === 'StateChanged' && event.to === 'Running'

async function timed(task: Promise<unknown>): Promise<number> {
  const startMs = performance.now()
  await task
  return performance.now() - startMs
}

t.test('take ends an endless stream across slots', async (t) => {
  const { summary, results } = await ended(
    runModule(t, 'endless', { slots: 2, args: { take: '2000' } }),
  )
  t.equal(results.length, 2000)
  t.match(summary, { state: 'Finished', partial: false })
})

t.test('cancel ends a busy job within a second, and its threads', async (t) => {
  const job = runModule(t, 'endless', { slots: 2 })
  let seen = 0
  job.results$.subscribe(() => seen++)
  await first(job.metrics$, () => seen > 0)
  const tookMs = await timed(job.cancel())
  promptly(t, 'cancelled', tookMs, CANCEL_MS)
  t.match(await job.done, { state: 'Cancelled', partial: true })
  t.equal(job.state, 'Cancelled')
  const atEnd = seen
  await delay(0)
  t.equal(seen, atEnd, 'nothing comes after the end')
  t.equal(threads(), 0, 'no thread is left')
})

t.test('cancel does not wait for user code that blocks its thread', async (t) => {
  const mark = marker(t)
  const job = runModule(t, 'blocking', { slots: 2, args: { marker: mark.path } })
  const blocked = async () => {
    while (!existsSync(mark.path)) await delay(5)
  }
  await within(DEADLINE_MS, 'the block', blocked())
  const tookMs = await timed(job.cancel())
  promptly(t, 'cancelled', tookMs, CANCEL_MS)
  t.equal(job.state, 'Cancelled')
})

t.test('cancelled before it has started, a job never runs', async (t) => {
  const inSlots = runModule(t, 'endless', { slots: 2 })
  const here = ending(
    t,
    run(
      pipeline('never', (flow) => {
        flow.from(generate(10, (i) => i)).to(blackhole())
      }),
    ),
  )
  await Promise.all([inSlots.cancel(), here.cancel()])
  t.match(await inSlots.done, { state: 'Cancelled', partial: true, recordsOut: 0 })
  t.match(await here.done, { state: 'Cancelled', partial: true, recordsOut: 0 })
  t.equal(threads(), 0)
})

t.test('drain ends the sources, and what they gave comes out', async (t) => {
  const job = runModule(t, 'drained', { slots: 2, metricsIntervalMs: 50 })
  const outcome = ended(job)
  await first(job.metrics$, ({ chains }) => (chains[0]?.totals.recordsIn ?? 0) > 500)
  await job.drain()
  const { summary, results } = await outcome
  t.match(summary, { state: 'Finished', partial: true })
  t.same(results, [[1, summary?.recordsIn]], 'the sum of what was read')
  t.ok(summary!.recordsIn > 500)
})

t.test('drained while it starts, a job ends with what it has', async (t) => {
  const job = runModule(t, 'drained', { slots: 2 })
  const outcome = ended(job)
  await within(DEADLINE_MS, 'the drain', job.drain())
  const { summary } = await outcome
  t.match(summary, { state: 'Finished', partial: true })
})

t.test('cancel overtakes drain, and both may be asked for again', async (t) => {
  const job = runModule(t, 'endless', { slots: 2, args: { perSecond: '1000' } })
  await first(job.events$, isRunning)
  const ends = [job.drain(), job.cancel(), job.cancel(), job.drain()]
  await within(DEADLINE_MS, 'every answer', Promise.all(ends))
  t.match(job.state, /Cancelled|Finished/)
  await within(DEADLINE_MS, 'after the end', job.cancel())
})

t.test('done settles once, and every observable with it', async (t) => {
  const failing = pipeline('failing', (flow) => {
    flow
      .from(
        generate(10, (i) => {
          if (i === 5) throw new Error('no more')
          return i
        }),
      )
      .to(blackhole())
  })
  const job = ending(t, run(failing, { supervise: { maxRestarts: 0 } }))
  const heard: string[] = []
  job.done.then(
    () => heard.push('resolved'),
    () => heard.push('rejected'),
  )
  job.results$.subscribe({ error: () => heard.push('results$ erred') })
  job.failures$.subscribe({ complete: () => heard.push('failures$ completed') })
  job.events$.subscribe({ complete: () => heard.push('events$ completed') })
  job.metrics$.subscribe({ complete: () => heard.push('metrics$ completed') })
  await t.rejects(job.done, /no more/)
  await job.cancel()
  await job.drain()
  await delay(0)
  t.same([...heard].sort(), [
    'events$ completed',
    'failures$ completed',
    'metrics$ completed',
    'rejected',
    'results$ erred',
  ])
  t.equal(job.state, 'Failed')
})
