/**
 * Aggregates: one result per key, or of the whole stream, when it ends.
 *
 * Where the aggregation can merge, records are first folded where they are (`aggregate-before.ts`) and only accumulators
 * cross the exchange; where it has only a selector, the selected values cross; behind the exchange
 * (`aggregate-behind.ts`) stands the state.
 */
import { aggregateBefore } from './aggregate-before.js'
import { aggregateBehind } from './aggregate-behind.js'
import type { Aggregation } from './aggregation.js'
import { commonOptions, VERSIONS } from './arguments.js'
import { fuse } from './fused-loop.js'
import type { OperatorDefinition, OperatorOptions } from './operator.js'
import { recordWiseTraits } from './record-wise.js'

export function aggregateDefinition(
  kind: string,
  aggregation: Aggregation,
  options: OperatorOptions,
): OperatorDefinition {
  const { merge, select } = aggregation
  const definition: OperatorDefinition = {
    kind,
    traits: {
      ...recordWiseTraits,
      keyAfter: 'ended',
      timeAfter: 'ended',
      stateful: true,
      speaksAtEnd: true,
      // What cannot be merged is folded record by record, in an order that may matter.
      orderSensitive: merge === null,
      before: merge !== null ? 'aggregate' : select !== null ? 'project' : null,
    },
    options: commonOptions(kind, options, VERSIONS),
    settings: {},
    functions: aggregation.functions,
    aggregation,
    open: (context) => aggregateBehind(context, aggregation),
  }
  if (merge !== null) {
    return { ...definition, openBefore: (context) => aggregateBefore(context, aggregation) }
  }
  if (select !== null) {
    const step = { kind: 'map', call: select } as const
    return { ...definition, openBefore: (context) => fuse([{ step, context }]) }
  }
  return definition
}
