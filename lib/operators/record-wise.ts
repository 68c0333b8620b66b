/** Definition of the operators that look at one record and keep nothing: they fuse. */
import { commonOptions } from './arguments.js'
import { fuse } from './fused-loop.js'
import type { FusedStep, OperatorDefinition, OperatorOptions, OperatorTraits } from './operator.js'

export const recordWiseTraits: OperatorTraits = {
  key: 'optional',
  keyAfter: 'kept',
  stateful: false,
  speaksAtEnd: false,
  orderSensitive: false,
  before: null,
  replays: true,
}

/** `step.call` is the user's function. Opened on its own it is a fused run of one. */
export function recordWise(
  kind: string,
  step: FusedStep,
  options: OperatorOptions,
): OperatorDefinition {
  return {
    kind,
    traits: step.kind === 'keyBy' ? { ...recordWiseTraits, keyAfter: 'set' } : recordWiseTraits,
    options: commonOptions(kind, options),
    settings: {},
    functions: [step.call],
    step,
    open: (context) => fuse([{ step, context }]),
  }
}
