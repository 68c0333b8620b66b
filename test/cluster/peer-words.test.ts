/** Two nodes hear of each other beside their data connection: under a virtual clock. */
import t from 'tap'
import { STANDSTILL_MS } from '../../lib/cluster/times.js'
import { type JobShape, judge, moduleOf } from '../support/cluster-simulation.js'
import { bundleOf, HUB, SimulatedCluster } from '../support/simulated-cluster.js'
import { testSeed } from '../support/test-seed.js'
import { TransactionWorld } from '../support/transaction-world.js'

const ID = 'rows-00000001'
const SEED = testSeed(1)

t.test('where only the words between two nodes stand still, they are dialled anew', async (t) => {
  const job: JobShape = {
    name: 'rows',
    rows: 200,
    splits: 4,
    parallelism: 2,
    isReactive: false,
    interval: 500,
    seconds: 40,
    world: new TransactionWorld(),
  }
  const nodes = ['a', 'b'].map((name) => ({ name, slots: 1 }))
  const cluster = new SimulatedCluster({ seed: SEED, nodes, modules: { rows: moduleOf(job) } })
  for (const name of [HUB, 'a', 'b']) cluster.start(name)
  await cluster.runFor(1_000)
  const options = { memoryMb: 0, parallelism: 2, checkpoint: { interval: 500 } }
  void cluster.coordinator!.submit(ID, bundleOf('rows'), options, () => {})
  await cluster.runFor(2_000)
  // Over control connections between nodes nothing else goes.
  cluster.internet.hold('a', 'b', 'control')
  await cluster.runFor(STANDSTILL_MS + 3_000)
  // The old ones stand still for ever: only new words tell that the other side lives.
  cluster.internet.hold('a', 'b', 'data')
  await cluster.runFor(STANDSTILL_MS / 2)
  cluster.internet.heal()
  t.ok(await cluster.runUntil(() => cluster.ended.has(ID), 100_000))
  t.equal(judge(job), null)
  for (const loss of ['NodeLost', 'PeersApart', 'PeerLost', 'RegionRestarting']) {
    t.notOk(
      cluster.events.some((event) => event.includes(loss)),
      loss,
    )
  }
})
