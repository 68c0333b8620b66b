/**
 * `npm run bench -- cost [--quick] [--job a,b] [--reps N]`: the COST comparison (McSherry, Isard,
 * Murray: "Scalability! But at what COST?", 2015). Each job runs as a loop, as plain RxJS, and as
 * Millrace in the calling thread, on one slot and on two; the variants alternate, in one process, and
 * medians are compared. The time of a Millrace job is that from running to finished.
 */
import { fileURLToPath } from 'node:url'
import { type Job, run } from 'millrace/actors'
import type { Source } from 'millrace/connectors'
import { type Baseline, runLoop, runRx, writeBidFile } from './baselines.js'
import costJob, { sourceOf } from './pipelines.js'
import { type Measurement, machine, toJsonLines, toTable } from './report.js'

/** Records per run, so that each takes about a second or more. */
const SIZES: Readonly<Record<string, number>> = {
  a: 40_000_000,
  a60: 10_000_000,
  b: 6_000_000,
  c1: 30_000_000,
  'c2-90': 6_000_000,
  'c2-180': 4_000_000,
}
const QUICK_SHARE = 20

export interface CostOptions {
  readonly quick: boolean
  readonly jobs: readonly string[]
  readonly reps: number
}

export async function costBench(options: CostOptions): Promise<void> {
  console.error(`cost: ${JSON.stringify(machine())}`)
  const measurements: Measurement[] = []
  for (const job of options.jobs.length > 0 ? options.jobs : Object.keys(SIZES)) {
    const size = SIZES[job]
    if (size === undefined) {
      throw new Error(`no such COST job: ${job}; there are ${Object.keys(SIZES).join(', ')}`)
    }
    const n = options.quick ? size / QUICK_SHARE : size
    const measured = await measureJob(job, n, options.reps)
    for (const line of toJsonLines(measured)) console.log(line)
    measurements.push(...measured)
  }
  console.error(toTable(measurements))
}

async function measureJob(job: string, n: number, reps: number): Promise<Measurement[]> {
  const input = job === 'b' ? await writeBidFile(n) : { file: '', remove: () => {} }
  const args = { job, n: String(n), file: input.file }
  const module = fileURLToPath(new URL('./pipelines.js', import.meta.url))
  const variants: Readonly<Record<string, () => Promise<number>>> = {
    loop: () => timed(runLoop, job, sourceOf(job, n, input.file)),
    rxjs: () => timed(runRx, job, sourceOf(job, n, input.file)),
    'in-thread': () => timedJob(run(costJob(args), { parallelism: 1 })),
    '1 slot': () => timedJob(run(module, { slots: 1, args })),
    '2 slots': () => timedJob(run(module, { slots: 2, args })),
  }
  const seconds = new Map<string, number[]>(Object.keys(variants).map((name) => [name, []]))
  try {
    for (let rep = 0; rep < reps; rep++) {
      for (const [name, measure] of Object.entries(variants)) {
        seconds.get(name)!.push(await measure())
      }
    }
  } finally {
    input.remove()
  }
  return [...seconds].map(([variant, runs]) => ({ job, variant, records: n, seconds: runs }))
}

async function timed(baseline: Baseline, job: string, source: Source<unknown>): Promise<number> {
  const startMs = performance.now()
  const { checksum } = await baseline(job, source)
  const seconds = (performance.now() - startMs) / 1000
  if (!(checksum > 0)) throw new Error('a baseline did no work')
  return seconds
}

/** From running to finished: starting threads and compiling the module are no part of it. */
async function timedJob(job: Job): Promise<number> {
  let startMs = 0
  let endMs = 0
  job.events$.subscribe((event) => {
    if (event.kind !== 'StateChanged') return
    if (event.to === 'Running') startMs = performance.now()
    if (event.to === 'Finished') endMs = performance.now()
  })
  await job.done
  return (endMs - startMs) / 1000
}
