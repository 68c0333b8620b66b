/**
 * The links between two processes on loopback:
 *
 *   throughput  64 KiB frames one way, stamped and sealed by the sender, checked by the receiver; credit
 *               in flight for 8 MiB
 *   idle        1,000 open channels on one data connection and heartbeats beside it; share of one core
 */
import { median, round } from '../cost/report.js'
import { idleCpu } from './idle.js'
import { type Throughput, throughput } from './throughput.js'

export interface LinksOptions {
  readonly quick: boolean
  readonly reps: number
  readonly jobs: readonly string[]
}

const UNITS: readonly (readonly [unit: string, field: keyof Throughput])[] = [
  ['GB/s', 'perSecond'],
  ['GB per CPU second of the caller', 'perCallerCpu'],
  ['GB per CPU second of the listener', 'perListenerCpu'],
]

export async function linksBench({ quick, reps, jobs }: LinksOptions): Promise<void> {
  const wanted = (job: string): boolean => jobs.length === 0 || jobs.includes(job)
  if (wanted('throughput')) {
    for (const engine of ['uws', 'ws'] as const) {
      const runs: Throughput[] = []
      for (let rep = 0; rep < reps; rep++) {
        runs.push(await throughput(engine, quick ? 8_000 : 64_000))
      }
      for (const [unit, field] of UNITS) {
        const values = runs.map((run) => run[field])
        report('throughput', engine, median(values), values, unit)
      }
    }
  }
  if (wanted('idle')) {
    const { here, there } = await idleCpu(quick ? 2 : 10)
    report('idle', 'caller', here * 100, [here * 100], '% of a core')
    report('idle', 'listener', there * 100, [there * 100], '% of a core')
  }
}

function report(
  job: string,
  variant: string,
  value: number,
  runs: readonly number[],
  unit: string,
): void {
  const rounded = runs.map((run) => round(run, 3))
  console.log(
    JSON.stringify({ bench: 'hosts', job, variant, value: round(value, 3), runs: rounded, unit }),
  )
  console.error(`${job.padEnd(11)} ${variant.padEnd(9)} ${value.toFixed(2).padStart(7)} ${unit}`)
}
