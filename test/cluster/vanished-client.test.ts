/** A client goes in the middle of what it has asked for: under a virtual clock. */
import t from 'tap'
import { connectOver } from '../../actors/client/client.js'
import { type JobShape, judge, moduleOf } from '../support/cluster-simulation.js'
import { identityOf } from '../support/memory-network.js'
import { bundleOf, HUB, SimulatedCluster } from '../support/simulated-cluster.js'
import { SimulatedProcess } from '../support/simulated-process.js'
import { testSeed } from '../support/test-seed.js'
import { TransactionWorld } from '../support/transaction-world.js'

t.setTimeout(400_000)

const ID = 'rows-00000001'
const SEED = testSeed(1)
const CLI = 'cli'

/** A job that runs for 10 s, as a client sees it. A message takes 5 ms. */
async function watched() {
  const job: JobShape = {
    name: 'rows',
    rows: 100,
    splits: 4,
    parallelism: 2,
    isReactive: false,
    interval: 500,
    seconds: 10,
    world: new TransactionWorld(),
  }
  const nodes = ['a', 'b'].map((name) => ({ name, slots: 1 }))
  const modules = { rows: moduleOf(job) }
  const cluster = new SimulatedCluster({ seed: SEED, nodes, modules, delay: () => 5 })
  for (const name of cluster.names) cluster.start(name)
  await cluster.runFor(1_000)
  const options = { memoryMb: 0, parallelism: 2, checkpoint: { interval: 500 } }
  void cluster.coordinator!.submit(ID, bundleOf('rows'), options, () => {})
  await cluster.runFor(2_000)
  const process = new SimulatedProcess(CLI, cluster.clock, 1)
  const network = cluster.internet.of(identityOf('client', CLI), process)
  const parts = { clock: process, random: cluster.random, reconnectMs: 60_000 }
  const connecting = connectOver(network, `ws://${HUB}:1`, parts)
  await cluster.runFor(100)
  const watching = (await connecting).job(ID)
  await cluster.runFor(100)
  return { cluster, job, process, asked: await watching }
}

/** While it is on its way, while barriers are, and when only the answer is left. */
const TIMES = [1, 8, 15, 25, 40]

/** `laterMs` null: before any of what it asks has left. */
async function vanish(
  { cluster, process }: Awaited<ReturnType<typeof watched>>,
  ask: () => Promise<unknown>,
  laterMs: number | null,
): Promise<void> {
  if (laterMs === null) cluster.internet.cut(CLI, HUB)
  ask().catch(() => {})
  await cluster.runFor(laterMs ?? 20)
  cluster.internet.kill(CLI)
  process.kill()
  await cluster.runFor(2_000)
}

t.test('a savepoint that nobody waits for any more is complete, and the job goes on', async (t) => {
  for (const laterMs of [null, ...TIMES]) {
    const world = await watched()
    const { cluster, job, asked } = world
    await vanish(world, () => asked.savepoint('saved'), laterMs)
    t.equal(cluster.coordinator!.job(ID).state, 'Running', `${laterMs} ms later`)
    t.equal((await cluster.lastRound('saved')) > 0, laterMs !== null, `${laterMs} ms later`)
    t.ok(await cluster.runUntil(() => cluster.ended.has(ID), 60_000))
    t.equal(judge(job), null)
  }
})

t.test(
  'a job that was to stop behind a savepoint has stopped, or was never asked to',
  async (t) => {
    for (const laterMs of [null, ...TIMES]) {
      const world = await watched()
      const { cluster, asked } = world
      await vanish(world, () => asked.stop('saved'), laterMs)
      const isAsked = laterMs !== null
      t.equal((await cluster.lastRound('saved')) > 0, isAsked, `${laterMs} ms later`)
      t.equal(cluster.ended.get(ID), isAsked ? 'Stopped' : undefined, `${laterMs} ms later`)
      t.equal(cluster.stores.jobs.size, isAsked ? 0 : 1)
    }
  },
)

t.test('whoever comes back has the answer, and the savepoint was taken once', async (t) => {
  for (const laterMs of TIMES) {
    const { cluster, asked } = await watched()
    const saving = asked.savepoint('saved')
    await cluster.runFor(laterMs)
    cluster.internet.reset(CLI, HUB)
    await cluster.runFor(3_000)
    const { round } = await saving
    t.equal(await cluster.lastRound('saved'), round, `${laterMs} ms later`)
    const taken = cluster.events.filter((event) => event.includes('"savepoint":true'))
    t.equal(taken.length, 1)
  }
})
