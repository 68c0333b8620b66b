/** A life with another number of slots is on trial until all of it runs: whole clusters under a virtual clock. */
import t, { type Test } from 'tap'
import { generate } from '../../lib/connectors/index.js'
import { map, type Pipeline, pipeline } from '../../lib/index.js'
import { outcomeOf } from '../support/outcome-of.js'
import { bundleOf, HUB, SimulatedCluster } from '../support/simulated-cluster.js'
import type { SimulatedProcess } from '../support/simulated-process.js'
import { testSeed } from '../support/test-seed.js'
import { TransactionWorld } from '../support/transaction-world.js'

t.setTimeout(400_000)

const ID = 'both-00000001'
const SEED = testSeed(1)
const ROWS = 200

/** Two regions: one of one subtask, and one of so many; null: as wide as the job. */
const bothOn =
  (narrow: TransactionWorld, wide: TransactionWorld, width: number | null) =>
  (process: SimulatedProcess): Pipeline =>
    pipeline('both', (flow) => {
      const rows = () => generate(ROWS, (n) => n, { perSecond: 10, splits: 4 })
      const same = map((n: number) => n, { parallelism: 1 })
      flow
        .from(rows(), { parallelism: 1, name: 'few' })
        .pipe(same)
        .to(narrow.sink(process), { parallelism: 1 })
      const wish = width === null ? {} : { parallelism: width }
      flow.from(rows(), { name: 'many', ...wish }).to(wide.sink(process), wish)
    })

/** On one slot of `a`, for 2 s of 20; `b` is there, too, and slow to reach. `fails`: as of `NodeShape`. */
async function running(fails: () => Error | null = () => null, width: number | null = null) {
  const [narrow, wide] = [new TransactionWorld(), new TransactionWorld()]
  const nodes = [
    { name: 'a', slots: 1 },
    { name: 'b', slots: 1, failsSetUp: fails },
  ]
  const modules = { both: bothOn(narrow, wide, width) }
  const delay = (...ends: string[]) => (ends.includes('b') ? 100 : 1)
  const cluster = new SimulatedCluster({ seed: SEED, nodes, modules, delay })
  cluster.start(HUB)
  cluster.start('a')
  await cluster.runFor(1_000)
  const options = { memoryMb: 0, checkpoint: { interval: 300 }, parallelism: 1 }
  void cluster.coordinator!.submit(ID, bundleOf('both'), options, () => {}).catch(() => {})
  await cluster.runFor(1_000)
  cluster.start('b')
  await cluster.runFor(1_000)
  const finishes = async (t: Test) => {
    t.ok(await cluster.runUntil(() => cluster.ended.has(ID), 100_000))
    t.equal(cluster.ended.get(ID), 'Finished')
    const sorted = ({ shown }: TransactionWorld) => (shown as number[]).toSorted((x, y) => x - y)
    const all = Array.from({ length: ROWS }, (_, n) => n)
    t.same([sorted(narrow), sorted(wide)], [all, all])
  }
  return { cluster, finishes }
}

const recorded = (cluster: SimulatedCluster) => cluster.stores.jobs.get(ID)!

/** The first region of two slots is deployed, the second is not. */
async function halfDeployed(t: Test, cluster: SimulatedCluster): Promise<void> {
  const isHalf = () => {
    const { deployment } = recorded(cluster)
    const [few = 0, many = 0] = deployment?.regions ?? []
    return deployment?.slots.length === 2 && few > 0 && many === 0
  }
  t.ok(await cluster.runUntil(isHalf, 1_000), 'its first region is opened alone')
}

t.test('where the slot of its second region goes, it goes back', async (t) => {
  const { cluster, finishes } = await running()
  const rescaled = outcomeOf(cluster.coordinator!.rescale(ID, 2))
  await halfDeployed(t, cluster)
  t.equal(recorded(cluster).slots, 1)
  cluster.kill('b')
  await cluster.runFor(8_000)
  t.same(rescaled, { code: 'E_NO_SLOT', isOver: true })
  t.match(cluster.coordinator!.jobs(), [{ state: 'Running', slots: 1, waitsFor: null }])
  t.notOk(
    cluster.events.some((event) => event.includes('begins again')),
    'none has died uncounted',
  )
  await finishes(t)
})

t.test('where its second region cannot start, it goes back', async (t) => {
  let isBroken = true
  const { cluster, finishes } = await running(() => (isBroken ? new Error('out of order') : null))
  const rescaled = outcomeOf(cluster.coordinator!.rescale(ID, 2))
  await halfDeployed(t, cluster)
  await cluster.runFor(5_000)
  t.equal(rescaled.isOver, true)
  t.not(rescaled.code, null)
  t.match(cluster.coordinator!.jobs(), [{ state: 'Running', slots: 1, waitsFor: null }])
  isBroken = false
  await finishes(t)
})

t.test('where its coordinator dies meanwhile, the next one goes back', async (t) => {
  const { cluster, finishes } = await running()
  void cluster.coordinator!.rescale(ID, 2).catch(() => {})
  await halfDeployed(t, cluster)
  cluster.kill(HUB)
  cluster.start(HUB)
  await cluster.runFor(10_000)
  t.match(cluster.coordinator!.jobs(), [{ state: 'Running', slots: 1, waitsFor: null }])
  await finishes(t)
})

t.test('and though all of it ran, where that was not recorded', async (t) => {
  // Planned the same, whatever the number of slots.
  const { cluster, finishes } = await running(() => null, 2)
  let isKilled = false
  cluster.stores.onSave = ({ slots }) => {
    if (slots !== 2 || isKilled) return
    isKilled = true
    cluster.kill(HUB)
    throw new Error('nobody is there to write it')
  }
  void cluster.coordinator!.rescale(ID, 2).catch(() => {})
  t.ok(await cluster.runUntil(() => isKilled, 5_000))
  t.match(recorded(cluster), { slots: 1, deployment: { slots: { length: 2 } } })
  cluster.start(HUB)
  await cluster.runFor(10_000)
  t.match(cluster.coordinator!.jobs(), [{ state: 'Running', slots: 1, waitsFor: null }])
  t.ok(cluster.events.some((event) => event.includes('had not begun to run with another number')))
  await finishes(t)
})

t.test('when all of it runs the number is recorded, and nobody is told before', async (t) => {
  const { cluster, finishes } = await running()
  const rescaled = outcomeOf(cluster.coordinator!.rescale(ID, 2))
  await halfDeployed(t, cluster)
  t.ok(await cluster.runUntil(() => rescaled.isOver, 5_000))
  t.equal(rescaled.code, null)
  t.equal(recorded(cluster).slots, 2)
  t.match(cluster.coordinator!.jobs(), [{ state: 'Running', slots: 2 }])
  await finishes(t)
})
