/** A job of two slots that would run for a minute, on two simulated nodes, for tests of how it ends before. */
import type { Test } from 'tap'
import type { ClusterJob } from '../../actors/coordinator/cluster-job.js'
import type { Duration } from '../../lib/base/duration.js'
import { type JobShape, moduleOf } from './cluster-simulation.js'
import { outcomeOf } from './outcome-of.js'
import { bundleOf, HUB, SimulatedCluster } from './simulated-cluster.js'
import { testSeed } from './test-seed.js'
import { TransactionWorld } from './transaction-world.js'

export const LONG_JOB = 'rows-00000001'
export const TWO_NODES = ['a', 'b'].map((name) => ({ name, slots: 1 }))
export const SEED = testSeed(1)

const SHAPE: Omit<JobShape, 'world'> = {
  name: 'rows',
  rows: 600,
  splits: 4,
  parallelism: 2,
  isReactive: false,
  interval: 300,
  seconds: 60,
}

/** It has run for 2 s. `wait`: for places. `world`: what it writes to. */
export async function runningLong(
  takesSnapshots = true,
  wait: Duration = '1s',
  world = new TransactionWorld(),
): Promise<SimulatedCluster> {
  const cluster = clusterOfTwo(world)
  startNodes(cluster)
  return submitted(cluster, takesSnapshots, wait)
}

/** It has waited for 2 s: there are no nodes yet. */
export const waitingLong = (): Promise<SimulatedCluster> =>
  submitted(clusterOfTwo(new TransactionWorld()), true, '10m')

function clusterOfTwo(world: TransactionWorld): SimulatedCluster {
  const modules = { rows: moduleOf({ ...SHAPE, world }) }
  const cluster = new SimulatedCluster({ seed: SEED, nodes: TWO_NODES, modules })
  cluster.start(HUB)
  return cluster
}

async function submitted(
  cluster: SimulatedCluster,
  takesSnapshots: boolean,
  wait: Duration,
): Promise<SimulatedCluster> {
  await cluster.runFor(1_000)
  const checkpoint = { interval: takesSnapshots ? 300 : 100_000 }
  const options = { memoryMb: 0, checkpoint, parallelism: 2, placement: { wait } } as const
  void cluster.coordinator!.submit(LONG_JOB, bundleOf('rows'), options, () => {}).catch(() => {})
  await cluster.runFor(2_000)
  return cluster
}

/** Its nodes are gone, and the coordinator was started again so long ago. */
export async function recoveringLong(
  agoMs: number,
  takesSnapshots = true,
): Promise<SimulatedCluster> {
  const cluster = await runningLong(takesSnapshots)
  for (const name of cluster.names) cluster.kill(name)
  await cluster.runFor(500)
  cluster.start(HUB)
  await cluster.runFor(agoMs)
  return cluster
}

export function startNodes(cluster: SimulatedCluster): void {
  for (const { name } of TWO_NODES) cluster.start(name)
}

/** A job that was asked for something runs until a snapshot is written for that, and for so many steps more. */
export async function stepsBehindSnapshot(
  t: Test,
  steps: number,
  ask: (job: ClusterJob) => Promise<unknown>,
  world = new TransactionWorld(),
) {
  const cluster = await runningLong(true, '1s', world)
  const job = cluster.coordinator!.job(LONG_JOB)
  const outcome = outcomeOf(ask(job))
  let isWritten = false
  job.news$.subscribe((news) => {
    if (news.kind === 'event' && news.event.kind === 'SnapshotCompleted') isWritten = true
  })
  // Of those before it was told at once.
  isWritten = false
  t.ok(await cluster.runUntil(() => isWritten, 5_000))
  for (let i = 0; i < steps; i++) await cluster.step()
  return { cluster, job, outcome }
}
