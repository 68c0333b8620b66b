/** What becomes of a job that was told to drain, and what whoever wanted that is told. */
import t, { type Test } from 'tap'
import type { ClusterJob } from '../../actors/coordinator/cluster-job.js'
import {
  LONG_JOB as ID,
  recoveringLong as recovering,
  runningLong as running,
  startNodes,
} from '../support/long-job.js'
import { outcomeOf } from '../support/outcome-of.js'
import { bundleOf, HUB, type SimulatedCluster } from '../support/simulated-cluster.js'
import { goOnFromEachOther, stateChangesOf } from '../support/state-changes.js'

t.setTimeout(400_000)

/** Before its input would have ended; and how. */
async function drains(t: Test, cluster: SimulatedCluster, when: string, ms = 15_000) {
  t.ok(await cluster.runUntil(() => cluster.ended.get(ID) === 'Finished', ms), when)
}

t.test('what was told to drain before it runs is drained as soon as it does', async (t) => {
  for (const agoMs of [10, 6_000]) {
    const cluster = await recovering(agoMs)
    const drained = outcomeOf(cluster.coordinator!.drain(ID))
    await cluster.runFor(30_000)
    t.same(drained, { code: null, isOver: false }, 'no try that cannot begin answers it')
    startNodes(cluster)
    await drains(t, cluster, `${agoMs} ms later`, 40_000)
    t.same(drained, { code: null, isOver: true }, 'who wanted that is told')
  }
})

t.test('nor does the next coordinator forget it', async (t) => {
  for (const isStopped of [false, true]) {
    const cluster = await running()
    cluster.kill('a')
    await cluster.runFor(1_000)
    const drained = outcomeOf(cluster.coordinator!.drain(ID))
    await cluster.runFor(100)
    t.same(drained, { code: null, isOver: false })
    if (isStopped) {
      void cluster.coordinator!.stop()
      await cluster.runFor(3_000)
      t.same(drained, { code: 'E_STOPPING', isOver: true }, 'who wanted that is told')
    }
    cluster.kill(HUB)
    cluster.start(HUB)
    await cluster.runFor(1_000)
    cluster.start('a')
    await cluster.runFor(35_000)
    await drains(t, cluster, isStopped ? 'after a stop' : 'after a death')
  }
})

t.test('who wanted that is told where its coordinator stops before it has begun', async (t) => {
  for (const agoMs of [100, 6_000, 20_000]) {
    const cluster = await recovering(agoMs)
    const coordinator = cluster.coordinator!
    const drained = outcomeOf(coordinator.drain(ID))
    await cluster.runFor(50)
    t.same(drained, { code: null, isOver: false })
    void coordinator.stop()
    await cluster.runFor(3_000)
    t.same(drained, { code: 'E_STOPPING', isOver: true }, `${agoMs} ms after its start`)
    t.ok(cluster.stores.jobs.get(ID)?.drains, 'the next coordinator drains it')
    const later = outcomeOf(coordinator.drain(ID))
    await cluster.runFor(50)
    t.same(later, { code: 'E_STOPPING', isOver: true })
  }
})

t.test('nor another life of it', async (t) => {
  const cluster = await running(true, '1h')
  const { coordinator } = cluster
  const job = coordinator!.job(ID)
  cluster.kill('a')
  await cluster.runFor(5_000)
  const drained = outcomeOf(coordinator!.drain(ID))
  await cluster.runFor(500)
  const moved = outcomeOf(coordinator!.rescale(ID, 1))
  await drains(t, cluster, 'on the slot that is left')
  t.same([drained, moved], Array(2).fill({ code: null, isOver: true }))
  const { partial, lives } = await job.done
  t.same([partial, lives], [true, 2])
})

t.test('who wanted that is told where it is cancelled instead', async (t) => {
  for (const agoMs of [10, 6_000]) {
    const cluster = await recovering(agoMs)
    const coordinator = cluster.coordinator!
    const drained = outcomeOf(coordinator.drain(ID))
    await cluster.runFor(40_000)
    t.same(drained, { code: null, isOver: false })
    const cancelled = outcomeOf(coordinator.job(ID).cancel())
    await cluster.runFor(500)
    t.same(cancelled, { code: null, isOver: true })
    t.same(drained, { code: 'E_JOB_NOT_RUNNING', isOver: true })
  }
})

t.test('who wanted that is told why it has failed', async (t) => {
  const cluster = await running()
  cluster.kill('a')
  await cluster.runFor(100)
  const draining = cluster.coordinator!.drain(ID)
  const drained = outcomeOf(draining)
  await cluster.runFor(10_000)
  t.equal(cluster.ended.get(ID), 'Failed', 'it has waited too long for a slot')
  t.same(drained, { code: 'E_NO_SLOT', isOver: true })
  await t.rejects(draining, { message: /has failed before it had drained: .* for a slot/ })
})

t.test('behind a drain it is not stopped, nor is a savepoint taken', async (t) => {
  const cluster = await running()
  const coordinator = cluster.coordinator!
  const job = coordinator.job(ID)
  const drained = outcomeOf(coordinator.drain(ID))
  const asked = () => [job.stop(null), job.stop('data/last'), job.savepoint('data/savepoint')]
  const refused = asked().map(outcomeOf)
  await cluster.runFor(1)
  t.same(refused, Array(3).fill({ code: 'E_JOB_DRAINING', isOver: true }))
  await drains(t, cluster, 'it drains all the same')
  t.same(drained, { code: null, isOver: true })
})

t.test('a drain that cannot be kept was not asked for, unless another one can', async (t) => {
  for (const isAskedAgain of [false, true]) {
    const cluster = await running()
    const coordinator = cluster.coordinator!
    const job = coordinator.job(ID)
    let saves = 0
    cluster.stores.onSave = () => {
      if (saves++ === 0) throw new Error('no space left')
    }
    const drained = outcomeOf(coordinator.drain(ID))
    const again = isAskedAgain ? outcomeOf(coordinator.drain(ID)) : null
    await cluster.runFor(50)
    t.same(drained, { code: 'none', isOver: true }, 'who wanted that is told')
    if (again !== null) {
      await drains(t, cluster, 'as it was asked the second time')
      t.same(again, { code: null, isOver: true })
      continue
    }
    const saved = outcomeOf(job.savepoint('data/savepoint'))
    await cluster.runFor(1_000)
    t.same(saved, { code: null, isOver: true })
    cluster.kill('a')
    await cluster.runFor(500)
    cluster.start('a')
    t.ok(
      await cluster.runUntil(() => job.state === 'Running', 10_000),
      'its next try is not drained',
    )
    t.notOk(job.record.drains)
    const stopped = outcomeOf(job.stop(null))
    await cluster.runFor(5_000)
    t.same(stopped, { code: null, isOver: true })
  }
})

t.test('what is told to drain as it is submitted drains, or was not submitted', async (t) => {
  const late = 'rows-00000002'
  for (const stops of [false, true]) {
    const cluster = await running()
    cluster.kill(HUB)
    cluster.stores.jobs.clear()
    cluster.start(HUB)
    await cluster.runFor(500)
    const coordinator = cluster.coordinator!
    const options = { memoryMb: 0, checkpoint: { interval: 300 }, parallelism: 2 }
    const submitted = outcomeOf(coordinator.submit(late, bundleOf('rows'), options, () => {}))
    const drained = outcomeOf(coordinator.drain(late))
    await cluster.runFor(50)
    t.same([submitted, drained], Array(2).fill({ code: null, isOver: false }))
    if (stops) {
      void coordinator.stop()
      await cluster.runFor(50)
      t.same([submitted, drained], Array(2).fill({ code: 'E_STOPPING', isOver: true }))
      t.notOk(cluster.stores.jobs.has(late))
      continue
    }
    t.ok(await cluster.runUntil(() => cluster.ended.get(late) === 'Finished', 15_000))
    t.same([submitted, drained], Array(2).fill({ code: null, isOver: true }))
  }
})

t.test('while it drains it moves, and drains on', async (t) => {
  const cluster = await running()
  const coordinator = cluster.coordinator!
  const job = coordinator.job(ID)
  const drained = outcomeOf(coordinator.drain(ID))
  await cluster.runUntil(() => job.state === 'Draining', 1_000)
  const moved = outcomeOf(coordinator.rescale(ID, 1))
  await drains(t, cluster, 'as one slot, or before it could move')
  t.same(drained, { code: null, isOver: true })
  t.ok(moved.code === null || moved.code === 'E_JOB_NOT_RUNNING', `${moved.code}`)
})

function hearsOfDrain(t: Test, job: ClusterJob, when: string): void {
  const changes = stateChangesOf(job)
  t.ok(
    changes.some(({ to }) => to === 'Draining'),
    when,
  )
  goOnFromEachOther(t, changes, when)
}

t.test('whoever follows it hears that it drains, though it is moved just then', async (t) => {
  for (let ms = 0; ms < 20; ms += 2) {
    const cluster = await running()
    const job = cluster.coordinator!.job(ID)
    const moved = outcomeOf(job.move(2))
    await cluster.runFor(ms)
    void cluster.coordinator!.drain(ID)
    await drains(t, cluster, `${ms} ms later`)
    t.same(moved, { code: null, isOver: true })
    hearsOfDrain(t, job, `${ms} ms later`)
  }
})

t.test('or was to be, and could not', async (t) => {
  const cluster = await running()
  const job = cluster.coordinator!.job(ID)
  cluster.stores.onManifest = () => {
    cluster.stores.onManifest = () => {}
    throw new Error('the disk is full')
  }
  const moved = outcomeOf(job.move(2))
  void cluster.coordinator!.drain(ID)
  await drains(t, cluster, 'it goes on')
  t.same(moved, { code: 'E_SNAPSHOT_ABANDONED', isOver: true })
  hearsOfDrain(t, job, 'it goes on')
})
