/** A coordinator and its nodes in one process, over a network in memory; slots are worker threads. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { type Cluster, connectOver } from '../../actors/client/client.js'
import { Coordinator } from '../../actors/coordinator/coordinator.js'
import { ClusterNode } from '../../actors/node/node.js'
import { systemClock } from '../../lib/base/clock.js'
import { judgeOutput } from '../e2e/accounting.js'
import { first, within } from '../e2e/support.js'
import { identityOf, MemoryInternet } from '../support/memory-network.js'

t.setTimeout(120_000)

const ACCOUNTING = fileURLToPath(new URL('../e2e/jobs/accounting.js', import.meta.url))

interface World {
  readonly internet: MemoryInternet
  readonly dir: string
  readonly coordinator: Coordinator
  readonly nodes: readonly ClusterNode[]
  readonly cluster: Cluster
}

async function worldOf(t: Test, slots: readonly number[]): Promise<World> {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-cluster-'))
  const internet = new MemoryInternet(systemClock)
  const coordinator = new Coordinator({
    network: internet.of(identityOf('coordinator', 'hub')),
    address: '',
    data: join(dir, 'data'),
    cluster: 'test',
  })
  await coordinator.start()
  const nodes = slots.map(
    (count, i) =>
      new ClusterNode({
        network: internet.of(identityOf('node', `node-${i}`)),
        join: coordinator.url,
        address: '',
        slots: count,
        labels: {},
        version: '0.1.0',
      }),
  )
  await Promise.all(nodes.map((node) => node.start()))
  const cluster = await connectOver(internet.of(identityOf('client', 'cli')), coordinator.url)
  t.teardown(async () => {
    cluster.close()
    await Promise.all(nodes.map((node) => node.stop()))
    await coordinator.stop()
    rmSync(dir, { recursive: true, force: true })
  })
  return { internet, dir, coordinator, nodes, cluster }
}

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
  const { cluster, dir } = await worldOf(t, [1, 1, 1])
  const job = await cluster.submit(ACCOUNTING, { ...accounting(dir), parallelism: 3 })
  const placed = await job.placement()
  t.same(new Set(placed.map(({ node }) => node)).size, 3, 'spread over all')
  const summary = await within(30_000, 'the end', job.done)
  t.match(summary, { state: 'Finished' })
  t.equal(await judgeOutput(dir, ROWS), null)
  t.match(await cluster.jobs(), [{ state: 'Finished' }])
})

t.test('a node that dies takes nothing with it', async (t) => {
  const { cluster, dir, nodes, internet } = await worldOf(t, [1, 1, 1])
  const job = await cluster.submit(ACCOUNTING, {
    ...accounting(dir, { perSecond: '3000' }),
    parallelism: 2,
  })
  const [{ node } = { node: null }] = await job.placement()
  await first(job.events$, ({ kind }) => kind === 'SnapshotCompleted')
  const died = nodes.find(({ name }) => name === node)!
  internet.kill(
    (died as unknown as { network: { self: never } }).network?.self ?? (internet as never),
  )
  await died.stop()
  const summary = await within(30_000, 'the end', job.done)
  t.match(summary, { state: 'Finished' })
  t.ok(summary.restarts > 0)
  t.equal(await judgeOutput(dir, ROWS), null)
})

t.test('rescaled while it runs, the result is the same', async (t) => {
  const { cluster, dir } = await worldOf(t, [2, 2])
  const job = await cluster.submit(ACCOUNTING, {
    ...accounting(dir, { perSecond: '3000' }),
    parallelism: 1,
  })
  await first(job.events$, ({ kind }) => kind === 'SnapshotCompleted')
  await job.rescale(3)
  t.equal((await job.placement()).length, 3)
  await job.rescale(2)
  const summary = await within(30_000, 'the end', job.done)
  t.match(summary, { state: 'Finished' })
  t.equal(await judgeOutput(dir, ROWS), null)
})
