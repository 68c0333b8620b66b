/** Where jobs run, and how that changes: whole clusters under a virtual clock. */
import t, { type Test } from 'tap'
import type { SubmitOptions } from '../../actors/coordinator/protocol.js'
import { MillraceError } from '../../lib/base/errors.js'
import { type JobShape, judge, moduleOf } from '../support/cluster-simulation.js'
import { bundleOf, HUB, type NodeShape, SimulatedCluster } from '../support/simulated-cluster.js'
import { testSeed } from '../support/test-seed.js'
import { TransactionWorld } from '../support/transaction-world.js'

t.setTimeout(400_000)

const ID = 'rows-00000001'

interface World {
  readonly cluster: SimulatedCluster
  readonly job: JobShape
  /** Submits the job. */
  submit(options: SubmitOptions): Promise<unknown>
  /** Waits for the end of the job, and judges what it has shown. */
  ends(t: Test): Promise<void>
  /** Nodes of its slots, sorted. */
  places(): readonly string[]
}

const SEED = testSeed(1)

async function worldOf(nodes: readonly NodeShape[], begin = nodes.length): Promise<World> {
  const job: JobShape = {
    name: 'rows',
    rows: 400,
    splits: 4,
    parallelism: 4,
    isReactive: false,
    interval: 500,
    seconds: 40,
    world: new TransactionWorld(),
  }
  const cluster = new SimulatedCluster({ seed: SEED, nodes, modules: { rows: moduleOf(job) } })
  cluster.start(HUB)
  for (const { name } of nodes.slice(0, begin)) cluster.start(name)
  await cluster.runFor(1_000)
  return {
    cluster,
    job,
    submit: (options) =>
      cluster.coordinator!.submit(
        ID,
        bundleOf('rows'),
        { memoryMb: 0, checkpoint: { interval: 500 }, ...options },
        () => {},
      ),
    async ends(t) {
      t.ok(await cluster.runUntil(() => cluster.ended.has(ID), 200_000), 'it ends')
      t.equal(cluster.ended.get(ID), 'Finished')
      t.equal(judge(job), null)
    },
    places: () =>
      cluster
        .coordinator!.placementOf(ID)
        .map(({ node }) => node ?? '?')
        .toSorted(),
  }
}

const node = (name: string, slots: number): NodeShape => ({ name, slots })

/** It cannot set up a slot for as many times. */
function failing(name: string, times: number): NodeShape & { readonly tried: () => number } {
  let tried = 0
  const failsSetUp = () =>
    ++tried > times ? null : new MillraceError('E_DISK', 'the disk is full', { retryable: true })
  return { name, slots: 2, failsSetUp, tried: () => tried }
}

t.test('a node that cannot set up slots is tried once, and others come first then', async (t) => {
  const broken = failing('a', 1_000)
  const { cluster, submit, ends } = await worldOf([broken, node('b', 2)])
  void submit({ parallelism: 1 })
  await cluster.runFor(5_000)
  t.same(cluster.coordinator!.placementOf(ID)[0]?.node, 'b')
  t.equal(broken.tried(), 1)
  const told = cluster.events.filter((event) => event.includes('NodeInDoubt'))
  t.match(told, [/"node":"a","reason":.*the disk is full.*"forMs":10000/])
  t.ok(
    cluster.events.some((event) => /failure .*could not be set up there.*disk is full/.test(event)),
  )
  await ends(t)
})

t.test('where it is the only one, it is tried again and again', async (t) => {
  const broken = failing('a', 3)
  const { cluster, submit, ends } = await worldOf([broken])
  void submit({ parallelism: 1 })
  await cluster.runFor(10_000)
  t.equal(broken.tried(), 4)
  await ends(t)
})

t.test('a reactive job follows the nodes that join and leave', async (t) => {
  const { cluster, submit, ends, places } = await worldOf(
    [node('a', 1), node('b', 1), node('c', 1)],
    1,
  )
  void submit({ reactive: { maxParallelism: 2 } })
  await cluster.runFor(3_000)
  t.same(places(), ['a'])
  cluster.start('b')
  cluster.start('c')
  await cluster.runFor(12_000)
  t.equal(places().length, 2, 'as many as there are, and as it may have')
  cluster.kill('a')
  cluster.kill('b')
  await cluster.runFor(4_000)
  t.same(places(), ['c'])
  t.equal(cluster.coordinator!.jobs()[0]!.state, 'Running')
  await ends(t)
})

t.test('several nodes are evacuated at once, by one move', async (t) => {
  const world = await worldOf([node('a', 2), node('b', 2), node('c', 2), node('d', 2)])
  const { cluster, submit, ends, places } = world
  void submit({ parallelism: 4 })
  await cluster.runFor(3_000)
  const evacuated: string[] = []
  for (const name of ['a', 'b']) {
    cluster.coordinator!.evacuate(name).then(() => evacuated.push(name))
  }
  await cluster.runFor(3_000)
  t.same(evacuated.toSorted(), ['a', 'b'])
  t.same(places(), ['c', 'c', 'd', 'd'])
  await ends(t)
})

t.test('a job that finds no slots elsewhere waits for them, and the node is empty', async (t) => {
  const { cluster, submit, ends, places } = await worldOf([node('a', 2), node('b', 1)])
  void submit({ parallelism: 3 })
  await cluster.runFor(2_000)
  let isEmpty = false
  cluster.coordinator!.evacuate('a').then(() => {
    isEmpty = true
  })
  await cluster.runFor(2_000)
  t.ok(isEmpty)
  t.same(places(), ['?', '?', '?'])
  void cluster.coordinator!.cordon('a', false)
  await cluster.runFor(1_000)
  t.same(places(), ['a', 'a', 'b'])
  await ends(t)
})

t.test('a reactive job that is evacuated makes do with fewer slots', async (t) => {
  const { cluster, submit, ends, places } = await worldOf([node('a', 2), node('b', 1)])
  void submit({ reactive: { maxParallelism: 3 } })
  await cluster.runFor(2_000)
  t.equal(places().length, 3)
  let isEmpty = false
  cluster.coordinator!.evacuate('a').then(() => {
    isEmpty = true
  })
  await cluster.runFor(2_000)
  t.ok(isEmpty)
  t.same(places(), ['b'])
  await ends(t)
})

t.test('a node leaves with nothing on it, and its job goes on elsewhere', async (t) => {
  const { cluster, submit, ends, places } = await worldOf([node('a', 1), node('b', 1)])
  void submit({ parallelism: 1 })
  await cluster.runFor(2_000)
  const [from] = places()
  let hasLeft = false
  cluster.nodes
    .get(from!)!
    .node.leave(10_000)
    .then(() => {
      hasLeft = true
    })
  await cluster.runFor(3_000)
  t.ok(hasLeft)
  t.same(places(), [from === 'a' ? 'b' : 'a'])
  t.equal(cluster.coordinator!.jobs()[0]!.restarts, 0, 'that is no failure')
  await ends(t)
})

t.test('jobs go on when the coordinator has died and is back', async (t) => {
  const { cluster, submit, ends } = await worldOf([node('a', 2), node('b', 2)])
  void submit({ parallelism: 3 })
  await cluster.runFor(5_000)
  cluster.kill(HUB)
  await cluster.runFor(1_000)
  cluster.start(HUB)
  await cluster.runFor(10_000)
  t.equal(cluster.coordinator!.term, 2)
  t.match(cluster.coordinator!.jobs(), [{ id: ID, state: 'Running' }])
  await ends(t)
})

t.test('a job that waits too long for slots has failed, and says what was missing', async (t) => {
  const { cluster, submit } = await worldOf([node('a', 1)])
  void submit({ parallelism: 2, placement: { wait: '10s' } })
  await cluster.runFor(9_000)
  t.notOk(cluster.ended.has(ID))
  await cluster.runFor(2_000)
  const [view] = cluster.coordinator!.jobs()
  t.match(view, {
    state: 'Failed',
    error: /has waited 10 s for a slot: 2 slots are wanted together, and there is room for 1/,
  })
  let taken = -1
  cluster.coordinator!.nodes().then(([first]) => {
    taken = first!.taken
  })
  await cluster.runFor(100)
  t.equal(taken, 0)
})

const cordoned = async ({ cluster }: World): Promise<readonly string[]> => {
  let names: readonly string[] = []
  cluster.coordinator!.nodes().then((nodes) => {
    names = nodes.filter((each) => each.cordoned).map(({ name }) => name)
  })
  await cluster.runFor(100)
  return names
}

t.test('a cordon outlives the node and the coordinator, until it is taken back', async (t) => {
  const world = await worldOf([node('a', 2), node('b', 2)])
  const { cluster, submit, ends, places } = world
  void cluster.coordinator!.cordon('a', true)
  await cluster.runFor(100)
  void submit({ parallelism: 2 })
  await cluster.runFor(3_000)
  t.same(places(), ['b', 'b'])
  cluster.kill('a')
  await cluster.runFor(4_000)
  cluster.start('a')
  await cluster.runFor(1_000)
  t.same(await cordoned(world), ['a'], 'its node has joined anew')
  cluster.kill(HUB)
  cluster.start(HUB)
  await cluster.runFor(8_000)
  t.equal(cluster.coordinator!.term, 2)
  t.same(await cordoned(world), ['a'], 'and so has the coordinator begun anew')
  t.same(places(), ['b', 'b'])
  cluster.kill('a')
  await cluster.runFor(4_000)
  void cluster.coordinator!.cordon('a', false)
  cluster.start('a')
  await cluster.runFor(1_000)
  t.same(await cordoned(world), [], 'taken back while the node was away')
  await ends(t)
})

t.test('who is not there can be uncordoned, and nobody else', async (t) => {
  const { cluster } = await worldOf([node('a', 1), node('b', 1)])
  const said: string[] = []
  const ask = async (name: string, on: boolean) => {
    cluster.coordinator!.cordon(name, on).catch((error: Error) => said.push(error.message))
    await cluster.runFor(100)
  }
  await ask('a', true)
  cluster.kill('a')
  await cluster.runFor(4_000)
  await ask('c', false)
  t.same(said, ['there is no node "c"; there are: b; cordoned, and not there: a'])
  await ask('a', false)
  await ask('a', false)
  t.same(said.slice(1), ['there is no node "a"; there are: b'])
})

t.test('a node that went by itself has work again when it is back', async (t) => {
  const world = await worldOf([node('a', 1), node('b', 1)])
  const { cluster } = world
  void cluster.nodes.get('a')!.node.leave(10_000)
  await cluster.runFor(3_000)
  cluster.kill('a')
  cluster.start('a')
  await cluster.runFor(1_000)
  t.same(await cordoned(world), [])
})

const cutBoth = ({ internet }: SimulatedCluster, a: string, b: string) => {
  internet.cut(a, b)
  internet.cut(b, a)
}

t.test('a job leaves nodes that do not reach each other, and runs while they do not', async (t) => {
  const world = await worldOf([node('a', 2), node('b', 2), node('c', 2)])
  const { cluster, submit, ends, places } = world
  void submit({ parallelism: 3 })
  await cluster.runFor(3_000)
  t.same(places(), ['a', 'b', 'c'])
  cutBoth(cluster, 'a', 'b')
  await cluster.runFor(9_000)
  t.notOk(places().includes('a') && places().includes('b'), places().join())
  const [before] = cluster.coordinator!.jobs()
  t.equal(before!.state, 'Running')
  await cluster.runFor(10_000)
  const [after] = cluster.coordinator!.jobs()
  t.equal(after!.restarts, before!.restarts, 'and restarts no more')
  t.equal((await cordoned(world)).length, 0)
  await ends(t)
})

t.test('a job leaves the one node that reaches none of the others, and runs at once', async (t) => {
  const world = await worldOf([node('a', 2), node('b', 2), node('c', 2)])
  const { cluster, submit, ends, places } = world
  void submit({ parallelism: 3 })
  await cluster.runFor(3_000)
  t.same(places(), ['a', 'b', 'c'])
  cutBoth(cluster, 'a', 'b')
  cutBoth(cluster, 'a', 'c')
  await cluster.runFor(9_000)
  t.equal(cluster.coordinator!.jobs()[0]!.state, 'Running')
  t.same([...new Set(places())], ['b', 'c'])
  await ends(t)
})

t.test('a job that needs two nodes which are apart waits, and says so', async (t) => {
  const { cluster, submit, ends, places } = await worldOf([node('a', 1), node('b', 1)])
  void submit({ parallelism: 2, supervise: { maxRestarts: 20 } })
  const said = new Set<string>()
  await cluster.runFor(3_000)
  cluster.coordinator!.job(ID).news$.subscribe((news) => {
    if (news.kind === 'event' && news.event.kind === 'Log') said.add(news.event.message)
  })
  cutBoth(cluster, 'a', 'b')
  await cluster.runFor(40_000)
  t.ok(places().includes('?'), places().join())
  t.match([...said].join('\n'), /waits for a place: .*do not reach each other: a and b/)
  const [view] = cluster.coordinator!.jobs()
  t.ok(view!.restarts <= 4, `${view!.restarts} restarts`)
  cluster.internet.heal()
  await ends(t)
})
