/** Snapshots in another directory than the rest of what a coordinator keeps: written there, restored from there. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { filter, firstValueFrom } from 'rxjs'
import t, { type Test } from 'tap'
import { connect } from '../../actors/client/connect.js'
import { startCoordinator } from '../../actors/coordinator/start-coordinator.js'
import { startNode } from '../../actors/node/start-node.js'
import { judgeOutput } from '../e2e/judge.js'
import { clusterProcesses } from '../support/cli-cluster.js'
import { freePort } from '../support/cluster-processes.js'

t.setTimeout(300_000)

const ACCOUNTING = fileURLToPath(new URL('../e2e/jobs/accounting.js', import.meta.url))
const ROWS = 6_000
const argsIn = (dir: string) => ({
  out: join(dir, 'out'),
  rows: String(ROWS),
  perSecond: '1000',
  parallelism: '1',
})

/** The snapshots of that one job lie in `store`, and none where they lie where nothing is said. */
function liesIn(t: Test, store: string, dir: string, id: string): void {
  t.same(readdirSync(store), [id])
  t.notOk(existsSync(join(dir, 'data', 'snapshots')), 'none beside what else is kept')
}

t.test('by the API', async (t) => {
  const dir = t.testdir({})
  const [data, snapshotStore] = [join(dir, 'data'), join(dir, 'store')]
  const listen = `127.0.0.1:${await freePort()}`
  const start = async () => {
    const coordinator = await startCoordinator({ data, snapshotStore, listen })
    const node = await startNode({ join: coordinator.url, listen: '127.0.0.1:0', name: 'a' })
    return { coordinator, node }
  }
  const first = await start()
  const cluster = await connect(first.coordinator.url)
  const job = await cluster.submit(ACCOUNTING, { args: argsIn(dir), checkpoint: { interval: 100 } })
  await firstValueFrom(job.events$.pipe(filter(({ kind }) => kind === 'SnapshotCompleted')))
  liesIn(t, snapshotStore, dir, job.id)
  await first.coordinator.stop()
  await first.node.stop()

  const second = await start()
  t.match(await job.done, { state: 'Finished' })
  t.equal(await judgeOutput(dir, ROWS), null, 'it has gone on from there')
  t.notOk(existsSync(join(data, 'snapshots')))
  cluster.close()
  await second.node.stop()
  await second.coordinator.stop()
})

t.test('by the command line, after both processes have died', async (t) => {
  let store = ''
  const cluster = await clusterProcesses(t, (dir) => {
    store = join(dir, 'store')
    return { coordinator: ['--snapshot-store', store], node: [], client: [] }
  })
  const { dir, coordinator, url } = cluster
  const node = await cluster.node('a', '--slots', '1')
  const args = Object.entries(argsIn(dir)).flatMap(([name, value]) => ['--arg', `${name}=${value}`])
  const interval = ['--checkpoint-interval', '100ms']
  const submitted = await cluster.run('submit', ACCOUNTING, '--detach', ...args, ...interval)
  const id = submitted.stdout.trim()
  const events = cluster.start('events', id)
  await events.output((text) => /checkpoint \d+:/.test(text))
  liesIn(t, store, dir, id)
  for (const each of [coordinator, node]) {
    each.process.kill('SIGKILL')
    await each.ended
  }

  const kept = ['--data', join(dir, 'data'), '--snapshot-store', store]
  const again = cluster.start('coordinator', '--listen', new URL(url).host, ...kept)
  await again.errors((text) => text.includes('a node joins it by'))
  await cluster.node('b', '--slots', '1')
  t.match(await events.ended, { code: 0 })
  t.equal(await judgeOutput(dir, ROWS), null, 'it has gone on from there')
  t.notOk(existsSync(join(dir, 'data', 'snapshots')))
})
