/**
 * A stop commits with its savepoint. Until all of that is done and the job has ended its coordinator may die, or
 * wait no longer: then the next one goes on behind the savepoint, and nothing is shown twice.
 */
import t, { type Test } from 'tap'
import type { ClusterJob } from '../../actors/coordinator/cluster-job.js'
import { LONG_JOB as ID, runningLong, stepsBehindSnapshot } from '../support/long-job.js'
import { outcomeOf } from '../support/outcome-of.js'
import { HUB, type SimulatedCluster } from '../support/simulated-cluster.js'
import { TransactionWorld } from '../support/transaction-world.js'

t.setTimeout(300_000)

const ROWS = 600
/** A sink takes so long for it: until about the moment at which a coordinator that stops waits no longer. */
const PREPARE_MS = 21_000

async function goesOnOnce(
  t: Test,
  cluster: SimulatedCluster,
  world: TransactionWorld,
  when: string,
): Promise<string> {
  cluster.start(HUB)
  world.prepareMs = 1
  await cluster.runUntil(() => cluster.ended.has(ID), 120_000)
  t.same(cluster.laws.violations, [], when)
  const shown = world.shown.map((row) => JSON.stringify(row))
  t.equal(new Set(shown).size, shown.length, `${when}: nothing is shown twice`)
  if (cluster.ended.get(ID) === 'Finished') t.equal(shown.length, ROWS, `${when}: all of it`)
  return `${cluster.ended.get(ID)}`
}

for (const directory of ['saved', null]) {
  const into = directory === null ? 'its own store' : 'a directory'
  t.test(`a coordinator dies behind the snapshot of a stop into ${into}`, async (t) => {
    const ends = new Set<string>()
    for (let steps = 0; steps < 8; steps++) {
      const world = new TransactionWorld()
      const stop = (job: ClusterJob) => job.stop(directory)
      const { cluster } = await stepsBehindSnapshot(t, steps, stop, world)
      cluster.kill(HUB)
      await cluster.runFor(500)
      ends.add(await goesOnOnce(t, cluster, world, `${steps} steps later`))
    }
    t.ok(ends.has('Finished'), 'it has gone on')
  })
}

t.test('a coordinator that stops waits no longer for what is committed', async (t) => {
  const codes = new Set<string | null>()
  for (const laterMs of [1_000, 1_000.5, 1_001, 1_001.5, 1_002, 1_003]) {
    const world = new TransactionWorld()
    const cluster = await runningLong(true, '1s', world)
    world.prepareMs = PREPARE_MS
    const stopped = outcomeOf(cluster.coordinator!.job(ID).stop('saved'))
    await cluster.runFor(laterMs)
    void cluster.coordinator!.stop()
    await cluster.runFor(30_000)
    codes.add(stopped.code)
    cluster.kill(HUB)
    if (stopped.code === null) continue
    t.equal(await goesOnOnce(t, cluster, world, `${laterMs} ms later`), 'Finished')
  }
  t.ok(codes.has('E_STOPPING'))
})
