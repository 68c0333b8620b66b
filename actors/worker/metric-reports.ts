/**
 * Reports what the operators of a slot have measured under names of their own: one event for the whole
 * slot, at most once per interval, and only of subtasks that have something new to say.
 *
 * Fixed counters lie in shared memory and need no report. Gauges are read when a report is due, so a
 * slot without turns reports nothing: `isDue` turns false after the report that followed its last turn.
 */
import { seededRandom } from '../../lib/base/random.js'
import { subtaskName } from '../../lib/graph/subtasks.js'
import { createHotKeySketch, type HotKeySketch } from '../../lib/metrics/hot-keys.js'
import { createNamedMetrics, type NamedMetrics } from '../../lib/metrics/named-metrics.js'
import type { OperatorReport, SubtaskId, SubtaskReport } from './protocol.js'

export interface MetricReports {
  /** A subtask opens. `goOn`: it replaces one whose counts it adds to. */
  open(subtask: SubtaskId, attempt: number, goOn: boolean): SubtaskMetrics
  /** Something ran: there may be news. */
  touch(): void
  /** True where something has run since the last report, and there is anybody to report of. */
  readonly isDue: boolean
  /** Reports all that is new. */
  report(): void
  /** The last report of a subtask, which has ended. */
  close(subtask: SubtaskId): void
}

export interface SubtaskMetrics {
  /** The metrics of the operator at `step` of the chain, made once. */
  of(step: number, operator: string): NamedMetrics
  /** The keys of the operator at `step`, made once. */
  hotKeys(step: number): HotKeySketch
}

interface Entry {
  readonly subtask: SubtaskId
  readonly attempt: number
  readonly operators: Map<number, NamedMetrics>
  readonly hotKeys: Map<number, HotKeySketch>
  /** The last report, as text. */
  reported: string
}

export function createMetricReports(emit: (reports: SubtaskReport[]) => void): MetricReports {
  const entries = new Map<string, Entry>()
  let isTouched = false

  function publish(some: Iterable<Entry>): void {
    const news: SubtaskReport[] = []
    for (const entry of some) {
      const report = readEntry(entry)
      if (report.operators.length === 0) continue
      const text = JSON.stringify(report)
      if (text === entry.reported) continue
      entry.reported = text
      news.push(report)
    }
    if (news.length > 0) emit(news)
  }

  return {
    open(subtask, attempt, goOn) {
      const name = subtaskName(subtask)
      const before = goOn ? entries.get(name) : undefined
      const operators = new Map<number, NamedMetrics>()
      const hotKeys = new Map<number, HotKeySketch>()
      entries.set(name, { subtask, attempt, operators, hotKeys, reported: '' })
      return {
        of(step, operator) {
          const counted = before?.operators.get(step)?.read().counters
          const metrics = operators.get(step) ?? createNamedMetrics(operator, counted)
          operators.set(step, metrics)
          return metrics
        },
        hotKeys(step) {
          // Its own chance: which records it looks at changes nothing else in a seeded run.
          const sketch = hotKeys.get(step) ?? createHotKeySketch(seededRandom(step))
          hotKeys.set(step, sketch)
          return sketch
        },
      }
    },
    touch() {
      isTouched = true
    },
    get isDue() {
      return isTouched && entries.size > 0
    },
    report() {
      isTouched = false
      publish(entries.values())
    },
    close(subtask) {
      const name = subtaskName(subtask)
      const entry = entries.get(name)
      if (entry === undefined) return
      publish([entry])
      entries.delete(name)
    },
  }
}

function readEntry({ subtask, attempt, operators, hotKeys }: Entry): SubtaskReport {
  const reports: OperatorReport[] = []
  for (const [step, metrics] of operators) {
    const sketch = hotKeys.get(step)
    if (!metrics.used && sketch === undefined) continue
    reports.push({ step, ...metrics.read(), hotKeys: sketch?.read() ?? null })
  }
  return { subtask, attempt, operators: reports }
}
