/** The table of `all`: medians, and ratios to the loop. */
import { median } from '../cost/report.js'

export type Variant = 'loop' | 'in-thread' | 'slots' | 'checkpoints'

export interface Measured {
  readonly query: string
  readonly runs: ReadonlyMap<Variant, readonly Readonly<Record<string, number>>[]>
}

const HEAD = [
  'query',
  'loop M/s',
  'in-thread M/s',
  '× loop',
  'slots M/s',
  '× loop',
  '× loop by CPU',
  'M/CPU-s',
  'p50 ms',
  'p99 ms',
  'RSS MiB',
  'with checkpoints',
]

/**
 * As Markdown. `× loop by CPU`: the CPU time of the loop by that of one slot, which tells the ratio if
 * nothing else ran on the machine. `with checkpoints`: speed, of that without.
 */
export function tableOf(all: readonly Measured[]): string {
  const rows = [HEAD, HEAD.map((_, at) => (at === 0 ? '---' : '---:')), ...all.map(rowOf)]
  return rows.map((row) => `| ${row.join(' | ')} |`).join('\n')
}

function rowOf({ query, runs }: Measured): readonly string[] {
  const of = (variant: Variant, field: string): number =>
    median((runs.get(variant) ?? []).map((run) => run[field] ?? Number.NaN))
  const speed = (variant: Variant): number => of(variant, 'eventsPerSecond')
  return [
    query,
    millions(speed('loop')),
    millions(speed('in-thread')),
    fixed(speed('in-thread') / speed('loop'), 2),
    millions(speed('slots')),
    fixed(speed('slots') / speed('loop'), 2),
    fixed(of('loop', 'cpuSeconds') / (of('slots', 'cpuSeconds') / of('slots', 'slots')), 2),
    millions(of('slots', 'eventsPerCpuSecond')),
    fixed(of('slots', 'p50Ms'), 2),
    fixed(of('slots', 'p99Ms'), 1),
    fixed(of('slots', 'peakRssMb'), 0),
    fixed(speed('checkpoints') / speed('slots'), 2),
  ]
}

const millions = (perSecond: number): string => fixed(perSecond / 1e6, 2)
const fixed = (value: number, digits: number): string =>
  Number.isNaN(value) ? '' : value.toFixed(digits)
