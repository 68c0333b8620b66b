/** Medians, ratios, JSON lines and the table of the COST comparison. */
import { cpus } from 'node:os'

export interface Measurement {
  readonly job: string
  readonly variant: string
  readonly records: number
  readonly seconds: readonly number[]
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

export function machine(): { readonly node: string; readonly cpu: string; readonly cores: number } {
  const all = cpus()
  return { node: process.version, cpu: all[0]?.model.trim() ?? 'unknown', cores: all.length }
}

/** One line per measurement; `ratio` is the speed against the loop of the same job. */
export function toJsonLines(measurements: readonly Measurement[]): string[] {
  return measurements.map((m) => {
    const seconds = median(m.seconds)
    return JSON.stringify({
      bench: 'cost',
      job: m.job,
      variant: m.variant,
      records: m.records,
      seconds: round(seconds, 4),
      runs: m.seconds.map((s) => round(s, 4)),
      recordsPerSecond: Math.round(m.records / seconds),
      nsPerRecord: round((seconds * 1e9) / m.records, 1),
      ratioToLoop: ratio(measurements, m),
    })
  })
}

export function toTable(measurements: readonly Measurement[]): string {
  const rows = measurements.map((m) => [
    m.job,
    m.variant,
    round(m.records / median(m.seconds) / 1e6, 2).toFixed(2),
    round((median(m.seconds) * 1e9) / m.records, 1).toFixed(1),
    ratio(measurements, m)?.toFixed(2) ?? '',
  ])
  const lines = [['job', 'variant', 'M rec/s', 'ns/rec', '× loop'], ...rows]
  const widths = lines[0]!.map((_, at) => Math.max(...lines.map((line) => line[at]!.length)))
  return lines
    .map((line) =>
      line
        .map((cell, at) => (at < 2 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!)))
        .join('  '),
    )
    .join('\n')
}

function ratio(all: readonly Measurement[], of: Measurement): number | null {
  const loop = all.find(({ job, variant }) => job === of.job && variant === 'loop')
  if (loop === undefined) return null
  return round(median(loop.seconds) / loop.records / (median(of.seconds) / of.records), 3)
}

export const round = (value: number, digits: number): number => Number(value.toFixed(digits))
