/** How many lives a job has had, where its coordinator is started again and again. */
import t from 'tap'
import { LONG_JOB as ID, recoveringLong as recovering, startNodes } from '../support/long-job.js'
import { HUB, type SimulatedCluster } from '../support/simulated-cluster.js'

t.setTimeout(400_000)

/** Before its first try, while that looks for a snapshot, is planned and waits for places, and behind it. */
const TIMES = [
  10, 3_000, 3_002, 3_003, 3_004, 3_005, 3_006, 3_007, 3_008, 3_010, 3_012, 3_500, 4_010, 4_020,
  6_000, 33_003,
]

/** What befalls a coordinator while it tries to go on. */
const FATES: Readonly<Record<string, (cluster: SimulatedCluster) => Promise<void>>> = {
  stops: (cluster) => stopAndStart(cluster),
  'stops while its disk does not answer': async (cluster) => {
    await stopAndStart(cluster)
    cluster.stores.onLook = () => {}
  },
  dies: async (cluster) => {
    cluster.kill(HUB)
    cluster.start(HUB)
  },
}

async function stopAndStart(cluster: SimulatedCluster): Promise<void> {
  let isStopped = false
  void cluster.coordinator!.stop().then(() => {
    isStopped = true
  })
  await cluster.runUntil(() => isStopped, 30_000)
  cluster.kill(HUB)
  cluster.start(HUB)
}

for (const [happens, befalls] of Object.entries(FATES)) {
  t.test(`tries to go on are no lives, whenever the coordinator ${happens}`, async (t) => {
    for (const agoMs of TIMES) {
      const cluster = await recovering(0)
      for (let tries = 0; tries < 2; tries++) {
        if (happens.includes('disk')) cluster.stores.onLook = failing
        await cluster.runFor(agoMs)
        await befalls(cluster)
      }
      startNodes(cluster)
      const runs = () => cluster.coordinator?.jobs()[0]?.state === 'Running'
      t.ok(await cluster.runUntil(runs, 50_000))
      const job = cluster.coordinator!.job(ID)
      void job.cancel()
      await cluster.runFor(1_000)
      t.match(await job.done, { lives: 2, livesCounted: 1 }, `${agoMs} ms after each start`)
    }
  })
}

function failing(): void {
  throw new Error('the disk does not answer')
}
