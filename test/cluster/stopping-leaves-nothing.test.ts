/** What has stopped leaves no timer and no connection behind, which would keep its process from ending. */
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { command } from '../support/command.js'
import { recoveringLong, runningLong, SEED, startNodes, TWO_NODES } from '../support/long-job.js'
import { bundleOf, HUB, SimulatedCluster } from '../support/simulated-cluster.js'

t.setTimeout(400_000)

/** A connection that is being made is there by then, or is not. */
const DIALLED_MS = 3_000

/** What happens to a cluster before. */
const STORIES: Record<string, () => Promise<SimulatedCluster>> = {
  'nothing runs': async () => {
    const cluster = new SimulatedCluster({ seed: SEED, nodes: TWO_NODES, modules: {} })
    cluster.start(HUB)
    startNodes(cluster)
    await cluster.runFor(1_000)
    return cluster
  },
  'there is no coordinator': async () => {
    const cluster = new SimulatedCluster({ seed: SEED, nodes: TWO_NODES, modules: {} })
    startNodes(cluster)
    await cluster.runFor(1_000)
    return cluster
  },
  'a job runs': () => runningLong(),
  'a job waits for slots': async () => {
    const cluster = await runningLong()
    cluster.kill('b')
    await cluster.runFor(500)
    return cluster
  },
  'a job waits for room': async () => {
    const cluster = await runningLong()
    void cluster.coordinator!.rescale('rows-00000001', 3, 60_000).catch(() => {})
    await cluster.runFor(100)
    return cluster
  },
  'a job is submitted': async () => {
    const cluster = await runningLong()
    const options = { memoryMb: 0, parallelism: 2 }
    void cluster
      .coordinator!.submit('rows-00000002', bundleOf('rows'), options, () => {})
      .catch(() => {})
    await cluster.runFor(100)
    return cluster
  },
  'a coordinator settles': () => recoveringLong(100),
  'a job is tried again': () => recoveringLong(6_000),
  'a node is cut off': async () => {
    const cluster = await runningLong()
    cluster.internet.cut(HUB, 'b')
    await cluster.runFor(100)
    return cluster
  },
  'two nodes do not reach each other': async () => {
    const cluster = await runningLong()
    cluster.internet.cut('a', 'b')
    await cluster.runFor(300)
    return cluster
  },
  'a node has just lost its connections': () => apart(HUB, 'b', 1),
  'a node connects again': () => apart(HUB, 'b', 60),
  'a node works on without its coordinator': () => apart(HUB, 'b', 250),
  'a node has just lost another one': () => apart('a', 'b', 1),
  'a node connects to another one again': () => apart('a', 'b', 120),
  'a node has just died': async () => {
    const cluster = await runningLong()
    cluster.kill('b')
    await cluster.runFor(1)
    return cluster
  },
  'its nodes are there again': async () => {
    const cluster = await recoveringLong(5_000)
    startNodes(cluster)
    await cluster.runFor(200)
    return cluster
  },
}

/** Ms within which a node joins, or connects again, here: it hears no answer from any of them on. */
const JOINING_MS = [1, 2, 3, 4, 5, 6]
for (const silentMs of JOINING_MS) {
  STORIES[`a node joins, and its coordinator is silent ${silentMs} ms later`] = async () => {
    const cluster = new SimulatedCluster({ seed: SEED, nodes: TWO_NODES, modules: {} })
    cluster.start(HUB)
    await cluster.runFor(100)
    startNodes(cluster)
    return silent(cluster, silentMs)
  }
  STORIES[`a node connects again, and its coordinator is silent ${silentMs} ms later`] =
    async () => {
      const cluster = await runningLong()
      cluster.internet.reset(HUB, 'b')
      return silent(cluster, silentMs)
    }
}

async function silent(cluster: SimulatedCluster, inMs: number): Promise<SimulatedCluster> {
  await cluster.runFor(inMs)
  cluster.internet.cut(HUB, 'b')
  await cluster.runFor(100)
  return cluster
}

/** All connections of the two have broken so long ago, and they can make no others. */
async function apart(one: string, other: string, agoMs: number): Promise<SimulatedCluster> {
  const cluster = await runningLong()
  cluster.internet.cutDials(one, other)
  cluster.internet.reset(one, other)
  await cluster.runFor(agoMs)
  return cluster
}

async function stops(t: Test, cluster: SimulatedCluster, name: string): Promise<void> {
  const process = cluster.processOf(name)!
  const part = name === HUB ? cluster.coordinator! : cluster.nodes.get(name)!.node
  let isStopped = false
  void part.stop().then(() => {
    isStopped = true
  })
  t.ok(await cluster.runUntil(() => isStopped, 60_000), `${name} stops`)
  await cluster.settle()
  t.equal(process.timers, 0, `nothing of ${name} is left`)
  await cluster.runFor(DIALLED_MS)
  t.equal(process.timers, 0, `nothing of ${name} comes back`)
  t.equal(cluster.internet.openOf(name), 0, `no connection of ${name} is left`)
}

t.test('a process in which all has stopped ends by itself', async (t) => {
  const process = fileURLToPath(new URL('../support/stopping-process.js', import.meta.url))
  t.match(await command(process).ended, { code: 0, stdout: '', stderr: '' })
})

for (const [story, happens] of Object.entries(STORIES)) {
  t.test(`where ${story}`, async (t) => {
    for (const first of [HUB, 'a', 'b']) {
      const cluster = await happens()
      if (cluster.processOf(first) !== null) await stops(t, cluster, first)
    }
  })
}
