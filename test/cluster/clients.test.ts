/** Clients and their coordinator, while connections stand still or break: under a virtual clock. */
import t, { type Test } from 'tap'
import { type Cluster, connectOver } from '../../actors/client/client.js'
import { CLIENT_SILENCE_MS } from '../../lib/cluster/times.js'
import { identityOf } from '../support/memory-network.js'
import { HUB, SimulatedCluster } from '../support/simulated-cluster.js'
import { SimulatedProcess } from '../support/simulated-process.js'

const SEED = Number(process.env.MILLRACE_SEED ?? 1)
const CLI = 'cli'

interface World {
  readonly cluster: SimulatedCluster
  readonly process: SimulatedProcess
  readonly client: Cluster
}

async function worldOf(t: Test): Promise<World> {
  const cluster = new SimulatedCluster({ seed: SEED, nodes: [], modules: {} })
  cluster.start(HUB)
  await cluster.runFor(100)
  const process = new SimulatedProcess(CLI, cluster.clock, 12_345)
  const network = cluster.internet.of(identityOf('client', CLI), process)
  const connecting = connectOver(network, `ws://${HUB}:1`, process)
  await cluster.runFor(100)
  const client = await connecting
  t.teardown(() => client.close())
  return { cluster, process, client }
}

t.test('a client that is idle, slow or paused for a while is not taken for gone', async (t) => {
  const { cluster, process } = await worldOf(t)
  await cluster.runFor(60_000)
  for (const ms of [1_000, 3_000, CLIENT_SILENCE_MS / 2]) {
    process.pause()
    cluster.internet.pause(CLI)
    await cluster.runFor(ms)
    process.resume()
    cluster.internet.resume(CLI)
    await cluster.runFor(3_000)
  }
  t.equal(cluster.internet.open(HUB, CLI), 1)
  t.equal(cluster.internet.open(CLI, HUB), 1)
})

t.test('a client of which nothing is heard is let go', async (t) => {
  const { cluster } = await worldOf(t)
  cluster.internet.cut(CLI, HUB)
  await cluster.runFor(CLIENT_SILENCE_MS - 2_000)
  t.equal(cluster.internet.open(HUB, CLI), 1, 'not before its time')
  await cluster.runFor(4_000)
  t.equal(cluster.internet.open(HUB, CLI), 0)
})

t.test('a coordinator of which nothing is heard is not waited for', async (t) => {
  const { cluster, client } = await worldOf(t)
  cluster.internet.cut(HUB, CLI)
  cluster.internet.cut(CLI, HUB)
  const evacuating = client.evacuate('a')
  const heard = evacuating.then(
    () => null,
    (error: Error) => error,
  )
  await cluster.runFor(CLIENT_SILENCE_MS + 2_000)
  t.equal(cluster.internet.open(CLI, HUB), 0)
  t.match(await heard, { code: 'E_PEER_LOST' })
})
