/** What else is asked of a job while it is moved: whole clusters under a virtual clock. */
import t, { type Test } from 'tap'
import { type JobShape, judge, moduleOf } from '../support/cluster-simulation.js'
import { outcomeOf } from '../support/outcome-of.js'
import { bundleOf, HUB, type NodeShape, SimulatedCluster } from '../support/simulated-cluster.js'
import { testSeed } from '../support/test-seed.js'
import { TransactionWorld } from '../support/transaction-world.js'

t.setTimeout(400_000)

const ID = 'rows-00000001'
const SEED = testSeed(1)

const THREE = ['a', 'b', 'c'].map((name) => ({ name, slots: 2 }))
/** No slot is left. */
const TWO = ['a', 'b'].map((name) => ({ name, slots: 1 }))

/** A job of two slots that runs for so long, on these nodes. */
async function running(seconds: number, nodes: readonly NodeShape[] = THREE) {
  const job: JobShape = {
    name: 'rows',
    rows: 100,
    splits: 4,
    parallelism: 2,
    isReactive: false,
    interval: 300,
    seconds,
    world: new TransactionWorld(),
  }
  const cluster = new SimulatedCluster({ seed: SEED, nodes, modules: { rows: moduleOf(job) } })
  cluster.start(HUB)
  for (const { name } of nodes) cluster.start(name)
  await cluster.runFor(1_000)
  const options = { memoryMb: 0, checkpoint: { interval: 300 }, parallelism: 2 }
  void cluster.coordinator!.submit(ID, bundleOf('rows'), options, () => {}).catch(() => {})
  await cluster.runFor(1_000)
  return { cluster, job }
}

/** Slots that are taken. */
async function taken(cluster: SimulatedCluster): Promise<number> {
  let count = -1
  void cluster.coordinator!.nodes().then((nodes) => {
    count = nodes.reduce((sum, node) => sum + node.taken, 0)
  })
  await cluster.runFor(10)
  return count
}

async function ends(t: Test, cluster: SimulatedCluster, state: string, when: string) {
  t.ok(await cluster.runUntil(() => cluster.ended.has(ID), 100_000), `it ends ${when}`)
  t.equal(cluster.ended.get(ID), state, when)
}

t.test('a job that is cancelled while it is moved has ended, whenever that is', async (t) => {
  for (const laterMs of [0, 1, 5, 10, 15, 20, 30, 50, 100, 200]) {
    const { cluster } = await running(60)
    const { coordinator } = cluster
    const moved = outcomeOf(coordinator!.rescale(ID, 3))
    await cluster.runFor(laterMs)
    const cancelled = outcomeOf(coordinator!.job(ID).cancel())
    await ends(t, cluster, 'Cancelled', `${laterMs} ms later`)
    await cluster.runFor(1_000)
    t.same(cancelled, { code: null, isOver: true })
    t.ok(moved.isOver, 'who wanted it moved is told')
    t.equal(await taken(cluster), 0, 'it holds no slot')
  }
})

t.test('a job that is cancelled while it waits for a slot, and is to be moved, too', async (t) => {
  for (const laterMs of [0, 5, 20, 50, 500]) {
    const { cluster } = await running(60, TWO)
    const { coordinator } = cluster
    cluster.kill('a')
    await cluster.runFor(5_000)
    t.equal(coordinator!.job(ID).state, 'Restarting')
    const moved = outcomeOf(coordinator!.rescale(ID, 1))
    await cluster.runFor(laterMs)
    const cancelled = outcomeOf(coordinator!.job(ID).cancel())
    await ends(t, cluster, 'Cancelled', `${laterMs} ms later`)
    await cluster.runFor(1_000)
    t.same(cancelled, { code: null, isOver: true })
    t.ok(moved.isOver)
    t.equal(await taken(cluster), 0)
  }
})

t.test('and where it has not begun under this coordinator: it does not come back', async (t) => {
  const { cluster } = await running(60, TWO)
  cluster.kill(HUB)
  cluster.kill('a')
  await cluster.runFor(500)
  cluster.start(HUB)
  await cluster.runFor(8_000)
  const { coordinator } = cluster
  const moved = outcomeOf(coordinator!.rescale(ID, 1))
  await cluster.runFor(500)
  const cancelled = outcomeOf(coordinator!.job(ID).cancel())
  await ends(t, cluster, 'Cancelled', 'before it has begun')
  await cluster.runFor(10_000)
  t.same(cancelled, { code: null, isOver: true })
  t.ok(moved.isOver)
  cluster.start('a')
  await cluster.runFor(60_000)
  t.same(
    coordinator!.jobs().map(({ state }) => state),
    ['Cancelled'],
  )
})

t.test('a job that stops while it is to be moved has stopped', async (t) => {
  for (const laterMs of [0, 5, 10, 15, 20, 25, 30, 35, 40, 60]) {
    const { cluster } = await running(60)
    const { coordinator } = cluster
    const stopped = outcomeOf(coordinator!.job(ID).stop(null))
    if (laterMs > 0) await cluster.runFor(laterMs)
    if (cluster.ended.has(ID)) continue
    const moved = outcomeOf(coordinator!.rescale(ID, 3))
    await cluster.runFor(10_000)
    t.ok(stopped.isOver && moved.isOver, `${laterMs} ms later`)
    t.equal(stopped.code, null)
    t.equal(cluster.ended.get(ID), 'Stopped', `${laterMs} ms later`)
  }
})

t.test('a job that is to be stopped while it is moved is stopped, or says why not', async (t) => {
  for (const laterMs of [0, 5, 10, 20, 40, 80, 200, 500]) {
    const { cluster } = await running(60)
    const { coordinator } = cluster
    const moved = outcomeOf(coordinator!.rescale(ID, 3))
    if (laterMs > 0) await cluster.runFor(laterMs)
    const stopped = outcomeOf(coordinator!.job(ID).stop(null))
    await cluster.runFor(10_000)
    t.ok(stopped.isOver && moved.isOver, `${laterMs} ms later`)
    t.same(
      [stopped.code, cluster.ended.get(ID)],
      stopped.code === null ? [null, 'Stopped'] : ['E_JOB_MOVING', undefined],
      `${laterMs} ms later`,
    )
  }
})

t.test('a job that finishes while it is moved has finished', async (t) => {
  for (const earlierMs of [0, 20, 50, 100, 150, 200, 300, 500]) {
    const { cluster, job } = await running(3)
    const { coordinator } = cluster
    await cluster.runFor(2_500 - earlierMs)
    if (cluster.ended.has(ID)) continue
    const moved = outcomeOf(coordinator!.rescale(ID, 3))
    await ends(t, cluster, 'Finished', `${earlierMs} ms earlier`)
    await cluster.runFor(1_000)
    t.ok(moved.isOver)
    t.equal(judge(job), null)
  }
})

t.test('of two that rescale at once the first is told of the second', async (t) => {
  const { cluster, job } = await running(6)
  const first = outcomeOf(cluster.coordinator!.rescale(ID, 3))
  const second = outcomeOf(cluster.coordinator!.rescale(ID, 4))
  await cluster.runFor(2_000)
  t.same(first, { code: 'E_JOB_MOVING', isOver: true })
  t.same(second, { code: null, isOver: true })
  t.equal(cluster.coordinator!.placementOf(ID).length, 4)
  await ends(t, cluster, 'Finished', 'as ever')
  t.equal(judge(job), null)
})

t.test('a node is left though another one dies meanwhile', async (t) => {
  for (const laterMs of [0, 2, 5, 10, 20, 40]) {
    const { cluster, job } = await running(8)
    const { coordinator } = cluster
    const [left, other] = coordinator!.placementOf(ID).map(({ node }) => node!)
    const evacuated = outcomeOf(coordinator!.evacuate(left!))
    await cluster.runFor(laterMs)
    cluster.kill(other!)
    await cluster.runFor(5_000)
    t.same(evacuated, { code: null, isOver: true }, `${laterMs} ms later`)
    t.notOk(coordinator!.placementOf(ID).some(({ node }) => node === left))
    await ends(t, cluster, 'Finished', `${laterMs} ms later`)
    t.equal(judge(job), null)
  }
})

t.test(
  'a job that is stopped behind a savepoint while it restarts stops when it runs',
  async (t) => {
    for (const directory of [null, 'saved']) {
      for (const laterMs of [0, 1_000, 3_050, 3_150]) {
        const { cluster } = await running(60)
        const { coordinator } = cluster
        cluster.kill(coordinator!.placementOf(ID)[0]!.node!)
        await cluster.runFor(laterMs)
        const stopped = outcomeOf(coordinator!.job(ID).stop(directory))
        await cluster.runFor(8_000)
        t.ok(stopped.isOver, `${laterMs} ms later`)
        if (stopped.code === null) t.equal(cluster.ended.get(ID), 'Stopped')
        else t.equal(stopped.code, 'E_SNAPSHOT_ABANDONED', 'a region failed in the middle of it')
        const saved = await cluster.lastRound('saved')
        t.equal(saved > 0, directory !== null && stopped.code === null)
      }
    }
  },
)

t.test('whoever follows a job that fails while it is moved is told so', async (t) => {
  const { cluster } = await running(60)
  const job = cluster.coordinator!.job(ID)
  const told: string[] = []
  job.news$.subscribe((news) => {
    if (news.kind === 'event' && news.event.kind === 'StateChanged') told.push(news.event.to)
    if (news.kind === 'failed') told.push('and why')
  })
  cluster.stores.onSave = ({ failures }) => {
    if (failures === null) throw new Error('no room for what the next life begins with')
  }
  void job.move(2).catch(() => {})
  await ends(t, cluster, 'Failed', 'as the record cannot be kept')
  t.same(told.slice(-2), ['Failed', 'and why'])
})
