/** What becomes of work on a node whose connections to the coordinator are lost, under a virtual clock. */
import t, { type Test } from 'tap'
import { REDEPLOY_MS, SILENCE_MS } from '../../lib/cluster/times.js'
import { type JobShape, judge, moduleOf } from '../support/cluster-simulation.js'
import { bundleOf, HUB, SimulatedCluster } from '../support/simulated-cluster.js'
import { TransactionWorld } from '../support/transaction-world.js'

/** Two nodes of one slot each run a job for four seconds on both. */
async function clusterWithJob(names: readonly string[] = ['node-0', 'node-1']) {
  const job: JobShape = {
    name: 'job',
    rows: 200,
    splits: 2,
    parallelism: 2,
    isReactive: false,
    interval: 300,
    seconds: 4,
    world: new TransactionWorld(),
  }
  const nodes = names.map((name) => ({ name, slots: 1 }))
  const modules = { job: moduleOf(job) }
  const cluster = new SimulatedCluster({ seed: 1, nodes, modules, delay: () => 2 })
  for (const name of cluster.names) cluster.start(name)
  await cluster.runFor(100)
  const id = 'job-00000001'
  const options = { parallelism: 2, checkpoint: { interval: job.interval }, memoryMb: 0 }
  void cluster.coordinator!.submit(id, bundleOf('job'), options, () => {})
  await cluster.runFor(1_000)
  return {
    cluster,
    job,
    id,
    /** How often that was told. */
    told: (text: string) => cluster.events.filter((event) => event.includes(text)).length,
    end: () => cluster.runUntil(() => cluster.ended.has(id), 60_000),
    cut(name: string): void {
      cluster.internet.cut(HUB, name)
      cluster.internet.cut(name, HUB)
    },
  }
}

type World = Awaited<ReturnType<typeof clusterWithJob>>

/** The job finishes, and nothing of it was paused, lost or begun again. */
async function endsUnharmed(t: Test, { cluster, job, id, told, end }: World): Promise<void> {
  t.ok(await end())
  t.equal(cluster.ended.get(id), 'Finished')
  t.equal(judge(job), null)
  t.equal(told('Paused'), 0)
  t.equal(told('NodeLost'), 0)
  t.equal(told('RegionRestarting'), 0)
}

/** Of three nodes, so that another can take over from `host`, on which the job runs. */
async function clusterToSpare(t: Test): Promise<{ world: World; host: string }> {
  const names = ['node-0', 'node-1', 'node-2']
  const world = await clusterWithJob(names)
  const isHost = (name: string) => world.cluster.nodes.get(name)!.node.slots.length > 0
  const hosts = names.filter(isHost)
  t.equal(hosts.length, 2)
  return { world, host: hosts[0]! }
}

/** From `act` until a node is given up; from then until a slot begins, and until the job runs. It ends whole. */
async function timesAfter(t: Test, { cluster, job, end }: World, act: () => void) {
  const [from, actMs] = [cluster.events.length, cluster.clock.now()]
  act()
  t.ok(await end())
  t.equal(judge(job), null)
  const at = (text: string) =>
    Number.parseInt(cluster.events.slice(from).find((event) => event.includes(text))!, 10)
  const lostMs = at('NodeLost')
  const [begunMs, runningMs] = [at('SlotStarted') - lostMs, at('"to":"Running"') - lostMs]
  return { noticedMs: lostMs - actMs, begunMs, runningMs }
}

t.test('connections that are reset are replaced, and nothing else happens', async (t) => {
  const { cluster, job, id, told, end } = await clusterWithJob()
  for (let times = 0; times < 5; times++) {
    cluster.internet.reset(HUB, 'node-0')
    await cluster.runFor(400)
  }
  t.ok(await end())
  t.equal(cluster.ended.get(id), 'Finished')
  t.equal(judge(job), null)
  t.equal(told('NodeReturned'), 5)
  t.equal(told('NodeLost'), 0)
  t.equal(told('RegionRestarting'), 0)
  t.equal(told('SlotStarted'), 2)
  t.equal(told('Paused'), 0)
})

t.test(
  'a node that is cut off for less than the coordinator waits pauses, and goes on',
  async (t) => {
    const { cluster, job, told, end, cut } = await clusterWithJob()
    cut('node-0')
    await cluster.runFor(2_300)
    t.equal(told('"Paused","slots":1'), 1)
    const shown = job.world.shown.length
    await cluster.runFor(300)
    t.equal(job.world.shown.length, shown, 'while it is paused nothing is committed')
    cluster.internet.heal()
    t.ok(await end())
    t.equal(judge(job), null)
    t.equal(told('"Resumed","slots":1'), 1)
    t.equal(told('NodeReturned'), 1)
    t.equal(told('NodeLost'), 0)
    t.equal(told('RegionRestarting'), 0)
  },
)

t.test('a node without any connection pauses before its work is given to others', async (t) => {
  const { cluster, job, told, end, cut } = await clusterWithJob()
  cut('node-0')
  cluster.internet.reset(HUB, 'node-0')
  await cluster.runFor(250)
  t.equal(told('"Paused","slots":1'), 1)
  t.equal(told('NodeLost'), 0)
  await cluster.runFor(100)
  t.equal(told('NodeLost'), 1)
  cluster.internet.heal()
  t.ok(await end())
  t.equal(judge(job), null)
})

t.test(
  'silence is noticed within three seconds, and work given to others after them',
  async (t) => {
    const { world, host } = await clusterToSpare(t)
    const { cut } = world
    const times = await timesAfter(t, world, () => cut(host))
    t.ok(times.noticedMs <= 3_000, `noticed after ${times.noticedMs} ms`)
    t.ok(times.begunMs >= REDEPLOY_MS - SILENCE_MS, 'begun elsewhere')
    t.ok(times.runningMs <= 5_000, `running again ${times.runningMs} ms later`)
  },
)

t.test(
  'a process that dies is noticed within half a second, and its work runs again within five',
  async (t) => {
    const { world, host } = await clusterToSpare(t)
    const times = await timesAfter(t, world, () => world.cluster.kill(host))
    t.ok(times.noticedMs <= 500, `noticed after ${times.noticedMs} ms`)
    t.ok(times.runningMs <= 5_000, `running again ${times.runningMs} ms later`)
  },
)

t.test('a node that comes back in the last moment has paused, and goes on', async (t) => {
  const { cluster, job, told, end, cut } = await clusterWithJob()
  cut('node-0')
  cluster.internet.reset(HUB, 'node-0')
  await cluster.runFor(190)
  cluster.internet.heal()
  t.ok(await end())
  t.equal(judge(job), null)
  t.equal(told('"Paused","slots":1'), 1)
  t.equal(told('"Resumed","slots":1'), 1)
  t.equal(told('NodeLost'), 0)
})

t.test('a node whose data connection alone is missing pauses in time, too', async (t) => {
  const { cluster, job, told, end } = await clusterWithJob()
  cluster.internet.cutData(HUB, 'node-0')
  await cluster.runFor(1_700)
  t.equal(told('Paused'), 0)
  await cluster.runFor(600)
  t.equal(told('"Paused","slots":1'), 1)
  t.equal(told('Resumed'), 0, 'answered heartbeats are not enough')
  t.equal(told('NodeLost'), 0)
  cluster.internet.heal()
  // Both are made anew at once then.
  cluster.internet.reset(HUB, 'node-0')
  await cluster.runFor(400)
  t.equal(told('"Resumed","slots":1'), 1)
  cluster.internet.cutData(HUB, 'node-0')
  await cluster.runFor(3_200)
  t.equal(told('NodeLost'), 1)
  t.equal(told('"Paused","slots":1'), 2)
  cluster.internet.heal()
  t.ok(await end())
  t.equal(judge(job), null)
})

t.test('while one connection speaks, the other may stand still', async (t) => {
  for (const role of ['control', 'data'] as const) {
    const world = await clusterWithJob()
    const { cluster, told } = world
    cluster.internet.hold(HUB, 'node-0', role)
    // What stands still is replaced where calls wait for it.
    await cluster.runFor(role === 'control' ? 2_600 : 3_500)
    t.equal(told('NodeReturned'), role === 'control' ? 1 : 0)
    cluster.internet.heal()
    await endsUnharmed(t, world)
  }
})

t.test('a data connection that stands still alone, and for long, is replaced', async (t) => {
  const world = await clusterWithJob()
  const { cluster, told } = world
  cluster.internet.hold(HUB, 'node-0', 'data')
  await cluster.runFor(9_000)
  t.equal(told('Interrupted'), 0)
  await cluster.runFor(2_000)
  t.equal(told('"Interrupted"'), 1, 'it says so')
  t.equal(told('"Reconnected"'), 1)
  await endsUnharmed(t, world)
})

t.test('one that cannot be replaced is tried again, and asked nothing more', async (t) => {
  const { cluster, job, told, end } = await clusterWithJob()
  cluster.internet.hold(HUB, 'node-0', 'data')
  cluster.internet.cutDials(HUB, 'node-0')
  await cluster.runFor(60_000)
  t.equal(told('"Interrupted"'), 1)
  t.equal(told('NodeLost'), 0)
  cluster.internet.heal()
  t.ok(await end())
  t.equal(judge(job), null)
})

t.test('a data connection between nodes may stand still while they hear each other', async (t) => {
  const { cluster, job, id, told, end } = await clusterWithJob()
  cluster.internet.hold('node-0', 'node-1', 'data')
  await cluster.runFor(8_000)
  t.equal(told('PeersApart'), 0)
  cluster.internet.heal()
  await cluster.runFor(500)
  t.equal(told('RegionRestarting'), 0)
  cluster.internet.hold('node-0', 'node-1', 'data')
  cluster.internet.hold('node-0', 'node-1', 'control')
  await cluster.runFor(3_000)
  t.ok(told('PeersApart') > 0, 'silence on both is noticed')
  cluster.internet.heal()
  t.ok(await end())
  t.equal(cluster.ended.get(id), 'Finished')
  t.equal(judge(job), null)
  t.equal(told('NodeLost'), 0)
})

t.test('a data connection between nodes that stands still for long is given up', async (t) => {
  const { cluster, job, told, end } = await clusterWithJob()
  cluster.internet.hold('node-0', 'node-1', 'data')
  await cluster.runFor(13_500)
  t.ok(told('PeersApart') > 0)
  t.ok(await end())
  t.equal(judge(job), null)
  t.equal(told('NodeLost'), 0)
})

t.test('connections that both stand still are replaced in time', async (t) => {
  const { cluster, job, told, end } = await clusterWithJob()
  for (const role of ['control', 'data'] as const) cluster.internet.hold(HUB, 'node-0', role)
  await cluster.runFor(2_600)
  t.equal(told('"Paused","slots":1'), 1)
  t.equal(told('"Resumed","slots":1'), 1)
  t.ok(await end())
  t.equal(judge(job), null)
  t.equal(told('NodeReturned'), 1)
  t.equal(told('NodeLost'), 0)
  t.equal(told('RegionRestarting'), 0)
})

t.test('a node that does not know of a lost connection pauses in time, too', async (t) => {
  for (const role of ['control', 'data'] as const) {
    const { cluster, job, told, end } = await clusterWithJob()
    // Nor can it make others.
    cluster.internet.cutDials(HUB, 'node-0')
    cluster.internet.breakAt(HUB, 'node-0', role)
    await cluster.runFor(2_300)
    t.equal(told('"Paused","slots":1'), 1)
    t.equal(told('NodeLost'), 0)
    await cluster.runFor(700)
    t.equal(told('NodeLost'), 1)
    cluster.internet.heal()
    t.ok(await end())
    t.equal(judge(job), null)
  }
})

t.test('a node that is away for longer ends what it had before it gets anything new', async (t) => {
  const { cluster, job, told, end, cut } = await clusterWithJob()
  cut('node-0')
  await cluster.runFor(4_000)
  t.equal(told('NodeLost'), 1)
  t.equal(cluster.nodes.get('node-0')!.node.slots.length, 1, 'it keeps its work, paused')
  cluster.internet.heal()
  t.ok(await end())
  t.equal(judge(job), null)
  t.equal(told('NodeReturned'), 0)
  const tale = cluster.events.map((event) => /"kind":"(\w+)"/.exec(event)?.[1]).join(' ')
  t.match(tale, /Paused.* NodeLost.* Lost.* NodeJoined Joined SlotStarted/)
})

t.test('what is decided while a node is away reaches it when it returns', async (t) => {
  const { cluster, id, told, end } = await clusterWithJob()
  cluster.internet.cut('node-0', HUB)
  cluster.internet.cut(HUB, 'node-0')
  await cluster.runFor(500)
  cluster.internet.reset(HUB, 'node-0')
  void cluster.coordinator!.job(id).cancel()
  await cluster.runFor(100)
  cluster.internet.heal()
  t.ok(await end())
  t.equal(cluster.ended.get(id), 'Cancelled')
  await cluster.runFor(1_000)
  t.equal(told('SlotStarted'), told('SlotEnded'))
  for (const { node } of cluster.nodes.values()) t.same(node.slots, [])
})

t.test('a coordinator that is started anew takes up what nodes still hold, paused', async (t) => {
  const { cluster, job, told, end } = await clusterWithJob()
  cluster.kill(HUB)
  await cluster.runFor(2_500)
  t.equal(told('"Paused","slots":1'), 2)
  cluster.start(HUB)
  t.ok(await end())
  t.equal(judge(job), null)
  t.equal(told('JobAdopted'), 1)
  t.equal(told('SlotStarted'), 2, 'nothing begins again')
})

t.test('a node that is to leave does not wait for a coordinator that is gone', async (t) => {
  const { cluster } = await clusterWithJob()
  const left: string[] = []
  const leave = (name: string) =>
    void cluster.nodes
      .get(name)!
      .node.leave(60_000)
      .then(() => left.push(name))
  cluster.pause(HUB)
  leave('node-0')
  await cluster.runFor(3_000)
  t.same(left, ['node-0'], 'one that has asked gives up with its lease')
  cluster.kill(HUB)
  await cluster.runFor(10)
  leave('node-1')
  await cluster.runFor(10)
  t.same(left, ['node-0', 'node-1'], 'one that cannot ask goes at once')
})
