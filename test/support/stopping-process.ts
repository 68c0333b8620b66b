/**
 * A coordinator whose job waits for its next try, a node and a client, in one process: all of them stop, and
 * nothing more is done. What keeps the process from ending then is said, and the exit code is 1.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connect, startCoordinator, startNode } from '../../actors/index.js'
import { first } from '../e2e/support.js'

const ACCOUNTING = fileURLToPath(new URL('../e2e/jobs/accounting.js', import.meta.url))
const HELD_MS = 10_000

const dir = mkdtempSync(join(tmpdir(), 'millrace-stopping-'))
const args = {
  out: join(dir, 'out'),
  rows: '1000000',
  perSecond: '1000',
  name: 'counts',
  keyGroups: '128',
}

async function jobThatRuns(): Promise<void> {
  const coordinator = await startCoordinator({ data: join(dir, 'data'), listen: '127.0.0.1:0' })
  const node = await startNode({ join: coordinator.url, slots: 2 })
  const client = await connect(coordinator.url)
  const placement = { wait: 100 }
  const job = await client.submit(ACCOUNTING, { args, parallelism: 2, placement })
  await first(job.events$, (event) => event.kind === 'StateChanged' && event.to === 'Running')
  await node.stop()
  await coordinator.stop()
  await client.close()
}

async function jobThatCannotBegin(): Promise<void> {
  const coordinator = await startCoordinator({ data: join(dir, 'data'), listen: '127.0.0.1:0' })
  await first(coordinator.events$, ({ kind }) => kind === 'JobCannotBegin')
  const node = await startNode({ join: coordinator.url, slots: 2 })
  const client = await connect(coordinator.url)
  await client.jobs()
  await coordinator.stop()
  await client.close()
  await node.stop()
}

await jobThatRuns()
await jobThatCannotBegin()
rmSync(dir, { recursive: true, force: true })
setTimeout(() => {
  console.log(process.getActiveResourcesInfo())
  process.exit(1)
}, HELD_MS).unref()
