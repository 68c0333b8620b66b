/** The part of a job that a slot hosts: what it was set up with, and look-ups in it. */
import type { Composed } from '../../lib/flow/composed.js'
import type { Plan } from '../../lib/graph/plan.js'
import {
  operatorRowOf,
  regionOf,
  rowOf,
  type SubtaskId,
  subtasksIn,
} from '../../lib/graph/subtasks.js'
import { column, counterRow, operatorCounter } from '../../lib/metrics/counters.js'
import type { OperatorContext } from '../../lib/operators/operator.js'
import type { SlotSetup } from './protocol.js'

export class SlotJob {
  readonly setup: SlotSetup
  readonly composed: Composed

  constructor(setup: SlotSetup, composed: Composed) {
    this.setup = setup
    this.composed = composed
  }

  get plan(): Plan {
    return this.setup.plan
  }

  /** The subtasks of a region that are in this slot. */
  subtasksOf(region: number): readonly SubtaskId[] {
    const { plan, slot, slots } = this.setup
    const { chains } = plan.regions[region]!
    return subtasksIn(plan, slot, slots).filter(({ chain }) => chains.includes(chain))
  }

  regionOf({ chain }: SubtaskId): number {
    return regionOf(this.plan, chain)
  }

  /** Name of the operator at `step` of a chain. */
  operatorAt(chain: number, step: number): string {
    const { node } = this.plan.chains[chain]!.steps[step]!
    return this.composed.graph.nodes[node]!.name
  }

  /** How many regions have operators that keep state; and whether this one has. */
  keeping(region: number): { readonly regions: number; readonly isOne: boolean } {
    const keeping = this.plan.regions.filter(({ chains }) =>
      chains.some((chain) => this.#keepsState(chain)),
    )
    return { regions: keeping.length, isOne: keeping.some(({ id }) => id === region) }
  }

  rowOf(subtask: SubtaskId): Float64Array {
    return counterRow(this.setup.counters, rowOf(this.plan, subtask))
  }

  /** Counts begin at zero with each attempt of the region. */
  countersOf(subtask: SubtaskId, attempt: number, revision: number | null): Float64Array {
    const row = this.rowOf(subtask)
    if (revision === null) row.fill(0)
    row[column.attempt] = revision ?? attempt
    return row
  }

  /** Counts of the operator at `step` of a subtask; `goOn`: they add to what is there. */
  operatorCounter(subtask: SubtaskId, step: number, goOn: boolean): OperatorContext['count'] {
    const row = operatorRowOf(this.plan, subtask, step)
    return operatorCounter(this.setup.operatorCounters, row, goOn)
  }

  #keepsState(chain: number): boolean {
    return this.plan.chains[chain]!.steps.some(({ node }) => {
      const runtime = this.composed.runtime.get(node)
      return runtime?.role === 'operator' && runtime.operator.traits.stateful
    })
  }
}
