/** What is asked of a job while its coordinator stops, in order to go on with it at its next start. */
import t from 'tap'
import type { ClusterJob } from '../../actors/coordinator/cluster-job.js'
import { SETTLE_MS } from '../../lib/cluster/times.js'
import { isEnded } from '../../lib/job/job-record.js'
import { moduleOf } from '../support/cluster-simulation.js'
import {
  LONG_JOB as ID,
  recoveringLong as recovering,
  runningLong as running,
  SEED,
  TWO_NODES,
} from '../support/long-job.js'
import { outcomeOf } from '../support/outcome-of.js'
import { bundleOf, HUB, SimulatedCluster } from '../support/simulated-cluster.js'
import { stateChangesOf } from '../support/state-changes.js'
import { TransactionWorld } from '../support/transaction-world.js'

t.setTimeout(400_000)

t.test('what is being stopped when its coordinator stops ends for good, once', async (t) => {
  for (const laterMs of [0, 1, 5]) {
    const cluster = await running()
    const coordinator = cluster.coordinator!
    const stopped = outcomeOf(coordinator.job(ID).stop('data/savepoint'))
    const refused = outcomeOf(coordinator.job(ID).stop(null))
    await cluster.runFor(laterMs)
    void coordinator.stop()
    await cluster.runFor(5_000)
    t.same(stopped, { code: null, isOver: true })
    t.same(refused, { code: 'E_JOB_STOPPING', isOver: true })
    t.notOk(cluster.stores.jobs.has(ID), 'nor does the next coordinator go on with it')
  }
})

/** A sink takes `PREPARE_MS` for the savepoint: until about the moment at which the coordinator waits no longer. */
const PREPARE_MS = 21_000

/** Nodes do not hear for so long that it is to end. */
async function cutOff(cluster: SimulatedCluster, job: ClusterJob): Promise<void> {
  await cluster.runUntil(() => job.state !== 'Running', 25_000)
  for (const { name } of TWO_NODES) cluster.internet.cut(HUB, name)
  await cluster.runFor(400)
  cluster.internet.heal()
}

for (const isCutOff of [false, true]) {
  const nodes = isCutOff ? ' whose nodes do not hear of it' : ''
  t.test(`a stop${nodes} is refused where the next coordinator goes on with the job`, async (t) => {
    const codes = new Set<string | null>()
    for (const laterMs of [998, 1_000.5, 1_001, 1_002, 1_003, 1_100, 1_300, 1_500]) {
      const world = new TransactionWorld()
      const cluster = await running(false, '1s', world)
      const coordinator = cluster.coordinator!
      const job = coordinator.job(ID)
      world.prepareMs = PREPARE_MS
      const stopped = outcomeOf(job.stop('saved'))
      await cluster.runFor(laterMs)
      void coordinator.stop()
      if (isCutOff) await cutOff(cluster, job)
      await cluster.runFor(25_000)
      codes.add(stopped.code)
      const goesOn = { code: 'E_STOPPING', isOver: true }
      const hasEnded = { code: null, isOver: true }
      t.same(stopped, cluster.stores.jobs.has(ID) ? goesOn : hasEnded, `${laterMs} ms later`)
      const told = stateChangesOf(job).at(-1)?.to
      t.equal(told, cluster.stores.jobs.has(ID) ? 'Running' : 'Stopped')
    }
    t.same(codes, new Set(['E_STOPPING', null]))
  })
}

t.test('what is cancelled while its coordinator stops does not come back', async (t) => {
  for (const laterMs of [0, 1, 2, 3, 4, 5, 6]) {
    const cluster = await running()
    const job = cluster.coordinator!.job(ID)
    void cluster.coordinator!.stop()
    await cluster.runFor(laterMs)
    if (isEnded(job.state)) break
    const cancelled = outcomeOf(job.cancel())
    await cluster.runFor(5_000)
    t.same(cancelled, { code: null, isOver: true })
    t.notOk(cluster.stores.jobs.has(ID), `${laterMs} ms later`)
  }
})

t.test('nor does what is cancelled as it begins again, and nothing of it ran', async (t) => {
  const outcomes = new Set<string | null>()
  for (let agoMs = SETTLE_MS; agoMs < SETTLE_MS + 8; agoMs++) {
    for (const laterMs of [0, 1, 2, 3]) {
      const cluster = await recovering(0)
      cluster.kill(HUB)
      const { jobs } = cluster.stores
      jobs.set(ID, { ...jobs.get(ID)!, deployment: null })
      cluster.start(HUB)
      await cluster.runFor(agoMs)
      const coordinator = cluster.coordinator!
      const job = coordinator.job(ID)
      void coordinator.stop()
      await cluster.runFor(laterMs)
      const cancelled = outcomeOf(job.cancel())
      await cluster.runFor(3_000)
      const { code } = cancelled
      outcomes.add(code)
      t.equal(
        jobs.has(ID),
        code !== null,
        `${agoMs} ms after the start, ${laterMs} ms later: ${code}`,
      )
    }
  }
  t.same(outcomes, new Set(['E_STOPPING', null]), 'it was left, or ended')
})

t.test('what is asked of it when it is left to the next coordinator is refused', async (t) => {
  for (const begin of [() => running(), () => recovering(100), () => recovering(6_000)]) {
    const cluster = await begin()
    const coordinator = cluster.coordinator!
    const job = coordinator.job(ID)
    let isStopped = false
    void coordinator.stop().then(() => {
      isStopped = true
    })
    await cluster.runUntil(() => isStopped, 5_000)
    const asked = [job.cancel(), job.stop(null), job.move(1)]
    const outcomes = asked.map(outcomeOf)
    await cluster.runFor(1_000)
    t.same(outcomes, Array(3).fill({ code: 'E_STOPPING', isOver: true }))
    t.ok(cluster.stores.jobs.has(ID), 'the next coordinator goes on with it')
  }
})

t.test(
  'while it is suspended it is neither stopped, moved nor saved, whenever that is asked',
  async (t) => {
    for (let laterMs = 0; ; laterMs++) {
      const cluster = await running()
      const coordinator = cluster.coordinator!
      let isStopped = false
      void coordinator.stop().then(() => {
        isStopped = true
      })
      await cluster.runFor(laterMs)
      if (isStopped) break
      const asked = async (ask: () => Promise<unknown>) => ask()
      const outcomes = [
        asked(() => coordinator.job(ID).stop(null)),
        asked(() => coordinator.rescale(ID, 1)),
        asked(() => coordinator.job(ID).savepoint('data/savepoint')),
        asked(() => coordinator.drain(ID)),
      ].map(outcomeOf)
      await cluster.runFor(5_000)
      t.same(outcomes, Array(4).fill({ code: 'E_STOPPING', isOver: true }), `${laterMs} ms later`)
      t.ok(cluster.stores.jobs.has(ID), 'the next coordinator goes on with it')
    }
  },
)

t.test('of however many jobs, none has ended that goes on with the next coordinator', async (t) => {
  const jobs = 20
  const shape = { name: 'rows', rows: 600, splits: 1, parallelism: 1, interval: 300, seconds: 60 }
  const world = new TransactionWorld()
  const modules = { rows: moduleOf({ ...shape, isReactive: false, world }) }
  const nodes = [{ name: 'a', slots: jobs }]
  const cluster = new SimulatedCluster({ seed: SEED, nodes, modules })
  cluster.start(HUB)
  cluster.start('a')
  await cluster.runFor(1_000)
  const coordinator = cluster.coordinator!
  const options = { memoryMb: 0, checkpoint: { interval: 300 }, parallelism: 1 }
  const ids = Array.from({ length: jobs }, (_, i) => `rows-${String(i).padStart(8, '0')}`)
  for (const id of ids) void coordinator.submit(id, bundleOf('rows'), options, () => {})
  await cluster.runFor(3_000)
  void coordinator.stop()
  await cluster.runFor(3_000)
  for (const id of ids) t.throws(() => coordinator.job(id), { code: 'E_STOPPING' }, id)
  t.equal(cluster.stores.jobs.size, jobs)
})
