/** What is asked of a job before it runs under a coordinator that was started again. */
import t, { type Test } from 'tap'
import type { Duration } from '../../lib/base/duration.js'
import { type JobShape, moduleOf } from '../support/cluster-simulation.js'
import { outcomeOf } from '../support/outcome-of.js'
import { bundleOf, HUB, SimulatedCluster } from '../support/simulated-cluster.js'
import { TransactionWorld } from '../support/transaction-world.js'

t.setTimeout(400_000)

const ID = 'rows-00000001'
const SEED = Number(process.env.MILLRACE_SEED ?? 1)
const NODES = ['a', 'b'].map((name) => ({ name, slots: 1 }))

/** A job of two slots that would run for a minute. It has run for 2 s. `wait`: for places. */
async function running(takesSnapshots = true, wait: Duration = '1s') {
  const job: JobShape = {
    name: 'rows',
    rows: 600,
    splits: 4,
    parallelism: 2,
    isReactive: false,
    interval: 300,
    seconds: 60,
    world: new TransactionWorld(),
  }
  const modules = { rows: moduleOf(job) }
  const cluster = new SimulatedCluster({ seed: SEED, nodes: NODES, modules })
  cluster.start(HUB)
  for (const { name } of NODES) cluster.start(name)
  await cluster.runFor(1_000)
  const checkpoint = { interval: takesSnapshots ? 300 : 100_000 }
  const options = { memoryMb: 0, checkpoint, parallelism: 2, placement: { wait } } as const
  void cluster.coordinator!.submit(ID, bundleOf('rows'), options, () => {}).catch(() => {})
  await cluster.runFor(2_000)
  return cluster
}

/** Its nodes are gone, and the coordinator was started again so long ago. */
async function recovering(agoMs: number, takesSnapshots = true) {
  const cluster = await running(takesSnapshots)
  for (const name of cluster.names) cluster.kill(name)
  await cluster.runFor(500)
  cluster.start(HUB)
  await cluster.runFor(agoMs)
  return cluster
}

/** When the job is looked for, when its life waits for places, and when another try is due. */
const TIMES = [10, 1_000, 3_500, 6_000, 30_000, 37_500, 40_000]

async function staysAway(t: Test, cluster: SimulatedCluster): Promise<void> {
  for (const { name } of NODES) cluster.start(name)
  await cluster.runFor(40_000)
  t.match(cluster.coordinator!.jobs(), [{ id: ID, state: 'Cancelled', waitsFor: null }])
  t.equal(cluster.stores.jobs.size, 0)
  for (const { node } of cluster.nodes.values()) t.same(node.slots, [])
}

t.test('it is cancelled at once, and does not come back', async (t) => {
  for (const agoMs of TIMES) {
    const cluster = await recovering(agoMs)
    const [view, ...others] = cluster.coordinator!.jobs()
    t.same([view!.id, others], [ID, []], 'it is listed, once')
    t.type(view!.waitsFor, 'string', `${agoMs} ms later it waits`)
    const cancelled = outcomeOf(cluster.coordinator!.job(ID).cancel())
    await cluster.runFor(50)
    t.same(cancelled, { code: null, isOver: true }, `${agoMs} ms later`)
    await staysAway(t, cluster)
  }
})

t.test('it says when it is tried again, and why', async (t) => {
  const cluster = await recovering(6_000)
  const { waitsFor } = cluster.coordinator!.jobs()[0]!
  t.match(
    waitsFor,
    /^another try in 30 s: job rows-00000001 has waited 1 s for a slot: .*no node has joined/,
  )
  for (const { name } of NODES) cluster.start(name)
  await cluster.runFor(35_000)
  t.match(cluster.coordinator!.jobs(), [{ state: 'Running', waitsFor: null }])
})

t.test('it stops at once, behind its last checkpoint', async (t) => {
  for (const agoMs of TIMES) {
    const cluster = await recovering(agoMs)
    const stopping = cluster.coordinator!.job(ID).stop(null)
    const stopped = outcomeOf(stopping)
    await cluster.runFor(50)
    t.same(stopped, { code: null, isOver: true }, `${agoMs} ms later`)
    const { round, directory } = await stopping
    t.ok(round > 0)
    t.match(directory, ID)
    await staysAway(t, cluster)
  }
})

t.test('what it has not got it says at once, and goes on waiting', async (t) => {
  for (const agoMs of TIMES) {
    const cluster = await recovering(agoMs, false)
    const job = cluster.coordinator!.job(ID)
    const asked = [job.stop(null), job.stop('somewhere')].map(outcomeOf)
    await cluster.runFor(50)
    t.match(asked, [{ code: 'E_NO_SNAPSHOT' }, { code: 'E_JOB_NOT_RUNNING' }], `${agoMs} ms later`)
    for (const { name } of NODES) cluster.start(name)
    await cluster.runFor(40_000)
    t.match(cluster.coordinator!.jobs(), [{ id: ID, state: 'Running' }])
  }
})

t.test('where its slots were kept they end with it', async (t) => {
  const cluster = await running()
  cluster.kill(HUB)
  await cluster.runFor(500)
  cluster.internet.cut(HUB, 'b')
  cluster.start(HUB)
  await cluster.runFor(1_000)
  const cancelled = outcomeOf(cluster.coordinator!.job(ID).cancel())
  await cluster.runFor(50)
  t.same(cancelled, { code: null, isOver: true })
  cluster.internet.heal()
  await cluster.runFor(5_000)
  await staysAway(t, cluster)
})

/** Before its input would have ended; and how. */
async function drains(t: Test, cluster: SimulatedCluster, when: string, ms = 15_000) {
  t.ok(await cluster.runUntil(() => cluster.ended.get(ID) === 'Finished', ms), when)
}

t.test('what was told to drain before it runs is drained as soon as it does', async (t) => {
  for (const agoMs of [10, 6_000]) {
    const cluster = await recovering(agoMs)
    const drained = outcomeOf(cluster.coordinator!.job(ID).drain())
    await cluster.runFor(30_000)
    for (const { name } of NODES) cluster.start(name)
    await drains(t, cluster, `${agoMs} ms later`, 40_000)
    t.same(drained, { code: null, isOver: true }, 'who wanted that is told')
  }
})

t.test('nor does the next coordinator forget it', async (t) => {
  for (const isStopped of [false, true]) {
    const cluster = await running()
    cluster.kill('a')
    await cluster.runFor(1_000)
    void cluster.coordinator!.job(ID).drain()
    await cluster.runFor(100)
    if (isStopped) {
      void cluster.coordinator!.stop()
      await cluster.runFor(3_000)
    }
    cluster.kill(HUB)
    cluster.start(HUB)
    await cluster.runFor(1_000)
    cluster.start('a')
    await cluster.runFor(35_000)
    await drains(t, cluster, isStopped ? 'after a stop' : 'after a death')
  }
})

t.test('nor another life of it', async (t) => {
  const cluster = await running(true, '1h')
  const { coordinator } = cluster
  const job = coordinator!.job(ID)
  cluster.kill('a')
  await cluster.runFor(5_000)
  const drained = outcomeOf(job.drain())
  await cluster.runFor(500)
  const moved = outcomeOf(coordinator!.rescale(ID, 1))
  await drains(t, cluster, 'on the slot that is left')
  t.same([drained, moved], Array(2).fill({ code: null, isOver: true }))
  const { partial, lives } = await job.done
  t.same([partial, lives], [true, 2])
})

t.test('what is cancelled while it waits to be accepted does not come back', async (t) => {
  for (const laterMs of [100, 2_000]) {
    const cluster = new SimulatedCluster({ seed: SEED, nodes: NODES, modules: {} })
    cluster.start(HUB)
    await cluster.runFor(500)
    cluster.kill(HUB)
    cluster.start(HUB)
    await cluster.runFor(500)
    const coordinator = cluster.coordinator!
    const options = { memoryMb: 0, parallelism: 2 }
    const submitted = outcomeOf(coordinator.submit(ID, bundleOf('rows'), options, () => {}))
    await cluster.runFor(laterMs)
    const cancelled = outcomeOf(coordinator.job(ID).cancel())
    await cluster.runFor(6_000)
    t.same(cancelled, { code: null, isOver: true })
    t.same(submitted, { code: 'E_JOB_NOT_RUNNING', isOver: true })
    t.notOk(cluster.stores.jobs.has(ID), 'nor does the next coordinator know of it')
    t.notOk(cluster.events.some((event) => event.includes('"JobSubmitted"')))
  }
})

t.test('what is being stopped when its coordinator stops ends for good, once', async (t) => {
  for (const laterMs of [0, 1, 5]) {
    const cluster = await running()
    const coordinator = cluster.coordinator!
    const stopped = outcomeOf(coordinator.job(ID).stop('data/savepoint'))
    const refused = outcomeOf(coordinator.job(ID).stop(null))
    await cluster.runFor(laterMs)
    void coordinator.stop()
    await cluster.runFor(5_000)
    t.same(stopped, { code: null, isOver: true })
    t.same(refused, { code: 'E_JOB_STOPPING', isOver: true })
    t.notOk(cluster.stores.jobs.has(ID), 'nor does the next coordinator go on with it')
  }
})

t.test('what is cancelled while its coordinator stops does not come back', async (t) => {
  for (const laterMs of [0, 1, 2, 3, 4, 5, 6]) {
    const cluster = await running()
    const job = cluster.coordinator!.job(ID)
    void cluster.coordinator!.stop()
    await cluster.runFor(laterMs)
    if (job.state === 'Cancelled') break
    const cancelled = outcomeOf(job.cancel())
    await cluster.runFor(5_000)
    t.same(cancelled, { code: null, isOver: true })
    t.notOk(cluster.stores.jobs.has(ID), `${laterMs} ms later`)
  }
})
