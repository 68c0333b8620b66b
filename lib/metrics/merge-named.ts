/** Named metrics of one operator, from those of its subtasks. Pure. */
import type { Json } from '../base/json.js'
import type { NamedValues } from './named-metrics.js'

/** What one subtask has registered for one operator; see `OperatorMetrics`. */
export interface SubtaskNamedValues extends NamedValues {
  readonly subtask: number
}

export interface MergedNamed {
  /** Sums over the subtasks. */
  readonly counters: Readonly<Record<string, number>>
  /** By name, one entry per subtask that has the gauge. */
  readonly gauges: Readonly<Record<string, readonly GaugeReading[]>>
}

export interface GaugeReading {
  readonly subtask: number
  readonly value: Json
}

export function mergeNamed(subtasks: readonly SubtaskNamedValues[]): MergedNamed {
  const counters = new Map<string, number>()
  const gauges = new Map<string, GaugeReading[]>()
  for (const { subtask, counters: counted, gauges: read } of subtasks) {
    for (const [name, value] of Object.entries(counted)) {
      counters.set(name, (counters.get(name) ?? 0) + value)
    }
    for (const [name, value] of Object.entries(read)) {
      const readings = gauges.get(name) ?? []
      readings.push({ subtask, value })
      gauges.set(name, readings)
    }
  }
  return { counters: Object.fromEntries(counters), gauges: Object.fromEntries(gauges) }
}
