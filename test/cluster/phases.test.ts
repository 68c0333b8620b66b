/**
 * The death of the coordinator, or of a node, before and after each durable step of a checkpoint. One job
 * outlives them all.
 */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { seededRandom } from '../../lib/base/random.js'
import { judgeOutput, judgeSoFar } from '../e2e/accounting.js'
import { within } from '../e2e/support.js'
import { clientOf } from '../support/cluster-parts.js'
import type { Talking } from '../support/cluster-processes.js'
import { LoopbackCluster } from '../support/loopback-cluster.js'

t.setTimeout(1_200_000)

const SEED = Number(process.env.MILLRACE_SEED ?? Date.now() % 100_000)
t.comment(`MILLRACE_SEED=${SEED}`)
const random = seededRandom(SEED)
const ACCOUNTING = fileURLToPath(new URL('../e2e/jobs/accounting.js', import.meta.url))

/** Steps that the coordinator makes: its store is the durable tier. */
const OF_COORDINATOR = [
  'chunk-put.before',
  'chunk-put.after',
  'manifest-commit.before',
  'manifest-commit.written',
  'index-write.synced',
  'index-write.renamed',
  'manifest-commit.after',
  'manifest-retire.unlisted',
  'chunk-delete.after',
]
/** Steps of sinks. */
const OF_NODE = [
  'file-sync.before',
  'part-sync.before',
  'part-rename.after',
  'part-prepare.after',
  'part-link.before',
  'part-link.after',
  'part-unlink.after',
  'level-epoch.before',
  'level-epoch.after',
]
/** They last for all steps: the death of a coordinator does not stop them. */
const ROWS = 400_000
const PER_SECOND = 2_000

/** True where the process has died where it should. */
async function dies(
  t: Test,
  { dir }: LoopbackCluster,
  { exited }: Talking,
  place: string,
): Promise<boolean> {
  const how = await within(90_000, `death at ${place}`, exited)
  if (!t.equal(how, 'SIGKILL', `dies at ${place}`)) return false
  return t.equal(judgeSoFar(dir), null, `what ${place} left`)
}

t.test('whoever dies at whichever step, each row is in the output once', async (t) => {
  const cluster = new LoopbackCluster(t, 1)
  await cluster.start(3)
  const client = await clientOf(cluster.url, null)
  await client.submit(ACCOUNTING, {
    parallelism: 2,
    args: {
      out: join(cluster.dir, 'out'),
      rows: String(ROWS),
      perSecond: String(PER_SECOND),
    },
    checkpoint: { interval: 50 },
    supervise: { maxRestarts: 1_000, restart: { firstMs: 50, maxMs: 200 } },
  })
  client.close()
  for (const place of OF_COORDINATOR) {
    await cluster.kill(cluster.hub)
    await cluster.startHub(`${place}:${1 + Math.floor(random() * 3)}`)
    if (!(await dies(t, cluster, cluster.hub, place))) return
    await cluster.startHub()
  }
  for (const place of OF_NODE) {
    // Each job that moves may take other nodes: all of them are to die, the first does.
    const pass = 1 + Math.floor(random() * 3)
    for (const [i, node] of cluster.nodes.entries()) {
      await cluster.kill(node)
      await cluster.startNode(i, `${place}:${pass}`)
    }
    const first = await Promise.race(
      cluster.nodes.map(async (node, i) => {
        await node.exited
        return i
      }),
    )
    if (!(await dies(t, cluster, cluster.nodes[first]!, place))) return
    for (const [i, node] of cluster.nodes.entries()) {
      await cluster.kill(node)
      await cluster.startNode(i)
    }
  }
  const ended = await cluster.hub.hear(({ kind }) => kind === 'JobEnded', 0, 300_000)
  t.match(ended, { state: 'Finished' })
  t.equal(await judgeOutput(cluster.dir, ROWS), null)
})
