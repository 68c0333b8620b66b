/** What the operators of a chain have counted, as far as their slots have told. */
import { MAIN } from '../../lib/graph/graph.js'
import type { Plan } from '../../lib/graph/plan.js'
import { operatorRowOf, subtaskName } from '../../lib/graph/subtasks.js'
import { type CounterValues, readOperator } from '../../lib/metrics/counters.js'
import type { HotKeyWeights } from '../../lib/metrics/hot-keys.js'
import { mergeHotKeys } from '../../lib/metrics/merge-hot-keys.js'
import { mergeNamed } from '../../lib/metrics/merge-named.js'
import type { OperatorMetrics } from '../../lib/metrics/sample.js'
import type { SubtaskReport } from '../worker/protocol.js'

/** The last report of each subtask, by name. */
export type Reported = ReadonlyMap<string, SubtaskReport>

/** Sources and sinks do not count for themselves: what their chain takes and gives is theirs. */
export function readOperators(
  plan: Plan,
  chain: number,
  names: readonly string[],
  table: SharedArrayBuffer,
  totals: CounterValues,
  reported: Reported,
): readonly OperatorMetrics[] {
  const { steps, parallelism, inputs, outputs } = plan.chains[chain]!
  const hasSource = inputs.length === 0
  const hasSink = outputs.every((edge) => plan.edges[edge]!.output !== MAIN)
  return steps.map(({ node, half }, step) => {
    const hotKeys: HotKeyWeights[] = []
    const subtasks = Array.from({ length: parallelism }, (_, index) => {
      const counts = readOperator(table, operatorRowOf(plan, { chain, index }, step))
      const report = reported.get(subtaskName({ chain, index }))
      const named = report?.operators.find((of) => of.step === step)
      if (named?.hotKeys) hotKeys.push(named.hotKeys)
      const { counters = {}, gauges = {} } = named ?? {}
      return { subtask: index, ...counts, counters, gauges }
    })
    const read = hasSource && step === 0 ? totals.recordsIn : 0
    const written = hasSink && step === steps.length - 1 ? totals.recordsOut : 0
    return {
      operator: half === 'whole' ? names[node]! : `${names[node]!} (${half})`,
      recordsIn: subtasks.reduce((sum, { recordsIn }) => sum + recordsIn, read + written),
      recordsOut: subtasks.reduce((sum, { recordsOut }) => sum + recordsOut, read + written),
      ...mergeNamed(subtasks),
      hotKeys: mergeHotKeys(hotKeys),
      subtasks,
    }
  })
}
