/** Three nodes in processes of their own give what one process gives, however wide the job is. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import type { Cluster } from '../../actors/client/client.js'
import { run } from '../../actors/index.js'
import windows from '../e2e/jobs/windows.js'
import wordCount from '../e2e/jobs/word-count.js'
import { judgeOutput } from '../e2e/judge.js'
import { ended, ending, within } from '../e2e/support.js'
import { clientOf, type ProcessSettings } from '../support/cluster-parts.js'
import { startProcess, type Talking } from '../support/cluster-processes.js'

t.setTimeout(600_000)

const JOBS = fileURLToPath(new URL('../e2e/jobs/', import.meta.url))
const WIDTHS = [1, 2, 3, 4, 5, 6]
const ROWS = 2_000

/** Whatever becomes of the test, it ends. */
async function start(t: Test, settings: ProcessSettings): Promise<Talking> {
  const process = await startProcess(settings)
  t.teardown(() => process.kill('SIGKILL'))
  return process
}

async function clusterOf(t: Test, dir: string): Promise<Cluster> {
  const common = { listen: '127.0.0.1:0', secret: null } as const
  const hub = await start(t, {
    ...common,
    kind: 'coordinator',
    name: 'hub',
    data: join(dir, 'data'),
  })
  const url = hub.said[0]!.url as string
  await Promise.all(
    [0, 1, 2].map((i) =>
      start(t, { ...common, kind: 'node', name: `node-${i}`, join: url, slots: 2 }),
    ),
  )
  const cluster = await clientOf(url, null)
  t.teardown(() => cluster.close())
  return cluster
}

/** What one thread gives. */
async function alone(t: Test, pipeline: ReturnType<typeof wordCount>): Promise<readonly string[]> {
  const { results, error } = await ended(ending(t, run(pipeline)))
  t.equal(error, null)
  return sorted(results)
}

const sorted = (records: readonly unknown[]) =>
  records.map((record) => JSON.stringify(record)).sort()

t.test('the results are those of one process at every width', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-equal-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  const cluster = await clusterOf(t, dir)
  const expected = {
    'word-count': await alone(t, wordCount()),
    windows: await alone(t, windows()),
  }
  for (const parallelism of WIDTHS) {
    for (const [name, records] of Object.entries(expected)) {
      const job = await cluster.submit(join(JOBS, `${name}.js`), { parallelism, checkpoint: false })
      const results: unknown[] = []
      job.results$.subscribe({ next: (record) => results.push(record), error: () => {} })
      const { state } = await within(90_000, `${name} ×${parallelism}`, job.done)
      t.equal(state, 'Finished')
      t.same(sorted(results), records, `${name} ×${parallelism}`)
    }
    const out = join(dir, `${parallelism}`)
    const job = await cluster.submit(join(JOBS, 'accounting.js'), {
      parallelism,
      checkpoint: { interval: 100 },
      args: { out: join(out, 'out'), rows: String(ROWS), perSecond: '1000000' },
    })
    t.match(await within(90_000, `accounting ×${parallelism}`, job.done), { state: 'Finished' })
    t.equal(await judgeOutput(out, ROWS), null, `accounting ×${parallelism}`)
  }
})
