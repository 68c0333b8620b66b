/** What is left waits for places, and says so: whole clusters under a virtual clock. */
import t from 'tap'
import { type JobShape, judge, moduleOf } from '../support/cluster-simulation.js'
import { outcomeOf } from '../support/outcome-of.js'
import { bundleOf, HUB, type NodeShape, SimulatedCluster } from '../support/simulated-cluster.js'
import { testSeed } from '../support/test-seed.js'
import { TransactionWorld } from '../support/transaction-world.js'

t.setTimeout(400_000)

const ID = 'rows-00000001'
const SEED = testSeed(1)

/** A job of two slots that has run for 2 s, of 20; all nodes but `late` are there. */
async function running(nodes: readonly NodeShape[], late: readonly string[] = []) {
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
  const cluster = new SimulatedCluster({ seed: SEED, nodes, modules: { rows: moduleOf(job) } })
  cluster.start(HUB)
  for (const { name } of nodes) if (!late.includes(name)) cluster.start(name)
  await cluster.runFor(1_000)
  const options = { memoryMb: 0, checkpoint: { interval: 300 }, parallelism: 2 }
  void cluster.coordinator!.submit(ID, bundleOf('rows'), options, () => {}).catch(() => {})
  await cluster.runFor(2_000)
  const told = (text: string) => cluster.events.filter((event) => event.includes(text)).length
  const waitsFor = () => cluster.coordinator!.jobs()[0]!.waitsFor
  const nodesOf = () => cluster.coordinator!.placementOf(ID).map(({ node }) => node)
  return { cluster, job, told, waitsFor, nodesOf }
}

const ONE_EACH = ['a', 'b', 'c'].map((name) => ({ name, slots: 1 }))

t.test('a job that finds too few places elsewhere says for how many it waits', async (t) => {
  const { cluster, job, told, waitsFor } = await running(ONE_EACH, ['c'])
  t.equal(waitsFor(), null)
  const evacuated = outcomeOf(cluster.coordinator!.evacuate('a'))
  await cluster.runFor(500)
  t.same(evacuated, { code: null, isOver: true }, 'the node is empty')
  t.match(waitsFor(), /^2 slots: .*there is room for 1; the slot of b is taken/)
  t.equal(told('"JobWaits"'), 1, 'once, though two slots wait')
  t.equal(told(`"job":"${ID}","slots":2,"missing":"2 slots are wanted`), 1)
  cluster.start('c')
  await cluster.runFor(1_000)
  t.equal(waitsFor(), null)
  t.ok(await cluster.runUntil(() => cluster.ended.has(ID), 60_000))
  t.equal(judge(job), null)
})

t.test('a job that waits for a place already does not hold the node', async (t) => {
  for (const laterMs of [0, 20, 40, 2_900, 3_100, 8_000]) {
    const { cluster, job, waitsFor } = await running(ONE_EACH, ['c'])
    cluster.kill('b')
    await cluster.runFor(laterMs)
    const evacuated = outcomeOf(cluster.coordinator!.evacuate('a'))
    await cluster.runFor(4_000)
    t.same(evacuated, { code: null, isOver: true }, `${laterMs} ms later`)
    t.match(waitsFor(), /^2 slots: /)
    cluster.start('b')
    cluster.start('c')
    t.ok(await cluster.runUntil(() => cluster.ended.has(ID), 60_000))
    t.equal(cluster.ended.get(ID), 'Finished')
    t.equal(judge(job), null)
  }
})

t.test('nor does it wait for places before it is rescaled to as many as there are', async (t) => {
  const { cluster, job } = await running(ONE_EACH, ['c'])
  cluster.kill('b')
  await cluster.runFor(8_000)
  const rescaled = outcomeOf(cluster.coordinator!.rescale(ID, 1))
  await cluster.runFor(2_000)
  t.same(rescaled, { code: null, isOver: true })
  t.ok(await cluster.runUntil(() => cluster.ended.has(ID), 60_000))
  t.equal(judge(job), null)
})

t.test(
  'what has waited for as long as its placement says has failed, with the reason',
  async (t) => {
    const { cluster, waitsFor } = await running(ONE_EACH, ['c'])
    const moved = outcomeOf(cluster.coordinator!.move(ID, { wait: '5s' }))
    await cluster.runFor(1_000)
    t.same(moved, { code: null, isOver: true })
    cluster.kill('b')
    await cluster.runFor(4_000)
    t.match(waitsFor(), /^1 slot: /)
    await cluster.runFor(6_000)
    t.match(cluster.coordinator!.jobs()[0], {
      state: 'Failed',
      waitsFor: null,
      error: /has waited 5 s/,
    })
  },
)

t.test('a job that is cancelled while its node is evacuated leaves it empty', async (t) => {
  for (const laterMs of [0, 10, 20, 500]) {
    const { cluster } = await running(ONE_EACH, ['c'])
    const evacuated = outcomeOf(cluster.coordinator!.evacuate('a'))
    await cluster.runFor(laterMs)
    const cancelled = outcomeOf(cluster.coordinator!.job(ID).cancel())
    await cluster.runFor(500)
    t.same([cancelled.code, cancelled.isOver, evacuated.isOver], [null, true, true])
    t.equal(cluster.ended.get(ID), 'Cancelled', `${laterMs} ms later`)
  }
})

t.test('whoever uncordons a node gives up its evacuation, and the job goes on', async (t) => {
  const { cluster, job, nodesOf, waitsFor } = await running(ONE_EACH, ['c'])
  cluster.kill('b')
  await cluster.runFor(8_000)
  // It holds on to the place that it has, in order to begin anew.
  const moved = outcomeOf(cluster.coordinator!.move(ID, null))
  const evacuated = outcomeOf(cluster.coordinator!.evacuate('a'))
  void cluster.coordinator!.cordon('a', false)
  await cluster.runFor(50)
  t.same(evacuated, { code: 'E_UNCORDONED', isOver: true })
  t.match(waitsFor(), /^2 slots: /)
  cluster.start('b')
  await cluster.runFor(1_000)
  t.same(moved, { code: null, isOver: true })
  t.same(nodesOf().toSorted(), ['a', 'b'])
  t.ok(await cluster.runUntil(() => cluster.ended.has(ID), 60_000))
  t.equal(judge(job), null)
})

t.test(
  'a node that has kept slots for a job not taken over yet is empty when it says so',
  async (t) => {
    for (const laterMs of [300, 700, 1_500]) {
      const { cluster, job, nodesOf } = await running(ONE_EACH)
      const [left, away] = nodesOf() as [string, string]
      cluster.kill(HUB)
      await cluster.runFor(300)
      cluster.internet.cut(HUB, away)
      cluster.internet.cut(away, HUB)
      cluster.start(HUB)
      await cluster.runFor(laterMs)
      const evacuated = outcomeOf(cluster.coordinator!.evacuate(left))
      t.ok(await cluster.runUntil(() => evacuated.isOver, 1_000))
      t.equal(evacuated.code, null)
      t.same(cluster.nodes.get(left)!.node!.slots, [], `${laterMs} ms later`)
      cluster.internet.heal()
      await cluster.runFor(6_000)
      t.notOk(nodesOf().includes(left), 'nor does it have work again')
      t.ok(await cluster.runUntil(() => cluster.ended.has(ID), 60_000))
      t.equal(judge(job), null)
    }
  },
)

for (const [cut, isBothWays] of [
  ['', true],
  [', and is heard', false],
] as const) {
  const name = `what has not heard that it is ended runs nowhere else until it stands still${cut}`
  t.test(name, async (t) => {
    const nodes = [...ONE_EACH, { name: 'd', slots: 1 }]
    const { cluster, job, waitsFor, nodesOf } = await running(nodes)
    const [here, other] = nodesOf() as [string, string]
    cluster.internet.cut(HUB, here)
    if (isBothWays) cluster.internet.cut(here, HUB)
    // Its region is to begin again, and waits until that slot has stopped; then the whole job is to.
    cluster.kill(other)
    await cluster.runFor(400)
    void cluster.coordinator!.evacuate(here).catch(() => {})
    await cluster.runFor(1_000)
    t.ok(nodesOf().includes(null), 'no slot has a place while one of those before may run')
    t.match(waitsFor(), /still has to stop/)
    t.ok(await cluster.runUntil(() => nodesOf().every((node) => node !== null), 3_000))
    cluster.internet.heal()
    t.ok(await cluster.runUntil(() => cluster.ended.has(ID), 60_000))
    t.same(cluster.laws.violations, [])
    t.equal(judge(job), null)
  })
}
