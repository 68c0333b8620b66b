/** A coordinator and its nodes in one process, over a network in memory; slots are worker threads. */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { judgeOutput } from '../e2e/accounting.js'
import { first, within } from '../e2e/support.js'
import { memoryCluster } from '../support/memory-cluster.js'

t.setTimeout(400_000)

const ACCOUNTING = fileURLToPath(new URL('../e2e/jobs/accounting.js', import.meta.url))

const ROWS = 5_000

const accounting = (dir: string, more: Readonly<Record<string, string>> = {}) => ({
  args: {
    out: join(dir, 'out'),
    rows: String(ROWS),
    perSecond: '1000000',
    name: 'counts',
    keyGroups: '128',
    ...more,
  },
  checkpoint: { interval: 100 },
})

t.test('a job runs on the slots of several nodes', async (t) => {
  const { cluster, dir } = await memoryCluster(t, [1, 1, 1])
  const job = await cluster.submit(ACCOUNTING, { ...accounting(dir), parallelism: 3 })
  await first(job.events$, (event) => event.kind === 'StateChanged' && event.to === 'Running')
  const placed = await job.placement()
  t.same(new Set(placed.map(({ node }) => node)).size, 3, 'spread over all')
  const summary = await within(90_000, 'the end', job.done)
  t.match(summary, { state: 'Finished' })
  t.equal(await judgeOutput(dir, ROWS), null)
  t.match(await cluster.jobs(), [{ state: 'Finished' }])
})

t.test('a node that dies takes nothing with it', async (t) => {
  const { cluster, dir, nodes, internet } = await memoryCluster(t, [1, 1, 1])
  const job = await cluster.submit(ACCOUNTING, {
    ...accounting(dir, { perSecond: '3000' }),
    parallelism: 2,
  })
  await first(job.events$, ({ kind }) => kind === 'SnapshotCompleted')
  const [{ node } = { node: null }] = await job.placement()
  const died = nodes.find(({ name }) => name === node)!
  internet.kill(
    (died as unknown as { network: { self: never } }).network?.self ?? (internet as never),
  )
  await died.stop()
  const summary = await within(90_000, 'the end', job.done)
  t.match(summary, { state: 'Finished' })
  t.ok(summary.restarts > 0)
  t.equal(await judgeOutput(dir, ROWS), null)
})

t.test('rescaled while it runs, the result is the same', async (t) => {
  const { cluster, dir } = await memoryCluster(t, [2, 2])
  const job = await cluster.submit(ACCOUNTING, {
    ...accounting(dir, { perSecond: '3000' }),
    parallelism: 1,
  })
  await first(job.events$, ({ kind }) => kind === 'SnapshotCompleted')
  await job.rescale(3)
  t.equal((await job.placement()).length, 3)
  await job.rescale(2)
  const summary = await within(90_000, 'the end', job.done)
  t.match(summary, { state: 'Finished' })
  t.equal(await judgeOutput(dir, ROWS), null)
})
