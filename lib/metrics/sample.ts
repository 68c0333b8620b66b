/**
 * From two readings of the counters to rates and ratios. Pure.
 */
import { COUNTER_NAMES, type CounterValues, type OperatorCounts } from './counters.js'
import type { HotKey } from './merge-hot-keys.js'
import type { MergedNamed } from './merge-named.js'
import type { NamedValues } from './named-metrics.js'

/** One operator, summed over its subtasks; `counters` and `gauges` are those it has named itself. */
export interface OperatorMetrics extends OperatorCounts, MergedNamed {
  readonly operator: string
  /**
   * The keys that come most often, where it is stateful behind `keyBy`: up to ten, each with at least
   * 0.5 % of the records; none where no key has so many. An aggregate with a half on either side of the
   * exchange has them at the first.
   */
  readonly hotKeys: readonly HotKey[]
  /** One entry per subtask, by index. */
  readonly subtasks: readonly SubtaskOperatorMetrics[]
}

/** One operator in one subtask. */
export interface SubtaskOperatorMetrics extends OperatorCounts, NamedValues {
  readonly subtask: number
}

/** One chain, summed over its subtasks. Ratios are of the time since the reading before, 0..1. */
export interface ChainMetrics {
  readonly chain: string
  readonly parallelism: number
  readonly totals: CounterValues
  readonly recordsInPerSecond: number
  readonly recordsOutPerSecond: number
  readonly busy: number
  readonly idle: number
  readonly backPressured: number
  /** In the order of the chain. An aggregate with a half on either side is there twice. */
  readonly operators: readonly OperatorMetrics[]
}

export function sumCounters(rows: readonly CounterValues[]): CounterValues {
  const sums = Object.fromEntries(
    COUNTER_NAMES.map((name) => [name, rows.reduce((sum, row) => sum + row[name], 0)]),
  )
  return sums as unknown as CounterValues
}

/** `elapsedMs` lies between the two readings; `before` is null for the first. */
export function measureChain(
  chain: { readonly name: string; readonly parallelism: number },
  before: CounterValues | null,
  totals: CounterValues,
  elapsedMs: number,
  operators: readonly OperatorMetrics[] = [],
): ChainMetrics {
  // A restart sets counters back to zero; a rate is never negative.
  const gain = (name: keyof CounterValues) => Math.max(0, totals[name] - (before?.[name] ?? 0))
  const perSecond = (name: keyof CounterValues) =>
    elapsedMs > 0 ? (gain(name) * 1000) / elapsedMs : 0
  const share = (name: keyof CounterValues) =>
    elapsedMs > 0 ? Math.min(1, gain(name) / (elapsedMs * chain.parallelism)) : 0
  const busy = share('busyMs')
  const backPressured = Math.min(1 - busy, share('backPressuredMs'))
  return {
    chain: chain.name,
    parallelism: chain.parallelism,
    totals,
    recordsInPerSecond: perSecond('recordsIn'),
    recordsOutPerSecond: perSecond('recordsOut'),
    busy,
    backPressured,
    idle: Math.max(0, 1 - busy - backPressured),
    operators,
  }
}
