/**
 * `npm run bench -- hosts [--quick] [--reps N] [--job throughput,idle,shuffle]`: what links between
 * processes carry and cost (links.ts); the same job on two slots of one process and on two nodes in
 * processes of their own, alternating; and how long a submitted job takes until it runs.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from 'millrace/actors'
import { type Cluster, connectOver } from '../../actors/client/client.js'
import { newIncarnation } from '../../lib/transport/secret.js'
import { createSocketNetwork } from '../../lib/transport/socket-network.js'
import { machine, median, round } from '../cost/report.js'
import { type LinksOptions, linksBench } from './links.js'

const PROCESS = fileURLToPath(new URL('./process.js', import.meta.url))
/** Whole records of seven fields cross the exchange. */
const JOBS = new URL('../cost/pipelines.js', import.meta.url)
const RECORDS = 3_000_000

interface Settings {
  readonly kind: 'coordinator' | 'node'
  readonly name: string
  readonly data?: string
  readonly join?: string
}

export async function hostsBench(options: LinksOptions): Promise<void> {
  const { quick, reps, jobs } = options
  console.error(`hosts: ${JSON.stringify(machine())}`)
  await linksBench(options)
  if (jobs.length > 0 && !jobs.includes('shuffle')) return
  const dir = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  const children: ChildProcess[] = []
  try {
    const hub = await start(children, { kind: 'coordinator', name: 'hub', data: dir })
    for (const name of ['left', 'right']) await start(children, { kind: 'node', name, join: hub })
    const cluster = await connect(hub)
    await shuffle(cluster, quick ? RECORDS / 10 : RECORDS, reps)
    cluster.close()
  } finally {
    for (const child of children) child.kill()
    rmSync(dir, { recursive: true, force: true })
  }
}

async function shuffle(cluster: Cluster, n: number, reps: number): Promise<void> {
  for (const job of ['c2-90', 'c2-180']) {
    const args = { job, n: String(n) }
    const here: number[] = []
    const apart: number[] = []
    const startMs: number[] = []
    for (let rep = 0; rep < reps; rep++) {
      const slots = await run(JOBS, { slots: 2, parallelism: 2, args }).done
      here.push(n / slots.wallMs / 1000)
      const beganMs = performance.now()
      const submitted = await cluster.submit(JOBS, { parallelism: 2, args, checkpoint: false })
      submitted.events$.subscribe((event) => {
        if (event.kind === 'StateChanged' && event.to === 'Running') {
          startMs.push(performance.now() - beganMs)
        }
      })
      const nodes = await submitted.done
      apart.push(n / nodes.wallMs / 1000)
    }
    const ratios = apart.map((value, i) => value / here[i]!)
    tell(`${job}: two slots of one process`, here, 'M records/s')
    tell(`${job}: two nodes`, apart, 'M records/s')
    tell(`${job}: nodes to slots`, ratios, '×')
    tell(`${job}: from submit to running`, startMs, 'ms')
  }
}

function tell(name: string, values: readonly number[], unit: string): void {
  const value = round(median([...values]), 3)
  const runs = values.map((each) => round(each, 3))
  console.log(JSON.stringify({ bench: 'hosts', name, value, unit, runs }))
  console.error(`${name.padEnd(40)} ${String(value).padStart(10)} ${unit}`)
}

/** Resolves with its URL. */
async function start(children: ChildProcess[], settings: Settings): Promise<string> {
  const child = spawn(process.execPath, [PROCESS, JSON.stringify(settings)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  const [line] = await once(child.stdout.setEncoding('utf8'), 'data')
  return String(line).trim()
}

function connect(url: string): Promise<Cluster> {
  const network = createSocketNetwork({
    self: { cluster: 'bench', party: 'client', id: 'bench', incarnation: newIncarnation() },
    secrets: [],
    log: () => {},
  })
  return connectOver(network, url)
}
