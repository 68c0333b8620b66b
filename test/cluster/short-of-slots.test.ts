/** What is asked of a job that has lost slots, and of a coordinator with such jobs: under a virtual clock. */
import t, { type Test } from 'tap'
import { type JobShape, judge, moduleOf } from '../support/cluster-simulation.js'
import { outcomeOf } from '../support/outcome-of.js'
import { bundleOf, HUB, SimulatedCluster } from '../support/simulated-cluster.js'
import { testSeed } from '../support/test-seed.js'
import { TransactionWorld } from '../support/transaction-world.js'

t.setTimeout(400_000)

const ID = 'rows-00000001'
const SEED = testSeed(1)
/** From before its loss is noticed until long after it has begun to wait. */
const TIMES = [0, 500, 2_900, 3_100, 3_300, 10_000]

/** A job of two slots that has run for 2 s, of 20, and has lost one of its two nodes so long ago. */
async function short(agoMs: number, interval = 300) {
  const job: JobShape = {
    name: 'rows',
    rows: 200,
    splits: 4,
    parallelism: 2,
    isReactive: false,
    interval,
    seconds: 20,
    world: new TransactionWorld(),
  }
  const nodes = ['a', 'b'].map((name) => ({ name, slots: 1 }))
  const cluster = new SimulatedCluster({ seed: SEED, nodes, modules: { rows: moduleOf(job) } })
  for (const name of cluster.names) cluster.start(name)
  await cluster.runFor(1_000)
  const options = { memoryMb: 0, checkpoint: { interval }, parallelism: 2 }
  void cluster.coordinator!.submit(ID, bundleOf('rows'), options, () => {}).catch(() => {})
  await cluster.runFor(2_000)
  cluster.kill('b')
  await cluster.runFor(agoMs)
  return { cluster, job, coordinator: cluster.coordinator! }
}

async function goesOn(t: Test, cluster: SimulatedCluster, job: JobShape): Promise<void> {
  cluster.start('b')
  t.ok(await cluster.runUntil(() => cluster.ended.has(ID), 100_000))
  t.equal(cluster.ended.get(ID), 'Finished')
  t.equal(judge(job), null)
}

t.test('it stops behind its last checkpoint, whenever it is asked', async (t) => {
  for (const agoMs of TIMES) {
    const { cluster, coordinator } = await short(agoMs)
    const stopping = coordinator.job(ID).stop(null)
    const stopped = outcomeOf(stopping)
    await cluster.runFor(6_000)
    t.ok(stopped.isOver, `${agoMs} ms later`)
    if (stopped.code !== null) {
      t.equal(stopped.code, 'E_SNAPSHOT_ABANDONED', 'it was lost in the middle of it')
      continue
    }
    const { round, isEarlier } = await stopping
    t.ok(round > 0 && isEarlier)
    t.equal(cluster.ended.get(ID), 'Stopped')
  }
})

t.test('without a checkpoint it does not, says what is missing, and goes on', async (t) => {
  for (const agoMs of TIMES) {
    const { cluster, coordinator, job } = await short(agoMs, 100_000)
    const stopping = coordinator.job(ID).stop(null)
    const stopped = outcomeOf(stopping)
    await cluster.runFor(6_000)
    t.ok(stopped.isOver, `${agoMs} ms later`)
    await t.rejects(stopping, { code: /E_NO_SNAPSHOT|E_SNAPSHOT_ABANDONED/ })
    if (stopped.code === 'E_NO_SNAPSHOT')
      await t.rejects(stopping, { message: /1 slot: the slot of a is taken/ })
    await goesOn(t, cluster, job)
  }
})

t.test('a savepoint of it is refused with what is missing, and it goes on', async (t) => {
  for (const agoMs of TIMES) {
    const { cluster, coordinator, job } = await short(agoMs)
    const asked = [coordinator.job(ID).savepoint('x'), coordinator.job(ID).stop('y')]
    const outcomes = asked.map(outcomeOf)
    await cluster.runFor(6_000)
    for (const [i, { isOver, code }] of outcomes.entries()) {
      t.ok(isOver, `${agoMs} ms later`)
      if (code === 'E_SNAPSHOT_ABANDONED') continue
      await t.rejects(asked[i]!, {
        code: 'E_JOB_NOT_RUNNING',
        message: /waits for 1 slot: the slot of a is taken/,
      })
    }
    await goesOn(t, cluster, job)
  }
})

t.test('it is rescaled to what there is, at once', async (t) => {
  const { cluster, coordinator, job } = await short(10_000)
  const rescaled = outcomeOf(coordinator.rescale(ID, 1))
  await cluster.runFor(500)
  t.same(rescaled, { code: null, isOver: true })
  await goesOn(t, cluster, job)
})

t.test('its coordinator stops within a second, and the next goes on with it', async (t) => {
  for (const agoMs of TIMES) {
    const { cluster, coordinator, job } = await short(agoMs)
    const rescaled = outcomeOf(coordinator.rescale(ID, 2, 60_000))
    const stopped = outcomeOf(coordinator.stop())
    await cluster.runFor(1_000)
    t.ok(stopped.isOver, `${agoMs} ms later`)
    await cluster.runFor(1_000)
    t.ok(rescaled.isOver)
    t.notOk(cluster.ended.has(ID), 'that is not told as its end')
    t.ok(cluster.events.some((event) => event.includes(`{"kind":"JobSuspended","job":"${ID}"}`)))
    cluster.kill(HUB)
    cluster.start(HUB)
    await goesOn(t, cluster, job)
  }
})

t.test('also where its last checkpoint does not come about', async (t) => {
  const { cluster, coordinator, job } = await short(0, 100_000)
  cluster.start('b')
  await cluster.runFor(8_000)
  t.equal(coordinator.job(ID).state, 'Running')
  job.world.prepareMs = 200_000
  const stopped = outcomeOf(coordinator.stop())
  await cluster.runFor(15_000)
  t.notOk(stopped.isOver, 'it is given some time')
  await cluster.runFor(15_000)
  t.ok(stopped.isOver)
  job.world.prepareMs = 1
  cluster.kill(HUB)
  cluster.start(HUB)
  await goesOn(t, cluster, job)
})
