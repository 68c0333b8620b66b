/**
 * The links between two processes on loopback:
 *
 *   throughput  64 KiB frames one way, stamped and sealed by the sender, checked by the receiver; credit
 *               in flight for 8 MiB; the same bytes from a bare server to a bare reader in turn with it, and
 *               the share of their speed that is left
 *   idle        1,000 open channels on one data connection and heartbeats beside it; share of one core
 */
import { median, round } from '../cost/report.js'
import { bareThroughput } from './bare.js'
import { idleCpu } from './idle.js'
import type { Throughput } from './measured.js'
import { throughput } from './throughput.js'

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

const VARIANTS = {
  uws: (frames: number) => throughput('uws', frames),
  ws: (frames: number) => throughput('ws', frames),
  'bare uws': (frames: number) => bareThroughput('uws', frames),
  'bare net': (frames: number) => bareThroughput('net', frames),
} as const
type Variant = keyof typeof VARIANTS
const NAMES = Object.keys(VARIANTS) as Variant[]

export async function linksBench({ quick, reps, jobs }: LinksOptions): Promise<void> {
  const wanted = (job: string): boolean => jobs.length === 0 || jobs.includes(job)
  if (wanted('throughput')) await throughputs(quick ? 8_000 : 64_000, reps)
  if (wanted('idle')) {
    const { here, there } = await idleCpu(quick ? 2 : 10)
    report('idle', 'caller', here * 100, [here * 100], '% of a core')
    report('idle', 'listener', there * 100, [there * 100], '% of a core')
  }
}

async function throughputs(frames: number, reps: number): Promise<void> {
  const runs: Record<Variant, Throughput[]> = { uws: [], ws: [], 'bare uws': [], 'bare net': [] }
  for (let rep = 0; rep < reps; rep++) {
    for (const name of NAMES) runs[name].push(await VARIANTS[name](frames))
  }
  for (const [unit, field] of UNITS) {
    for (const name of NAMES) {
      const values = runs[name].map((run) => run[field])
      report('throughput', name, median(values), values, unit)
    }
    const ratios = runs.uws.map((run, rep) => run[field] / runs['bare uws'][rep]![field])
    report('throughput', 'uws to bare', median(ratios), ratios, `× of it in ${unit}`)
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
  console.error(`${job.padEnd(11)} ${variant.padEnd(11)} ${value.toFixed(2).padStart(7)} ${unit}`)
}
