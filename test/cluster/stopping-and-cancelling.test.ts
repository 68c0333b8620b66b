/** A job that is stopped and cancelled has one end, and everybody is told the same of it. */
import t, { type Test } from 'tap'
import type { ClusterJob } from '../../actors/coordinator/cluster-job.js'
import {
  LONG_JOB as ID,
  recoveringLong,
  runningLong,
  stepsBehindSnapshot,
} from '../support/long-job.js'
import { outcomeOf } from '../support/outcome-of.js'
import type { SimulatedCluster } from '../support/simulated-cluster.js'
import { goOnFromEachOther, stateChangesOf } from '../support/state-changes.js'

async function hasEndedAs(
  t: Test,
  cluster: SimulatedCluster,
  state: 'Stopped' | 'Cancelled',
  job: ClusterJob,
): Promise<void> {
  await cluster.runFor(20_000)
  t.equal(cluster.ended.get(ID), state)
  t.match(cluster.coordinator!.jobs(), [{ state }])
  t.match(await job.done, { state })
  const changes = stateChangesOf(job)
  t.equal(changes.at(-1)?.to, state)
  goOnFromEachOther(t, changes, state)
}

t.test('one that stops behind its savepoint when it is cancelled has stopped', async (t) => {
  const states = new Set<string>()
  for (let steps = 0; ; steps++) {
    const stop = (job: ClusterJob) => job.stop('saved')
    const { cluster, job, outcome: stopped } = await stepsBehindSnapshot(t, steps, stop)
    if (cluster.ended.has(ID)) break
    const { state } = job
    states.add(state)
    const cancelled = outcomeOf(job.cancel())
    await hasEndedAs(t, cluster, state === 'Running' ? 'Cancelled' : 'Stopped', job)
    t.same(
      [stopped, cancelled],
      Array(2).fill({ code: null, isOver: true }),
      `${steps} steps later`,
    )
    t.ok((await cluster.lastRound('saved')) > 0)
  }
  t.same(states, new Set(['Running', 'Stopping', 'Stopped']))
})

/** While the snapshot is written behind which it makes room, while it ends, and behind that. */
t.test('one that makes room for another life, and is cancelled, is cancelled', async (t) => {
  for (let steps = 0; steps < 16; steps++) {
    const move = (job: ClusterJob) => job.move(2)
    const { cluster, job, outcome: moved } = await stepsBehindSnapshot(t, steps, move)
    void job.cancel()
    await hasEndedAs(t, cluster, 'Cancelled', job)
    t.ok(moved.isOver, `${steps} steps later`)
  }
})

t.test('also while the snapshot is still to be written', async (t) => {
  for (let steps = 0; steps < 16; steps++) {
    const cluster = await runningLong()
    const job = cluster.coordinator!.job(ID)
    const moved = outcomeOf(job.move(2))
    for (let i = 0; i < steps; i++) await cluster.step()
    void job.cancel()
    await hasEndedAs(t, cluster, 'Cancelled', job)
    t.ok(moved.isOver, `${steps} steps later`)
  }
})

const WAITING = {
  'that lacks slots': async () => {
    const cluster = await runningLong(true, '1m')
    cluster.kill('b')
    const { coordinator } = cluster
    await cluster.runUntil(() => coordinator!.job(ID).state === 'Restarting', 60_000)
    return cluster
  },
  'that has not begun': () => recoveringLong(10),
  'that is tried again': () => recoveringLong(6_000),
}

for (const [which, happens] of Object.entries(WAITING)) {
  t.test(
    `of one ${which} the stop that is asked for after it was cancelled is refused`,
    async (t) => {
      const cluster = await happens()
      const job = cluster.coordinator!.job(ID)
      const cancelled = outcomeOf(job.cancel())
      const stopped = outcomeOf(job.stop(null))
      await hasEndedAs(t, cluster, 'Cancelled', job)
      t.same(cancelled, { code: null, isOver: true })
      t.same(stopped, { code: 'E_JOB_NOT_RUNNING', isOver: true })
    },
  )

  t.test(
    `of one ${which} a stop that looks for its checkpoint when it is cancelled is refused`,
    async (t) => {
      const cluster = await happens()
      const job = cluster.coordinator!.job(ID)
      const stopped = outcomeOf(job.stop(null))
      const cancelled = outcomeOf(job.cancel())
      await hasEndedAs(t, cluster, 'Cancelled', job)
      t.same(cancelled, { code: null, isOver: true })
      t.same(stopped, { code: 'E_JOB_NOT_RUNNING', isOver: true })
    },
  )

  t.test(`one ${which} and is stopped has stopped`, async (t) => {
    const cluster = await happens()
    const job = cluster.coordinator!.job(ID)
    const stopped = outcomeOf(job.stop(null))
    await hasEndedAs(t, cluster, 'Stopped', job)
    t.same(stopped, { code: null, isOver: true })
  })
}
