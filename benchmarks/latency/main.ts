/**
 * `npm run bench -- latency [--quick]`: time from when a record was due to its arrival behind one
 * exchange between two slots, at 2,000 and 100,000 records a second, at half and at full load. Full
 * load is what the same job reaches when its source is not paced.
 */
import { fileURLToPath } from 'node:url'
import { run } from 'millrace/actors'
import { machine, round } from '../cost/report.js'
import { percentile } from './pipelines.js'

const UNPACED = 1e9

export async function latencyBench({ quick }: { readonly quick: boolean }): Promise<void> {
  console.error(`latency: ${JSON.stringify(machine())}`)
  const seconds = quick ? 1 : 5
  const full = await throughput(quick ? 500_000 : 5_000_000)
  console.error(`full load: ${round(full / 1e6, 2)} M records/s`)
  const loads: readonly (readonly [string, number])[] = [
    ['2 k/s', 2_000],
    ['100 k/s', 100_000],
    ['half load', full / 2],
    ['full load', full],
  ]
  console.error('load         records/s   p50 ms   p99 ms  p99.9 ms')
  for (const [load, perSecond] of loads) {
    const buckets = await measure(perSecond, seconds)
    const [p50, p99, p999] = [0.5, 0.99, 0.999].map((share) =>
      round(percentile(buckets, share), 3),
    ) as [number, number, number]
    console.log(
      JSON.stringify({ bench: 'latency', load, perSecond: Math.round(perSecond), p50, p99, p999 }),
    )
    console.error(
      `${load.padEnd(11)} ${String(Math.round(perSecond)).padStart(10)} ${[p50, p99, p999]
        .map((ms) => ms.toFixed(2).padStart(8))
        .join(' ')}`,
    )
  }
}

const module = fileURLToPath(new URL('./pipelines.js', import.meta.url))

async function measure(perSecond: number, seconds: number): Promise<readonly number[]> {
  const args = { perSecond: String(perSecond), seconds: String(seconds) }
  const job = run(module, { slots: 2, parallelism: 2, args })
  const histograms: (readonly number[])[] = []
  job.results$.subscribe({
    next: (histogram) => histograms.push(histogram as readonly number[]),
    error: () => {},
  })
  await job.done
  const first = histograms[0]
  if (first === undefined) throw new Error('the job published no histogram')
  return first
}

/** Records per second when nothing paces the source. */
async function throughput(records: number): Promise<number> {
  const args = { perSecond: String(UNPACED), seconds: String(records / UNPACED) }
  const job = run(module, { slots: 2, parallelism: 2, args })
  let startMs = 0
  let endMs = 0
  job.events$.subscribe((event) => {
    if (event.kind !== 'StateChanged') return
    if (event.to === 'Running') startMs = performance.now()
    if (event.to === 'Finished') endMs = performance.now()
  })
  await job.done
  return (records * 1000) / (endMs - startMs)
}
