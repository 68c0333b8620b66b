/** A coordinator and its nodes in one process, over a network in memory; slots are worker threads. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { ROWS as ROWS_ALIGNED } from '../e2e/jobs/aligned.js'
import { judgeOutput } from '../e2e/judge.js'
import { first, within } from '../e2e/support.js'
import { memoryCluster } from '../support/memory-cluster.js'
import { until } from '../support/until.js'

t.setTimeout(400_000)

const ACCOUNTING = fileURLToPath(new URL('../e2e/jobs/accounting.js', import.meta.url))

const ALIGNED = fileURLToPath(new URL('../e2e/jobs/aligned.js', import.meta.url))

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

t.test('sources that keep together in event time run on several nodes', async (t) => {
  const { cluster } = await memoryCluster(t, [1, 1])
  const job = await cluster.submit(ALIGNED, { parallelism: 2 })
  let rows = 0
  job.results$.subscribe(() => rows++)
  t.match(await within(60_000, 'the end', job.done), { state: 'Finished' })
  t.equal(rows, ROWS_ALIGNED)
})

t.test('a node that dies takes nothing with it', async (t) => {
  const { cluster, dir, nodes, internet } = await memoryCluster(t, [1, 1, 1])
  const job = await cluster.submit(ACCOUNTING, {
    ...accounting(dir, { perSecond: '3000' }),
    parallelism: 2,
  })
  await first(job.events$, ({ kind }) => kind === 'SnapshotCompleted')
  const [{ node } = { node: '' }] = await job.placement()
  const died = nodes.find(({ name }) => name === node)!
  // Its connections break before it can say anything; only then is what it had in this process ended.
  internet.kill(node!)
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

t.test(
  'state on disk lies where each node says, moves with the job, and is gone with it',
  async (t) => {
    const root = mkdtempSync(join(tmpdir(), 'millrace-node-state-'))
    t.teardown(() => rmSync(root, { recursive: true, force: true }))
    const stateDirectory = (node: string) => join(root, node)
    const { cluster, dir, nodes } = await memoryCluster(t, [1, 1, 1], { stateDirectory })
    const job = await cluster.submit(ACCOUNTING, {
      ...accounting(dir, { perSecond: '3000' }),
      parallelism: 2,
      state: { backend: 'level', cacheMb: 1 },
    })
    await first(job.events$, ({ kind }) => kind === 'SnapshotCompleted')
    const kept = (node: string) => filesBelow(stateDirectory(node))
    const places = (await job.placement()).map(({ node }) => node!)
    t.equal(places.length, 2)
    for (const node of places) t.ok(kept(node) > 0, `${node} keeps state where it says`)
    // One dies, and its work goes on elsewhere.
    await nodes.find(({ name }) => name === places[0])!.stop()
    const summary = await within(90_000, 'the end', job.done)
    t.match(summary, { state: 'Finished' })
    t.ok(summary.restarts > 0)
    t.equal(await judgeOutput(dir, ROWS), null)
    await until(() => nodes.every(({ name }) => kept(name) === 0))
  },
)

t.test('a job does not say where on the disks of nodes its state lies', async (t) => {
  const { cluster } = await memoryCluster(t, [1])
  const state = { backend: 'level', directory: '/tmp' } as never
  await t.rejects(cluster.submit(ACCOUNTING, { state }), {
    code: 'E_BAD_STATE_BACKEND',
    message: /--state-dir/,
  })
  const small = { backend: 'level', cacheMb: 4096 } as const
  await t.rejects(cluster.submit(ACCOUNTING, { state: small }), {
    code: 'E_BAD_STATE_BACKEND',
    message: /more than half/,
  })
})

const filesBelow = (directory: string): number =>
  existsSync(directory)
    ? readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) =>
        entry.isFile(),
      ).length
    : 0
