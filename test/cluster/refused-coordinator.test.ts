/** A coordinator whose term nodes refuse: started on a copy of what the present one had. */
import t from 'tap'
import { SEED, startNodes, TWO_NODES } from '../support/long-job.js'
import { HUB, SimulatedCluster } from '../support/simulated-cluster.js'

t.test('it never counts on nodes that refuse it, though they host nothing', async (t) => {
  for (const terms of [0, 1]) {
    const cluster = new SimulatedCluster({ seed: SEED, nodes: TWO_NODES, modules: {} })
    cluster.start(HUB)
    startNodes(cluster)
    await cluster.runFor(1_000)
    // So that there is an earlier term than the present one.
    cluster.kill(HUB)
    cluster.start(HUB)
    await cluster.runFor(1_000)
    t.ok(cluster.startOutdated(terms))
    const seen: string[] = []
    cluster.hub!.coordinator.events$.subscribe(({ kind }) => seen.push(kind))
    const before = cluster.events.length
    await cluster.runFor(10_000)
    t.same(seen, [], `its term is ${terms} lower`)
    const refused = cluster.events.slice(before).filter((event) => event.includes('"CannotJoin"'))
    const why = terms === 0 ? 'so is another one' : 'has served one of term 2'
    for (const { name } of TWO_NODES) {
      t.ok(refused.some((event) => event.includes(` ${name} `) && event.includes(why)))
    }
    cluster.kill(HUB)
    cluster.start(HUB)
    await cluster.runFor(6_000)
    t.equal((await nodesOf(cluster)).length, TWO_NODES.length, 'the next one they serve')
  }
})

async function nodesOf(cluster: SimulatedCluster): Promise<readonly unknown[]> {
  const asked = cluster.coordinator!.nodes()
  await cluster.runFor(10)
  return asked
}
