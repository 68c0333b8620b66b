/** Rescaling where slots are not there, or go meanwhile: whole clusters under a virtual clock. */
import t, { type Test } from 'tap'
import { type JobShape, judge, moduleOf } from '../support/cluster-simulation.js'
import { outcomeOf } from '../support/outcome-of.js'
import { bundleOf, HUB, SimulatedCluster } from '../support/simulated-cluster.js'
import { testSeed } from '../support/test-seed.js'
import { TransactionWorld } from '../support/transaction-world.js'

t.setTimeout(400_000)

const ID = 'rows-00000001'
const SEED = testSeed(1)

/** A job of two slots that has run for 2 s, of 20; each node has one slot. */
async function running(there: readonly string[] = ['a', 'b']) {
  const job: JobShape = {
    name: 'rows',
    rows: 200,
    splits: 4,
    parallelism: 2,
    isReactive: false,
    interval: 300,
    seconds: 20,
    world: new TransactionWorld(),
  }
  const nodes = ['a', 'b', 'c', 'd'].map((name) => ({ name, slots: 1 }))
  const cluster = new SimulatedCluster({ seed: SEED, nodes, modules: { rows: moduleOf(job) } })
  cluster.start(HUB)
  for (const name of there) cluster.start(name)
  await cluster.runFor(1_000)
  const options = { memoryMb: 0, checkpoint: { interval: 300 }, parallelism: 2 }
  void cluster.coordinator!.submit(ID, bundleOf('rows'), options, () => {}).catch(() => {})
  await cluster.runFor(2_000)
  const view = () => cluster.coordinator!.jobs()[0]!
  const told = (text: string) => cluster.events.filter((event) => event.includes(text)).length
  return { cluster, job, view, told }
}

/** Slots in its durable record. */
const recorded = (cluster: SimulatedCluster): number | undefined =>
  cluster.stores.jobs.get(ID)?.slots

async function finishes(t: Test, cluster: SimulatedCluster, job: JobShape): Promise<void> {
  t.ok(await cluster.runUntil(() => cluster.ended.has(ID), 100_000))
  t.equal(cluster.ended.get(ID), 'Finished')
  t.equal(judge(job), null)
}

t.test('more slots than there are: it is refused at once, and nothing happens', async (t) => {
  const { cluster, job, view, told } = await running()
  const rescaling = cluster.coordinator!.rescale(ID, 4)
  const rescaled = outcomeOf(rescaling)
  await cluster.runFor(50)
  t.same(rescaled, { code: 'E_NO_SLOT', isOver: true })
  await t.rejects(rescaling, {
    message: /there is room for 2: nodes a, b have 2, of which 0 are free, 2 its own/,
  })
  t.match(view(), { state: 'Running', slots: 2, waitsFor: null })
  t.equal(recorded(cluster), 2)
  await finishes(t, cluster, job)
  t.equal(told('"to":"Running"'), 1, 'it has run on')
})

t.test('where it may wait it runs on until they are there', async (t) => {
  const { cluster, job, view, told } = await running()
  const rescaled = outcomeOf(cluster.coordinator!.rescale(ID, 3, 5_000))
  await cluster.runFor(3_000)
  t.notOk(rescaled.isOver)
  t.match(view(), { state: 'Running', slots: 2, waitsFor: /room for 2/ })
  cluster.start('c')
  await cluster.runFor(1_500)
  t.same(rescaled, { code: null, isOver: true })
  t.match(view(), { state: 'Running', slots: 3, waitsFor: null })
  t.equal(recorded(cluster), 3)
  t.equal(told('"kind":"Rescaled"'), 1)
  t.equal(told('"slots":3,"had":2'), 1)
  await finishes(t, cluster, job)
})

t.test('and no longer than it may', async (t) => {
  const { cluster, view, job } = await running()
  const rescaled = outcomeOf(cluster.coordinator!.rescale(ID, 3, 5_000))
  await cluster.runFor(6_000)
  t.same(rescaled, { code: 'E_NO_SLOT', isOver: true })
  t.match(view(), { state: 'Running', slots: 2, waitsFor: null })
  await finishes(t, cluster, job)
})

t.test('one that waits is given up for a later one', async (t) => {
  const { cluster, view, job } = await running()
  const first = outcomeOf(cluster.coordinator!.rescale(ID, 4, 60_000))
  await cluster.runFor(1_000)
  const second = outcomeOf(cluster.coordinator!.rescale(ID, 1))
  await cluster.runFor(1_500)
  t.same(first, { code: 'E_JOB_MOVING', isOver: true })
  t.same(second, { code: null, isOver: true })
  t.match(view(), { state: 'Running', slots: 1 })
  await finishes(t, cluster, job)
})

t.test('what is cancelled while it waits for room is not moved', async (t) => {
  const { cluster } = await running()
  const rescaled = outcomeOf(cluster.coordinator!.rescale(ID, 4, 60_000))
  await cluster.runFor(1_000)
  void cluster.coordinator!.job(ID).cancel()
  await cluster.runFor(1_500)
  t.same(rescaled, { code: 'E_JOB_NOT_RUNNING', isOver: true })
  t.equal(cluster.ended.get(ID), 'Cancelled')
})

t.test('slots that go after the check: it goes back to the number that it had', async (t) => {
  for (const laterMs of [0, 5, 10, 15, 20, 30]) {
    const { cluster, job, view } = await running(['a', 'b', 'c'])
    const rescaling = cluster.coordinator!.rescale(ID, 3)
    const rescaled = outcomeOf(rescaling)
    await cluster.runFor(laterMs)
    const free = ['a', 'b', 'c'].find((name) => !cluster.coordinator!.job(ID).nodes.has(name))
    cluster.kill(free ?? 'c')
    await cluster.runFor(8_000)
    t.same(rescaled, { code: 'E_NO_SLOT', isOver: true }, `${laterMs} ms later`)
    t.match(view(), { state: 'Running', slots: 2, waitsFor: null })
    t.equal(recorded(cluster), 2)
    await t.rejects(rescaling, { message: /could not go on with 3 slots, and goes back to 2/ })
    await finishes(t, cluster, job)
  }
})

t.test(
  'and waits for that number where it must, or takes what there is when it is told',
  async (t) => {
    const { cluster, job, view } = await running(['a', 'b', 'c'])
    const rescaled = outcomeOf(cluster.coordinator!.rescale(ID, 3))
    await cluster.runFor(10)
    cluster.kill('a')
    cluster.kill('b')
    await cluster.runFor(8_000)
    t.same(rescaled, { code: 'E_NO_SLOT', isOver: true })
    t.match(view(), { state: 'Restarting', slots: 2, waitsFor: /^2 slots: / })
    t.equal(recorded(cluster), 2)
    const again = outcomeOf(cluster.coordinator!.rescale(ID, 1))
    await cluster.runFor(1_000)
    t.same(again, { code: null, isOver: true })
    t.match(view(), { state: 'Running', slots: 1, waitsFor: null })
    await finishes(t, cluster, job)
  },
)

t.test('a number with which it cannot begin costs no job its life', async (t) => {
  const { cluster, job, view } = await running(['a', 'b', 'c'])
  cluster.unplannable = 3
  const rescaled = outcomeOf(cluster.coordinator!.rescale(ID, 3))
  await cluster.runFor(2_000)
  t.same(rescaled, { code: 'E_TOO_MANY', isOver: true })
  t.match(view(), { state: 'Running', slots: 2 })
  t.equal(recorded(cluster), 2)
  await finishes(t, cluster, job)
})

t.test('where the coordinator stops before it has them, it goes on with what it had', async (t) => {
  for (const laterMs of [5, 10, 15, 20, 30, 40, 60, 100]) {
    const { cluster, job, view } = await running(['a', 'b', 'c'])
    const rescaled = outcomeOf(cluster.coordinator!.rescale(ID, 3))
    await cluster.runFor(laterMs)
    const had = recorded(cluster)
    const stopped = outcomeOf(cluster.coordinator!.stop())
    await cluster.runFor(3_000)
    t.ok(stopped.isOver && rescaled.isOver, `${laterMs} ms later`)
    t.notOk(cluster.ended.has(ID), 'that is not told as its end')
    cluster.kill(HUB)
    cluster.start(HUB)
    await cluster.runFor(10_000)
    t.equal(view().state, 'Running')
    if (rescaled.code !== null) t.equal(rescaled.code, had === 2 ? 'E_STOPPING' : null)
    t.equal(view().slots, had, `${laterMs} ms later`)
    await finishes(t, cluster, job)
  }
})
