/** A restore reads what its node has written from the node, and asks the coordinator for the rest only. */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { NodeEvent } from '../../actors/node/node-event.js'
import { openCopyFiles } from '../../lib/snapshot/copy-files.js'
import { MemoryChunkStore } from '../../lib/snapshot/memory-chunk-store.js'
import { idsOf } from '../conformance/chunk-store.js'
import { directoryOf } from '../e2e/accounting.js'
import { judgeOutput } from '../e2e/judge.js'
import { first, within } from '../e2e/support.js'
import { type MemoryCluster, memoryCluster } from '../support/memory-cluster.js'

t.setTimeout(600_000)

const ACCOUNTING = fileURLToPath(new URL('../e2e/jobs/accounting.js', import.meta.url))
const ROWS = 8_000
const PER_SECOND = 1_500

type Read = NodeEvent & { readonly kind: 'ChunksRead' }

const submit = ({ cluster, dir }: MemoryCluster) =>
  cluster.submit(ACCOUNTING, {
    args: { out: join(dir, 'out'), rows: String(ROWS), perSecond: String(PER_SECOND) },
    checkpoint: { interval: 100 },
    parallelism: 2,
  })

/** What the nodes tell of reading, as it comes. */
function readsOf({ nodes }: MemoryCluster): { node: string; read: Read }[] {
  const reads: { node: string; read: Read }[] = []
  for (const node of nodes) {
    node.events$.subscribe((event) => {
      if (event.kind === 'ChunksRead') reads.push({ node: node.name, read: event })
    })
  }
  return reads
}

const sum = (reads: readonly { read: Read }[], of: 'copies' | 'fetched' | 'damaged') =>
  reads.reduce((total, { read }) => total + read[of], 0)

/** A checkpoint that holds state, behind that many restarts. */
function saved(job: Awaited<ReturnType<typeof submit>>, restarts: number): Promise<unknown> {
  let seen = 0
  return first(job.events$, (event) => {
    if (event.kind === 'RegionRestarting') seen++
    return seen === restarts && event.kind === 'SnapshotCompleted' && event.bytes > 0
  })
}

/** Restarts it so often, each time behind a checkpoint of its own. */
async function restart(job: Awaited<ReturnType<typeof submit>>, times: number): Promise<void> {
  for (let restarts = 0; restarts < times; restarts++) {
    await saved(job, restarts)
    await job.restartRegion(0)
  }
  await saved(job, times)
}

t.test('where its slots are as before, a restart reads nothing from the coordinator', async (t) => {
  const root = directoryOf(t, 'copies')
  const asked: string[] = []
  const world = await memoryCluster(t, [1, 1], {
    copies: () => ({ open: () => openCopyFiles(root), bytesMax: 2 ** 26 }),
    onChunkRead: (id) => asked.push(id),
  })
  const reads = readsOf(world)
  const job = await submit(world)
  await restart(job, 2)
  t.match(await within(90_000, 'the end', job.done), { state: 'Finished', restarts: 2 })
  t.equal(await judgeOutput(world.dir, ROWS), null)
  t.ok(sum(reads, 'copies') >= 4, `${sum(reads, 'copies')} copies were read`)
  t.equal(sum(reads, 'fetched'), 0)
  t.same(asked, [], 'the store was not read')
})

t.test('without copies the same restart reads all from the coordinator', async (t) => {
  const asked: string[] = []
  const world = await memoryCluster(t, [1, 1], { onChunkRead: (id) => asked.push(id) })
  const reads = readsOf(world)
  const job = await submit(world)
  await restart(job, 1)
  t.match(await within(90_000, 'the end', job.done), { state: 'Finished', restarts: 1 })
  t.equal(await judgeOutput(world.dir, ROWS), null)
  t.equal(sum(reads, 'copies'), 0)
  t.ok(asked.length >= 2)
  t.equal(sum(reads, 'fetched'), asked.length)
})

t.test('damaged copies are fetched from the coordinator, and the result is the same', async (t) => {
  const stores: MemoryChunkStore[] = []
  const world = await memoryCluster(t, [1, 1], {
    copies: () => {
      const store = new MemoryChunkStore()
      stores.push(store)
      const place = 'damaged'
      const get = async (id: string) => (await store.get(id))?.map((byte) => byte ^ 1) ?? null
      const spoilt = {
        place,
        get,
        put: (id: string, bytes: Uint8Array) => store.put(id, bytes),
        delete: (ids: readonly string[]) => store.delete(ids),
        close: () => store.close(),
      }
      return { open: async () => spoilt, bytesMax: 2 ** 26 }
    },
  })
  const reads = readsOf(world)
  const job = await submit(world)
  await restart(job, 1)
  t.match(await within(90_000, 'the end', job.done), { state: 'Finished', restarts: 1 })
  t.equal(await judgeOutput(world.dir, ROWS), null)
  t.equal(sum(reads, 'copies'), 0)
  t.ok(sum(reads, 'damaged') >= 2)
  t.equal(sum(reads, 'fetched'), sum(reads, 'damaged'))
  for (const store of stores) {
    t.ok((await idsOf(store)).length < 20, 'what rounds no longer name is not kept')
  }
})

t.test('of a node that has died the others fetch its part, and read their own', async (t) => {
  const root = directoryOf(t, 'copies')
  const world = await memoryCluster(t, [1, 1, 1], {
    copies: () => ({ open: () => openCopyFiles(root), bytesMax: 2 ** 26 }),
  })
  const reads = readsOf(world)
  const job = await submit(world)
  await saved(job, 0)
  const placed = await job.placement()
  const died = world.nodes.find(({ name }) => name === placed[0]!.node)!
  await died.stop()
  t.match(await within(90_000, 'the end', job.done), { state: 'Finished' })
  t.equal(await judgeOutput(world.dir, ROWS), null)
  const stayed = reads.filter(({ node }) => node === placed[1]!.node)
  const came = reads.filter(({ node }) => node !== placed[1]!.node)
  t.ok(sum(stayed, 'copies') > 0)
  t.equal(sum(stayed, 'fetched'), 0)
  t.ok(sum(came, 'fetched') > 0)
})

t.test('copies that cannot be written cost nothing else, and are told once', async (t) => {
  const world = await memoryCluster(t, [2], {
    copies: () => ({ open: () => openCopyFiles('/dev/null'), bytesMax: 2 ** 26 }),
  })
  const failures: NodeEvent[] = []
  world.nodes[0]!.events$.subscribe((event) => {
    if (event.kind === 'CopiesFailed') failures.push(event)
  })
  const job = await submit(world)
  await restart(job, 1)
  t.match(await within(90_000, 'the end', job.done), { state: 'Finished', restarts: 1 })
  t.equal(await judgeOutput(world.dir, ROWS), null)
  t.match(failures, [{ reason: /ENOTDIR/ }])
})
