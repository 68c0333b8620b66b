/**
 * The death of the coordinator, of a node, or of everything, before and after each durable step of a checkpoint.
 * Two jobs outlive them all.
 */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { filter, firstValueFrom } from 'rxjs'
import t, { type Test } from 'tap'
import { seededRandom } from '../../lib/base/random.js'
import { judgeOutput, judgeSoFar } from '../e2e/judge.js'
import { within } from '../e2e/support.js'
import { clientOf } from '../support/cluster-parts.js'
import type { Talking } from '../support/cluster-processes.js'
import { LoopbackCluster } from '../support/loopback-cluster.js'
import { testSeed } from '../support/test-seed.js'

t.setTimeout(1_200_000)

const SEED = testSeed()
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
/** Steps of its own. Nodes that are new hold nothing: the job is written down, and deployed, again. */
const OF_RECORDS = [
  'term-write.before',
  'term-write.after',
  'job-write.before',
  'job-write.after',
  'deployment-write.before',
  'deployment-write.after',
]
/** Steps of a submission. */
const OF_SUBMISSION = [
  'bundle-put.before',
  'bundle-put.after',
  'job-write.before',
  'job-write.after',
  'deployment-write.before',
  'deployment-write.after',
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
/**
 * One step of each phase of a round: chunks are on their way, sinks have prepared, all have acknowledged, the
 * manifest is written, sinks are told to commit, one has, what is older is retired.
 */
const OF_ROUND = [
  'chunk-put.after',
  'part-prepare.after',
  'manifest-commit.before',
  'manifest-commit.written',
  'part-link.before',
  'part-link.after',
  'manifest-retire.unlisted',
]
/** Where everything dies: each coordinator waits for a lease before it deploys, so that all of them take minutes. */
const OF_ALL = process.env.CI_FULL ? [...OF_COORDINATOR, ...OF_NODE] : OF_ROUND
/** At this pace they outlast all steps; what is left then is given at once. */
const ROWS = 160_000
const PER_SECOND = 400

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

/** Starts everything, and kills all of it as soon as one process has died where it should; true where one has. */
async function allDie(
  t: Test,
  cluster: LoopbackCluster,
  place: string,
  pass: number,
): Promise<boolean> {
  const starting = cluster.startAll(`${place}:${pass}`)
  const all = [cluster.hub, ...cluster.nodes]
  const first = await Promise.race(all.map((each) => each.exited.then(() => each)))
  for (const each of all) each.kill('SIGKILL')
  await Promise.all(all.map(({ exited }) => exited))
  await starting
  return dies(t, cluster, first, place)
}

const optionsOf = ({ dir }: LoopbackCluster, perSecond: number) => ({
  parallelism: 2,
  args: { out: join(dir, 'out'), rows: String(ROWS), perSecond: String(perSecond) },
  checkpoint: { interval: 50 },
  supervise: { maxRestarts: 1_000, restart: { firstMs: 50, maxMs: 200 } },
})

/** The job that all of them strike. */
async function submitSlowly(cluster: LoopbackCluster): Promise<string> {
  const client = await clientOf(cluster.url, null)
  const { id } = await client.submit(ACCOUNTING, optionsOf(cluster, PER_SECOND))
  client.close()
  return id
}

/** Stops it behind a checkpoint, and goes on from there as fast as it can. */
async function endQuickly(cluster: LoopbackCluster, id: string): Promise<void> {
  const client = await clientOf(cluster.url, null)
  const restore = join(cluster.dir, 'saved')
  const slow = await client.job(id)
  // A coordinator that has just been started has not placed it yet.
  const runs = firstValueFrom(slow.events$.pipe(filter(({ kind }) => kind === 'SnapshotCompleted')))
  await within(60_000, 'a checkpoint', runs)
  await slow.stop(restore)
  const job = await client.submit(ACCOUNTING, { ...optionsOf(cluster, 1e6), restore })
  await within(300_000, 'the end', job.done)
  client.close()
}

/** Of each cluster its own, since they run side by side. */
function passes(number: number): () => number {
  const random = seededRandom(SEED + number)
  return () => 1 + Math.floor(random() * 3)
}

/** Strikes a job in a cluster of its own, and lets it end where `strike` says that all have died as they should. */
async function outlives(
  t: Test,
  strike: (cluster: LoopbackCluster) => Promise<boolean>,
): Promise<() => Promise<void>> {
  const cluster = new LoopbackCluster(t, 1)
  await cluster.start(3)
  const id = await submitSlowly(cluster)
  if (!(await strike(cluster))) return async () => {}
  return async () => {
    await cluster.startAll()
    await endQuickly(cluster, id)
    t.equal(await judgeOutput(cluster.dir, ROWS), null)
  }
}

async function coordinatorsDie(t: Test, cluster: LoopbackCluster): Promise<boolean> {
  const passOf = passes(0)
  await cluster.kill(cluster.hub)
  for (const place of OF_COORDINATOR) {
    await cluster.startHub(`${place}:${passOf()}`)
    if (!(await dies(t, cluster, cluster.hub, place))) return false
  }
  for (const place of OF_RECORDS) {
    await Promise.all(cluster.nodes.map((node) => cluster.kill(node)))
    const joining = cluster.nodes.map((_, i) => cluster.startNode(i))
    await cluster.startHub(place)
    if (!(await dies(t, cluster, cluster.hub, place))) return false
    await cluster.startHub()
    await Promise.all(joining)
    await cluster.kill(cluster.hub)
  }
  for (const node of cluster.nodes) await cluster.kill(node)
  return true
}

async function nodesAndAllDie(t: Test, cluster: LoopbackCluster): Promise<boolean> {
  const passOf = passes(1)
  for (const place of OF_NODE) {
    // Each job that moves may take other nodes: all of them are to die, the first does.
    const pass = passOf()
    await cluster.startNodesAnew(`${place}:${pass}`)
    const first = await Promise.race(cluster.nodes.map((node) => node.exited.then(() => node)))
    if (!(await dies(t, cluster, first, place))) return false
  }
  for (const each of [cluster.hub, ...cluster.nodes]) await cluster.kill(each)
  for (const place of OF_ALL) if (!(await allDie(t, cluster, place, passOf()))) return false
  return true
}

t.test('whoever dies at whichever step, each row is in the output once', async (t) => {
  const beganMs = Date.now()
  // Side by side, since both wait for leases most of their time.
  const ends = await Promise.all([
    outlives(t, (cluster) => coordinatorsDie(t, cluster)),
    outlives(t, (cluster) => nodesAndAllDie(t, cluster)),
  ])
  const steps = OF_COORDINATOR.length + OF_RECORDS.length + OF_NODE.length + OF_ALL.length
  t.comment(`killed at ${steps} steps in ${Date.now() - beganMs} ms`)
  for (const end of ends) await end()
})

t.test('a submission outlives its coordinator at each step, and happens once', async (t) => {
  const cluster = new LoopbackCluster(t, 2)
  await cluster.start(1)
  const client = await clientOf(cluster.url, null)
  await cluster.kill(cluster.hub)
  await cluster.startHub(OF_SUBMISSION[0])
  const submitting = client.submit(ACCOUNTING, optionsOf(cluster, 20_000))
  for (const [i, place] of OF_SUBMISSION.entries()) {
    if (!(await dies(t, cluster, cluster.hub, place))) return
    await cluster.startHub(OF_SUBMISSION[i + 1] ?? null)
  }
  const job = await within(60_000, 'the submission', submitting)
  t.match(await within(200_000, 'the end', job.done), { state: 'Finished' })
  t.equal(await judgeOutput(cluster.dir, ROWS), null)
  client.close()
})
