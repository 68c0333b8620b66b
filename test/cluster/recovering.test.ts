/** What is asked of a job before it runs under a coordinator that was started again. */
import t, { type Test } from 'tap'
import { connectOver } from '../../actors/client/client.js'
import type { SubmittedJob } from '../../actors/client/watched-job.js'
import type { JobEvent } from '../../actors/job/job.js'
import {
  LONG_JOB as ID,
  recoveringLong as recovering,
  runningLong as running,
  SEED,
  startNodes,
  TWO_NODES,
} from '../support/long-job.js'
import { identityOf } from '../support/memory-network.js'
import { outcomeOf } from '../support/outcome-of.js'
import { bundleOf, HUB, SimulatedCluster } from '../support/simulated-cluster.js'
import { SimulatedProcess } from '../support/simulated-process.js'

t.setTimeout(400_000)

/** When the job is looked for, when its life waits for places, and when another try is due. */
const TIMES = [10, 1_000, 3_500, 6_000, 30_000, 37_500, 40_000]

async function staysAway(t: Test, cluster: SimulatedCluster, state: string): Promise<void> {
  startNodes(cluster)
  await cluster.runFor(40_000)
  t.match(cluster.coordinator!.jobs(), [{ id: ID, state, waitsFor: null }])
  t.equal(cluster.stores.jobs.size, 0)
  for (const { node } of cluster.nodes.values()) t.same(node.slots, [])
}

t.test('it is cancelled at once, and does not come back', async (t) => {
  for (const agoMs of TIMES) {
    const cluster = await recovering(agoMs)
    const [view, ...others] = cluster.coordinator!.jobs()
    t.same([view!.id, others], [ID, []], 'it is listed, once')
    t.type(view!.waitsFor, 'string', `${agoMs} ms later it waits`)
    const cancelled = outcomeOf(cluster.coordinator!.job(ID).cancel())
    await cluster.runFor(50)
    t.same(cancelled, { code: null, isOver: true }, `${agoMs} ms later`)
    await staysAway(t, cluster, 'Cancelled')
  }
})

t.test('it says when it is tried again, and why', async (t) => {
  const cluster = await recovering(6_000)
  const { waitsFor } = cluster.coordinator!.jobs()[0]!
  t.match(
    waitsFor,
    /^another try in 30 s: job rows-00000001 has waited 1 s for a slot: .*no node has joined/,
  )
  startNodes(cluster)
  await cluster.runFor(35_000)
  t.match(cluster.coordinator!.jobs(), [{ state: 'Running', waitsFor: null }])
})

/** As a program far away sees it. */
async function watched(t: Test, cluster: SimulatedCluster): Promise<SubmittedJob> {
  const clock = new SimulatedProcess('cli', cluster.clock, 777)
  const network = cluster.internet.of(identityOf('client', 'cli'), clock)
  const watching = connectOver(network, `ws://${HUB}:1`, { clock }).then((client) => {
    t.teardown(() => client.close())
    return client.job(ID)
  })
  await cluster.runFor(200)
  return watching
}

t.test('a try that fails is no end of it for whoever follows it', async (t) => {
  const cluster = await recovering(1_000)
  const job = await watched(t, cluster)
  const done = outcomeOf(job.done)
  const events: JobEvent[] = []
  job.events$.subscribe((event) => events.push(event))
  await cluster.runFor(70_000)
  t.match(cluster.coordinator!.jobs(), [{ state: 'Created', waitsFor: /^another try/ }])
  t.equal(job.state, 'Created')
  t.notOk(done.isOver, 'several tries have failed')
  t.notOk(cluster.ended.has(ID))
  startNodes(cluster)
  await cluster.runFor(35_000)
  t.equal(job.state, 'Running')
  cluster.coordinator!.job(ID).cancel()
  await cluster.runFor(5_000)
  t.match(await job.done, { state: 'Cancelled' })
  const states = events.flatMap((event) => (event.kind === 'StateChanged' ? [event.to] : []))
  t.same(states, ['Running', 'Cancelling', 'Cancelled'])
  t.equal(cluster.ended.get(ID), 'Cancelled')
})

t.test('until it runs it is as if nothing had begun, whenever someone asks', async (t) => {
  const cluster = await running()
  for (const name of cluster.names) cluster.kill(name)
  await cluster.runFor(500)
  const record = cluster.stores.jobs.get(ID)!
  const options = { ...record.options, supervise: { maxRestarts: 0 } }
  cluster.stores.jobs.set(ID, { ...record, options })
  cluster.start(HUB)
  startNodes(cluster)
  const started = (event: string) => / b .*"SlotStarted","ref":"[^"]*\/2\.0/.test(event)
  t.ok(await cluster.runUntil(() => cluster.events.some(started), 20_000))
  cluster.kill('b')
  const states = new Set<string>()
  const note = () => {
    states.add(cluster.coordinator!.jobs()[0]!.state)
    return false
  }
  await cluster.runUntil(note, 5_000)
  t.match(cluster.coordinator!.jobs()[0]!.waitsFor, /^another try .* was lost with node b/)
  t.same([...states], ['Created'])
  cluster.start('b')
  await cluster.runUntil(note, 35_000)
  t.same([...states], ['Created', 'Running'])
})

t.test('that it could not begin is told, and why', async (t) => {
  const cluster = await recovering(1_000)
  const job = await watched(t, cluster)
  const events: JobEvent[] = []
  job.events$.subscribe((event) => events.push(event))
  const told = (kind: string) => cluster.events.filter((each) => each.includes(`"${kind}"`))
  await cluster.runFor(90_000)
  const tries = told('JobCannotBegin')
  t.equal(tries.length, 3)
  for (const each of tries) t.match(each, /has waited 1 s for a slot: .*"retryMs":30000/)
  t.equal(told('JobRecovered').length, 1, 'that it goes on is said before the first try alone')
  startNodes(cluster)
  await cluster.runFor(35_000)
  const text = (event: JobEvent) => (event.kind === 'Log' ? event.message : '')
  const reasons = events.map(text).filter((message) => message.includes('could not begin'))
  t.match(
    reasons,
    [/^it could not begin, and is tried every 30 s: .*no node has joined/],
    'the same one once, since no more than so many are kept for those who come late',
  )
  const kinds = events.map(({ kind }) => kind)
  const begins = kinds.indexOf('StateChanged')
  t.equal(kinds.indexOf('Restored'), begins - 1, 'what it begins with is told when it runs')
  t.equal(kinds.lastIndexOf('Restored'), begins - 1, 'and what it would have begun with is not')
})

t.test('it is tried again where it cannot even be looked for a snapshot', async (t) => {
  const cluster = await running()
  for (const name of cluster.names) cluster.kill(name)
  await cluster.runFor(500)
  cluster.stores.onLook = () => {
    throw new Error('the disk does not answer')
  }
  cluster.start(HUB)
  startNodes(cluster)
  await cluster.runFor(40_000)
  t.match(cluster.coordinator!.jobs(), [
    { state: 'Created', waitsFor: 'another try in 30 s: the disk does not answer' },
  ])
  const tries = cluster.events.filter((event) => event.includes('"JobCannotBegin"'))
  t.equal(tries.length, 2, 'there is one try at a time')
  cluster.stores.onLook = () => {}
  await cluster.runFor(35_000)
  t.match(cluster.coordinator!.jobs(), [{ state: 'Running', waitsFor: null }])
  const job = cluster.coordinator!.job(ID)
  job.cancel()
  await cluster.runFor(1_000)
  t.match(await job.done, { lives: 2, livesCounted: 1 }, 'tries are no lives')
})

t.test('it stops at once, behind its last checkpoint', async (t) => {
  for (const agoMs of TIMES) {
    const cluster = await recovering(agoMs)
    const stopping = cluster.coordinator!.job(ID).stop(null)
    const stopped = outcomeOf(stopping)
    await cluster.runFor(50)
    t.same(stopped, { code: null, isOver: true }, `${agoMs} ms later`)
    const { round, directory } = await stopping
    t.ok(round > 0)
    t.match(directory, ID)
    await staysAway(t, cluster, 'Stopped')
  }
})

t.test('a second stop is refused while the first looks for its checkpoint', async (t) => {
  const cluster = await recovering(1_000)
  const job = cluster.coordinator!.job(ID)
  const asked = [job.stop(null), job.stop(null), job.savepoint('somewhere'), job.drain()]
  const outcomes = asked.map(outcomeOf)
  await cluster.runFor(50)
  t.match(outcomes, [
    { code: null, isOver: true },
    { code: 'E_JOB_STOPPING' },
    { code: 'E_JOB_NOT_RUNNING' },
    { code: 'E_JOB_STOPPING' },
  ])
  await staysAway(t, cluster, 'Stopped')
})

t.test('what it has not got it says at once, and goes on waiting', async (t) => {
  for (const agoMs of TIMES) {
    const cluster = await recovering(agoMs, false)
    const job = cluster.coordinator!.job(ID)
    const asked = []
    for (const directory of [null, 'somewhere']) {
      asked.push(outcomeOf(job.stop(directory)))
      await cluster.runFor(25)
    }
    t.match(asked, [{ code: 'E_NO_SNAPSHOT' }, { code: 'E_JOB_NOT_RUNNING' }], `${agoMs} ms later`)
    startNodes(cluster)
    await cluster.runFor(40_000)
    t.match(cluster.coordinator!.jobs(), [{ id: ID, state: 'Running' }])
  }
})

t.test('where its slots were kept they end with it', async (t) => {
  const cluster = await running()
  cluster.kill(HUB)
  await cluster.runFor(500)
  cluster.internet.cut(HUB, 'b')
  cluster.start(HUB)
  await cluster.runFor(1_000)
  const cancelled = outcomeOf(cluster.coordinator!.job(ID).cancel())
  await cluster.runFor(50)
  t.same(cancelled, { code: null, isOver: true })
  cluster.internet.heal()
  await cluster.runFor(5_000)
  await staysAway(t, cluster, 'Cancelled')
})

t.test('what is cancelled while it waits to be accepted does not come back', async (t) => {
  for (const laterMs of [100, 2_000]) {
    const cluster = new SimulatedCluster({ seed: SEED, nodes: TWO_NODES, modules: {} })
    cluster.start(HUB)
    await cluster.runFor(500)
    cluster.kill(HUB)
    cluster.start(HUB)
    await cluster.runFor(500)
    const coordinator = cluster.coordinator!
    const options = { memoryMb: 0, parallelism: 2 }
    const submitted = outcomeOf(coordinator.submit(ID, bundleOf('rows'), options, () => {}))
    await cluster.runFor(laterMs)
    const cancelled = outcomeOf(coordinator.job(ID).cancel())
    await cluster.runFor(6_000)
    t.same(cancelled, { code: null, isOver: true })
    t.same(submitted, { code: 'E_JOB_NOT_RUNNING', isOver: true })
    t.notOk(cluster.stores.jobs.has(ID), 'nor does the next coordinator know of it')
    t.notOk(cluster.events.some((event) => event.includes('"JobSubmitted"')))
  }
})
