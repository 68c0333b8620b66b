/** A coordinator that is killed while a job runs, and the nodes of that job: as processes. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { filter, firstValueFrom } from 'rxjs'
import t, { type Test } from 'tap'
import { judgeOutput } from '../e2e/accounting.js'
import { clientOf } from '../support/cluster-parts.js'
import { freePort, startProcess, type Talking } from '../support/cluster-processes.js'

t.setTimeout(600_000)

const ACCOUNTING = fileURLToPath(new URL('../e2e/jobs/accounting.js', import.meta.url))
const ROWS = 30_000
const PER_SECOND = 2_000
/** Of the job. */
const SLOTS = 3

class Cluster {
  readonly dir = mkdtempSync(join(tmpdir(), 'millrace-adoption-'))
  readonly #t: Test
  hub!: Talking
  readonly nodes: Talking[] = []
  #port = 0

  constructor(t: Test) {
    this.#t = t
    t.teardown(() => {
      for (const { child } of [this.hub, ...this.nodes]) child.kill('SIGKILL')
      rmSync(this.dir, { recursive: true, force: true })
    })
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#port}`
  }

  /** Slots that were started so far. */
  get slots(): number {
    const said = this.nodes.flatMap((node) => node.said)
    return said.filter(({ kind }) => kind === 'SlotStarted').length
  }

  /** Resolves when a job has taken its first snapshot. */
  async start(): Promise<void> {
    this.#port = await freePort()
    await this.startHub()
    for (const i of [0, 1]) await this.startNode(i)
    const client = await clientOf(this.url, null)
    const job = await client.submit(ACCOUNTING, {
      parallelism: SLOTS,
      args: {
        out: join(this.dir, 'out'),
        rows: String(ROWS),
        perSecond: String(PER_SECOND),
        name: 'counts',
      },
      checkpoint: { interval: 100 },
      supervise: { maxRestarts: 100, restart: { firstMs: 50, maxMs: 200 } },
    })
    await firstValueFrom(job.events$.pipe(filter(({ kind }) => kind === 'SnapshotCompleted')))
    client.close()
  }

  async startHub(): Promise<void> {
    const listen = `127.0.0.1:${this.#port}`
    const data = join(this.dir, 'data')
    this.hub = await startProcess({ kind: 'coordinator', name: 'hub', listen, secret: null, data })
  }

  async startNode(i: number): Promise<void> {
    const place = { name: `node-${i}`, listen: '127.0.0.1:0', secret: null }
    this.nodes[i] = await startProcess({ kind: 'node', ...place, join: this.url, slots: 2 })
  }

  async kill(process: Talking): Promise<void> {
    process.kill('SIGKILL')
    await process.exited
  }

  /** Each row is in the output once, and in order. */
  async ends(): Promise<void> {
    const ended = await this.hub.hear(({ kind }) => kind === 'JobEnded', 0, 300_000)
    this.#t.match(ended, { state: 'Finished' })
    this.#t.equal(await judgeOutput(this.dir, ROWS), null)
  }
}

t.test('a job outlives its coordinators, and is not restarted', async (t) => {
  const cluster = new Cluster(t)
  await cluster.start()
  for (let i = 0; i < 3; i++) {
    await cluster.kill(cluster.hub)
    await cluster.startHub()
    await cluster.hub.hear(({ kind }) => kind === 'JobAdopted')
  }
  t.equal(cluster.slots, SLOTS, 'no slot was started again')
  await cluster.ends()
  t.equal(cluster.slots, SLOTS, 'to the end')
})

t.test('where a node has died with the coordinator, it is', async (t) => {
  const cluster = new Cluster(t)
  await cluster.start()
  await cluster.kill(cluster.hub)
  await cluster.kill(cluster.nodes[1]!)
  await cluster.startHub()
  await cluster.startNode(1)
  await cluster.ends()
  const adopted = cluster.hub.said.some(({ kind }) => kind === 'JobAdopted')
  t.notOk(adopted)
})
