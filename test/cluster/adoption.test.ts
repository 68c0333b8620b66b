/** A coordinator that is started again goes on with what runs: whole clusters under a virtual clock. */
import t, { type Test } from 'tap'
import { type JobShape, judge, moduleOf } from '../support/cluster-simulation.js'
import { bundleOf, HUB, type NodeShape, SimulatedCluster } from '../support/simulated-cluster.js'
import { testSeed } from '../support/test-seed.js'
import { TransactionWorld } from '../support/transaction-world.js'

t.setTimeout(400_000)

const ID = 'rows-00000001'
const SEED = testSeed(1)

interface World {
  readonly cluster: SimulatedCluster
  /** How often that was told. */
  told(text: string): number
  /** Waits for the end of the job, and judges what it has shown. */
  ends(t: Test): Promise<void>
}

/**
 * A job of three slots that has run for 5 s on these nodes; it has taken snapshots, or takes none.
 * `maxRestarts`: without progress.
 */
async function running(
  nodes: readonly NodeShape[],
  takesSnapshots = true,
  maxRestarts = 10,
): Promise<World> {
  const job: JobShape = {
    name: 'rows',
    rows: 400,
    splits: 40,
    parallelism: 3,
    isReactive: false,
    interval: 500,
    seconds: 40,
    world: new TransactionWorld(),
  }
  const cluster = new SimulatedCluster({ seed: SEED, nodes, modules: { rows: moduleOf(job) } })
  cluster.start(HUB)
  for (const { name } of nodes) cluster.start(name)
  await cluster.runFor(1_000)
  const checkpoint = { interval: takesSnapshots ? 500 : 100_000 }
  void cluster.coordinator!.submit(
    ID,
    bundleOf('rows'),
    { memoryMb: 0, checkpoint, parallelism: 3, supervise: { maxRestarts } },
    () => {},
  )
  await cluster.runFor(5_000)
  return {
    cluster,
    told: (text) => cluster.events.filter((event) => event.includes(text)).length,
    async ends(t) {
      t.ok(await cluster.runUntil(() => cluster.ended.has(ID), 200_000), 'it ends')
      t.equal(cluster.ended.get(ID), 'Finished')
      t.equal(judge(job), null)
      if (process.env.SHOW_EVENTS !== undefined) t.comment(cluster.events.join('\n'))
    },
  }
}

const TWO = [
  { name: 'a', slots: 2 },
  { name: 'b', slots: 2 },
]

t.test('where all nodes have kept their slots, nothing is restarted', async (t) => {
  const { cluster, told, ends } = await running(TWO)
  cluster.kill(HUB)
  await cluster.runFor(1_000)
  t.equal(told('Paused'), 2, 'nobody works without a coordinator')
  cluster.start(HUB)
  await cluster.runFor(2_500)
  t.equal(told('JobAdopted'), 1, 'as soon as all are there')
  await ends(t)
  t.equal(told('SlotStarted'), 3)
  t.equal(told('RegionRestarting'), 0)
})

t.test('before its first snapshot, too', async (t) => {
  const { cluster, told, ends } = await running(TWO, false)
  cluster.kill(HUB)
  cluster.start(HUB)
  await cluster.runFor(5_000)
  t.equal(told('JobAdopted'), 1)
  await ends(t)
  t.equal(told('SlotStarted'), 3)
})

t.test('again and again', async (t) => {
  const { cluster, told, ends } = await running(TWO)
  for (let i = 0; i < 4; i++) {
    cluster.kill(HUB)
    cluster.start(HUB)
    await cluster.runFor(3_000 + i * 777)
  }
  t.equal(told('JobAdopted'), 4)
  await ends(t)
  t.equal(told('SlotStarted'), 3)
})

t.test('where one node has died too, all begins again from the last snapshot', async (t) => {
  const { cluster, told, ends } = await running(TWO)
  cluster.kill(HUB)
  cluster.kill('b')
  cluster.start(HUB)
  cluster.start('b')
  await cluster.runFor(10_000)
  t.equal(told('JobAdopted'), 0)
  await ends(t)
  t.equal(told('SlotStarted'), 6)
})

t.test('where two nodes have lost each other meanwhile, too', async (t) => {
  const { cluster, told, ends } = await running(TWO)
  cluster.kill(HUB)
  await cluster.runFor(500)
  cluster.internet.reset('a', 'b')
  await cluster.runFor(500)
  cluster.start(HUB)
  await cluster.runFor(10_000)
  t.equal(told('JobAdopted'), 0)
  t.equal(told('has lost links'), 1, 'it says why')
  await ends(t)
})

t.test('what fails after it was adopted is restarted as ever', async (t) => {
  const { cluster, told, ends } = await running(TWO)
  cluster.kill(HUB)
  cluster.start(HUB)
  await cluster.runFor(5_000)
  t.equal(told('JobAdopted'), 1)
  cluster.kill('b')
  cluster.start('b')
  await ends(t)
  t.ok(told('RegionRestarting') > 0)
})

t.test('after many deaths, one right after the other', async (t) => {
  const { cluster, told, ends } = await running(TWO)
  for (let deaths = 1; deaths <= 8; deaths++) {
    cluster.kill(HUB)
    cluster.start(HUB)
    const isBack = () => told('"Joined"') >= 2 * (deaths + 1)
    t.ok(await cluster.runUntil(isBack, 20_000), 'all nodes join')
  }
  await cluster.runFor(5_000)
  await ends(t)
  t.equal(told('SlotStarted'), 3)
  t.equal(told('RegionRestarting'), 0)
})

/** It fails, as a node dies and is started again; then it has run for some time. */
async function losesNode({ cluster }: World): Promise<void> {
  cluster.kill('b')
  cluster.start('b')
  await cluster.runFor(5_000)
}

t.test('restarts count on under the next coordinator, until there is progress', async (t) => {
  for (const takesSnapshots of [false, true]) {
    const world = await running(TWO, takesSnapshots, 1)
    const { cluster, told, ends } = world
    await losesNode(world)
    cluster.kill(HUB)
    cluster.start(HUB)
    await cluster.runFor(5_000)
    t.equal(told('JobAdopted'), 1)
    t.equal(told('RegionRestarting'), 1)
    await losesNode(world)
    if (takesSnapshots) {
      t.equal(told('RegionRestarting'), 2, 'what was got beyond counts no more')
      await ends(t)
    } else {
      t.equal(told('RegionRestarting'), 1)
      t.equal(told('the limit of 1 restarts without progress is reached'), 1)
      t.equal(cluster.ended.get(ID), 'Failed')
    }
  }
})

t.test('and where it cannot go on with what runs', async (t) => {
  const world = await running(TWO, false, 1)
  const { cluster, told } = world
  await losesNode(world)
  cluster.kill(HUB)
  cluster.kill('b')
  cluster.start(HUB)
  cluster.start('b')
  await cluster.runFor(10_000)
  t.equal(told('JobAdopted'), 0)
  t.equal(told('the limit of 1'), 0, 'that its coordinator has died is no failure of the job')
  await losesNode(world)
  t.equal(told('the limit of 1 restarts without progress is reached'), 1)
  t.equal(cluster.ended.get(ID), 'Failed')
})

t.test('all its restarts are shown, whoever has seen them', async (t) => {
  for (const isAdopted of [true, false]) {
    const world = await running(TWO)
    const { cluster, told, ends } = world
    const shown = () => cluster.coordinator!.jobs()[0]!.restarts
    await losesNode(world)
    t.equal(shown(), 1)
    cluster.kill(HUB)
    if (!isAdopted) cluster.kill('b')
    cluster.start(HUB)
    if (!isAdopted) cluster.start('b')
    await cluster.runFor(8_000)
    t.equal(told('JobAdopted'), isAdopted ? 1 : 0)
    t.equal(shown(), 1, 'as under the coordinator before')
    await losesNode(world)
    t.equal(shown(), 2)
    void cluster.coordinator!.rescale(ID, 2)
    await cluster.runFor(1_000)
    t.equal(shown(), 2)
    const { done } = cluster.coordinator!.job(ID)
    await ends(t)
    t.equal((await done).restarts, 2)
  }
})
