/** A coordinator that is killed while a job runs, and the nodes of that job: as processes. */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { filter, firstValueFrom } from 'rxjs'
import t, { type Test } from 'tap'
import { judgeOutput } from '../e2e/judge.js'
import { clientOf } from '../support/cluster-parts.js'
import { LoopbackCluster } from '../support/loopback-cluster.js'

t.setTimeout(600_000)

const ACCOUNTING = fileURLToPath(new URL('../e2e/jobs/accounting.js', import.meta.url))
const ROWS = 30_000
const PER_SECOND = 2_000
/** Of the job. */
const SLOTS = 3

/** Of each node. */
const NODE_SLOTS = 2

/** Of a job that runs; resolves when it has taken its first snapshot. */
async function clusterAtWork(t: Test): Promise<LoopbackCluster> {
  const cluster = new LoopbackCluster(t, NODE_SLOTS)
  await cluster.start(2)
  const client = await clientOf(cluster.url, null)
  const job = await client.submit(ACCOUNTING, {
    parallelism: SLOTS,
    args: {
      out: join(cluster.dir, 'out'),
      rows: String(ROWS),
      perSecond: String(PER_SECOND),
      name: 'counts',
    },
    checkpoint: { interval: 100 },
    supervise: { maxRestarts: 100, restart: { firstMs: 50, maxMs: 200 } },
  })
  await firstValueFrom(job.events$.pipe(filter(({ kind }) => kind === 'SnapshotCompleted')))
  client.close()
  return cluster
}

/** Slots that were started so far. */
function startedIn({ nodes }: LoopbackCluster): number {
  const said = nodes.flatMap((node) => node.said)
  return said.filter(({ kind }) => kind === 'SlotStarted').length
}

/** Each row is in the output once, and in order. */
async function ends(t: Test, { hub, dir }: LoopbackCluster): Promise<void> {
  const ended = await hub.hear(({ kind }) => kind === 'JobEnded', 0, 300_000)
  t.match(ended, { state: 'Finished' })
  t.equal(await judgeOutput(dir, ROWS), null)
}

t.test('a job outlives its coordinators, and is not restarted', async (t) => {
  const cluster = await clusterAtWork(t)
  for (let i = 0; i < 3; i++) {
    await cluster.kill(cluster.hub)
    await cluster.startHub()
    await cluster.hub.hear(({ kind }) => kind === 'JobAdopted')
  }
  t.equal(startedIn(cluster), SLOTS, 'no slot was started again')
  await ends(t, cluster)
  t.equal(startedIn(cluster), SLOTS, 'to the end')
})

t.test('where a node has died with the coordinator, it is', async (t) => {
  const cluster = await clusterAtWork(t)
  await cluster.kill(cluster.hub)
  await cluster.kill(cluster.nodes[1]!)
  await cluster.startHub()
  await cluster.startNode(1)
  await ends(t, cluster)
  const adopted = cluster.hub.said.some(({ kind }) => kind === 'JobAdopted')
  t.notOk(adopted)
})
