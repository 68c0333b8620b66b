/** A program that supervises from elsewhere: what it hears, and what it decides. */
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { Failure } from '../../lib/supervision/failure.js'
import { first, marker, within } from '../e2e/support.js'
import { memoryCluster } from '../support/memory-cluster.js'

t.setTimeout(400_000)

const job = (name: string) => fileURLToPath(new URL(`../e2e/jobs/${name}.js`, import.meta.url))
const [FAULT, ENDLESS, COUNT] = [job('fault-once'), job('endless'), job('word-count')]

const fault = (t: Parameters<typeof marker>[0], more: Readonly<Record<string, string>> = {}) => ({
  args: { fault: 'throw', marker: marker(t).path, ...more },
  checkpoint: false as const,
})

t.test('what a client decides about a failure is done', async (t) => {
  const { cluster } = await memoryCluster(t, [1])
  const asked: Failure[] = []
  const running = await cluster.submit(FAULT, {
    ...fault(t, { every: 'yes' }),
    decide: async (failure) => {
      asked.push(failure)
      return asked.length < 3 ? 'restart' : 'stop'
    },
  })
  await t.rejects(within(90_000, 'the end', running.done), { code: 'E_USER_CODE' })
  t.equal(asked.length, 3)
  t.match(asked[0], { operator: 'terrible', kind: 'user-code', decision: null })
  const told: Failure[] = []
  running.failures$.subscribe((failure) => told.push(failure))
  t.same(
    told.map(({ decision }) => decision),
    ['restart', 'restart', 'stop'],
  )
})

t.test('who decides, and throws, has decided that it ends', async (t) => {
  const { cluster } = await memoryCluster(t, [1])
  const running = await cluster.submit(FAULT, {
    ...fault(t),
    decide: () => {
      throw new Error('no idea')
    },
  })
  await t.rejects(within(90_000, 'the end', running.done), { code: 'E_USER_CODE' })
})

t.test('a decider that never answers leaves it to the options, within seconds', async (t) => {
  const { cluster } = await memoryCluster(t, [1])
  const running = await cluster.submit(FAULT, {
    ...fault(t),
    decide: () => new Promise<never>(() => {}),
  })
  t.match(await within(90_000, 'the end', running.done), { state: 'Finished', restarts: 1 })
})

t.test('a decider that is gone is not waited for', async (t) => {
  const { cluster, connect } = await memoryCluster(t, [1])
  const other = await connect('other')
  const args = fault(t)
  const running = await other.submit(FAULT, { ...args, decide: () => 'stop' })
  const here = await cluster.job(running.id)
  other.close()
  t.match(await within(90_000, 'the end', here.done), { state: 'Finished', restarts: 1 })
})

t.test('a region restarts when it is asked to, and goes on', async (t) => {
  const { cluster } = await memoryCluster(t, [1])
  const running = await cluster.submit(ENDLESS, {
    args: { perSecond: '500' },
    checkpoint: { interval: 100 },
  })
  await first(running.events$, ({ kind }) => kind === 'SnapshotCompleted')
  await t.rejects(running.restartRegion(7), { code: 'E_NO_SUCH_REGION' })
  await running.restartRegion(0)
  const counted = first(running.results$, () => true)
  await first(running.events$, ({ kind }) => kind === 'RegionRestarting')
  t.ok(await counted, 'it goes on')
  await running.cancel()
  t.match(await running.done, { state: 'Cancelled', restarts: 1 })
})

t.test('a job moves to the nodes that it is told', async (t) => {
  const { cluster } = await memoryCluster(t, [2, 2])
  const running = await cluster.submit(ENDLESS, {
    args: { perSecond: '500' },
    checkpoint: { interval: 100 },
    parallelism: 2,
  })
  await first(running.events$, ({ kind }) => kind === 'SnapshotCompleted')
  await running.move({ labels: { name: 'node-1' } })
  t.same(
    (await running.placement()).map(({ node }) => node),
    ['node-1', 'node-1'],
  )
  await running.cancel()
})

t.test('a job that ends at once is not missed, and what it waits for is heard', async (t) => {
  const { cluster, join } = await memoryCluster(t, [])
  const running = await cluster.submit(COUNT)
  const log = await first(running.events$, ({ kind }) => kind === 'Log')
  t.match(log, { message: /waits for a place/ })
  await join('late', 1)
  t.match(await within(90_000, 'the end', running.done), { state: 'Finished' })
})

t.test('a job may be named once, and only so that its name is safe in a path', async (t) => {
  const { coordinator } = await memoryCluster(t, [])
  const facts = { sha256: 'a'.repeat(64), bytes: 1, name: 'x.ts' }
  for (const id of ['../../etc/passwd-00000000', 'x', '-00000000', 'a/b-00000000', null]) {
    const submitted = coordinator.submit(id as string, facts, {}, () => {})
    await t.rejects(submitted, { code: 'E_BAD_JOB_ID' }, String(id))
  }
})
