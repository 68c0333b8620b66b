/**
 * Aggregates: one result per key, or of the whole stream, when it ends; or the changes of that.
 *
 * Where the aggregation can merge, records are first folded where they are (`aggregate-before.ts`) and only accumulators
 * cross the exchange; where it has only a selector, the selected values cross; behind the exchange
 * (`aggregate-behind.ts`) stands the state.
 */
import { aggregateBefore } from './aggregate-before.js'
import { aggregateBehind } from './aggregate-behind.js'
import { aggregateChanges } from './aggregate-changes.js'
import type { Aggregation } from './aggregation.js'
import { commonOptions, VERSIONS } from './arguments.js'
import { fuse } from './fused-loop.js'
import type { OperatorDefinition, OperatorOptions, OperatorTraits } from './operator.js'
import { recordWiseTraits } from './record-wise.js'

export function aggregateDefinition(
  kind: string,
  aggregation: Aggregation,
  options: OperatorOptions,
): OperatorDefinition {
  return {
    ...inHalves(kind, aggregation, options, Number.POSITIVE_INFINITY),
    aggregation,
    open: (context) => aggregateBehind(context, aggregation),
  }
}

/** As an aggregate that tells of changes, held back for at most `holdMs`; windows make nothing of it. */
export function changesDefinition(
  kind: string,
  aggregation: Aggregation,
  options: OperatorOptions,
  holdMs: number,
): OperatorDefinition {
  const definition = inHalves(kind, aggregation, options, holdMs)
  return {
    ...definition,
    traits: { ...definition.traits, speaksAtEnd: false },
    settings: { emit: 'changes', holdMs },
    open: (context) => aggregateChanges(context, aggregation),
  }
}

function inHalves(
  kind: string,
  aggregation: Aggregation,
  options: OperatorOptions,
  holdMs: number,
): Omit<OperatorDefinition, 'open'> {
  const { merge, select } = aggregation
  const definition = {
    kind,
    traits: traitsOf(aggregation),
    options: commonOptions(kind, options, VERSIONS),
    settings: {},
    functions: aggregation.functions,
  }
  if (merge !== null) {
    return { ...definition, openBefore: (context) => aggregateBefore(context, aggregation, holdMs) }
  }
  if (select !== null) {
    const step = { kind: 'map', call: select } as const
    return { ...definition, openBefore: (context) => fuse([{ step, context }]) }
  }
  return definition
}

const traitsOf = ({ merge, select }: Aggregation): OperatorTraits => ({
  ...recordWiseTraits,
  keyAfter: 'ended',
  timeAfter: 'ended',
  stateful: true,
  speaksAtEnd: true,
  // What cannot be merged is folded record by record, in an order that may matter.
  orderSensitive: merge === null,
  before: merge !== null ? 'aggregate' : select !== null ? 'project' : null,
})
