/** Where a subtask stands: what it is an instance of, and what its slot gives it. */
import { assert } from '../../lib/base/assert.js'
import type { Clock } from '../../lib/base/clock.js'
import type { Random } from '../../lib/base/random.js'
import type { InputChannel, OutputChannel } from '../../lib/channel/channel.js'
import type { SplitRemains } from '../../lib/connectors/split-reading.js'
import type { Composed, NodeRuntime } from '../../lib/flow/composed.js'
import type { ChainStep, Plan, PlanEdge, Chain as PlannedChain } from '../../lib/graph/plan.js'
import type { HotKeySketch } from '../../lib/metrics/hot-keys.js'
import type { NamedMetrics } from '../../lib/metrics/named-metrics.js'
import type { OperatorContext, OperatorDefinition } from '../../lib/operators/operator.js'
import type { RestoredSubtask } from '../../lib/snapshot/round.js'
import type { SpillStore } from '../../lib/spill/spill.js'
import type { StateBackend } from '../../lib/state/state-backend.js'
import type { TurnWatch } from './subtask.js'
import type { SnapshotPlace } from './subtask-rounds.js'

export interface SubtaskPlace {
  /** Names the run of the job. */
  readonly run: string
  readonly plan: Plan
  readonly composed: Composed
  readonly chain: PlannedChain
  readonly index: number
  readonly attempt: number
  readonly clock: Clock
  readonly random: Random
  readonly freeze: boolean
  /** Where its operators keep their state. */
  readonly state: StateBackend
  /** Files for the operator at `step` of the chain, removed when it closes them. */
  readonly spill: (step: number) => SpillStore
  readonly counters: Float64Array
  /** Counts for the operator at `step` of the chain. */
  readonly operatorCounter: (step: number) => OperatorContext['count']
  /** Metrics that the operator at `step` of the chain names itself. */
  readonly metrics: (step: number) => NamedMetrics
  /** Sees the keys that come to the operator at `step`; null where nobody wants to know. */
  readonly hotKeys: (step: number) => HotKeySketch | null
  readonly inputs: (edge: PlanEdge) => readonly InputChannel[]
  readonly outputs: (edge: PlanEdge) => readonly OutputChannel[]
  readonly requestSplits: () => void
  readonly align: OperatorContext['align']
  readonly publish: (records: readonly unknown[]) => Promise<void>
  readonly watch: TurnWatch
  /** It takes the place of one that failed, while its neighbours go on. */
  readonly replaces: boolean
  /** What the one before has left to read, where it is a source. */
  readonly remains: SplitRemains | null
  /** Null where no snapshots are taken. */
  readonly snapshots: SnapshotPlace | null
  /** What it goes on from; null: from the beginning. */
  readonly restored: RestoredSubtask | null
  /** State that is restored, and that no operator reads, may be lost. */
  readonly allowDroppedState: boolean
}

export function runtimeOf(
  { composed }: Pick<SubtaskPlace, 'composed'>,
  { node }: ChainStep,
): NodeRuntime {
  const runtime = composed.runtime.get(node)
  assert(runtime !== undefined, 'every planned node can run')
  return runtime
}

export function operatorOf(place: SubtaskPlace, step: ChainStep): OperatorDefinition {
  const runtime = runtimeOf(place, step)
  assert(runtime.role === 'operator', 'between the ends of a chain there are operators')
  return runtime.operator
}

export const nameOf = ({ composed }: Pick<SubtaskPlace, 'composed'>, { node }: ChainStep): string =>
  composed.graph.nodes[node]!.name
