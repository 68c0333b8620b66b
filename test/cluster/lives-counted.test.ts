/** How many lives a job has had, where its coordinator is started again and again. */
import t, { type Test } from 'tap'
import type { JobSummary } from '../../actors/job/job.js'
import {
  LONG_JOB as ID,
  recoveringLong as recovering,
  runningLong as running,
  startNodes,
  waitingLong as waiting,
} from '../support/long-job.js'
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
      const lives = await livesAtEnd(t, cluster)
      t.match(lives, { lives: 2, livesCounted: 1 }, `${agoMs} ms after each start`)
    }
  })
}

t.test('a job that has waited for its first deployment has had no life', async (t) => {
  const cluster = await waiting()
  for (let deaths = 0; deaths < 2; deaths++) {
    cluster.kill(HUB)
    cluster.start(HUB)
    await cluster.runFor(5_000)
  }
  startNodes(cluster)
  t.match(await livesAtEnd(t, cluster), { lives: 1, livesCounted: 1 })
})

t.test('each life that ran counts, though its coordinator and its nodes died', async (t) => {
  const cluster = await running()
  for (let deaths = 1; deaths <= 2; deaths++) {
    for (const name of cluster.names) cluster.kill(name)
    cluster.start(HUB)
    startNodes(cluster)
    t.ok(await cluster.runUntil(() => isRunning(cluster), 50_000))
  }
  t.match(await livesAtEnd(t, cluster), { lives: 3, livesCounted: 1 })
})

const isRunning = (cluster: SimulatedCluster): boolean =>
  cluster.coordinator?.jobs()[0]?.state === 'Running'

/** Nothing of the life in which it is cancelled has been deployed. */
t.test('a life that has only waited is none, nor does its wait count', async (t) => {
  const never = await waiting()
  t.match(await cancelled(never), { lives: 0, livesCounted: 0, wallMs: 0 }, 'for the first time')
  for (const agoMs of TIMES) {
    const again = await waiting()
    again.kill(HUB)
    again.start(HUB)
    await again.runFor(agoMs)
    t.match(await cancelled(again), { lives: 0, livesCounted: 0, wallMs: 0 }, `${agoMs} ms`)

    const died = await recovering(agoMs)
    t.match(await cancelled(died), { lives: 1, livesCounted: 0, wallMs: 0 }, `${agoMs} ms`)
  }
})

t.test('one that could not follow another leaves what that has counted', async (t) => {
  const cluster = await running(true, '10m')
  const job = cluster.coordinator!.job(ID)
  cluster.kill('b')
  t.ok(await cluster.runUntil(() => job.state === 'Restarting', 50_000))
  const endMs = cluster.clock.now()
  void job.move(2).catch(() => {})
  await cluster.runFor(5_000)
  const { lives, livesCounted, recordsIn, wallMs } = await cancelled(cluster)
  t.same({ lives, livesCounted }, { lives: 1, livesCounted: 1 })
  t.ok(recordsIn > 0)
  t.ok(wallMs < endMs, `it waited for longer: ${wallMs}`)
})

/** Records of then say of lives only what runs. */
function forgetLives({ stores: { jobs } }: SimulatedCluster): void {
  const { before: _, ...record } = jobs.get(ID)!
  jobs.set(ID, record)
}

t.test('one that ran under a coordinator that counted none yet counts', async (t) => {
  const adopted = await running()
  adopted.kill(HUB)
  forgetLives(adopted)
  adopted.start(HUB)
  t.match(await livesAtEnd(t, adopted), { lives: 1, livesCounted: 1 }, 'it was adopted')

  for (const agoMs of [10, 3_500, 6_000]) {
    const died = async () => {
      const cluster = await recovering(0)
      cluster.kill(HUB)
      forgetLives(cluster)
      cluster.start(HUB)
      await cluster.runFor(agoMs)
      return cluster
    }
    t.match(await cancelled(await died()), { lives: 1, livesCounted: 0 }, `${agoMs} ms`)
    const goesOn = await died()
    startNodes(goesOn)
    t.match(await livesAtEnd(t, goesOn), { lives: 2, livesCounted: 1 }, `${agoMs} ms`)
  }
})

/** What is said of the job that has been cancelled once it ran. */
async function livesAtEnd(t: Test, cluster: SimulatedCluster): Promise<JobSummary> {
  t.ok(await cluster.runUntil(() => isRunning(cluster), 50_000))
  return cancelled(cluster)
}

async function cancelled(cluster: SimulatedCluster): Promise<JobSummary> {
  const job = cluster.coordinator!.job(ID)
  void job.cancel()
  await cluster.runFor(1_000)
  return job.done
}

function failing(): void {
  throw new Error('the disk does not answer')
}
