/**
 * The fused loop: adjacent record-wise operators as one operator with one loop.
 *
 * `fuse` takes the steps with the contexts of their operators and gives one signal operator. User
 * functions stay ordinary calls, each in a `try` of its own, so that an error is that of one record
 * of one operator. Keys and event times travel beside the records; `keyBy` sets keys anew. A batch in which no
 * record was changed or dropped passes by reference, and key groups stay as long as keys do.
 *
 * Without expansions a batch gives at most one batch. With them it may have to wait in the middle
 * (`fused-expanding.ts`).
 */
import type { OperatorFunction } from 'rxjs'
import { assert } from '../base/assert.js'
import { Caught } from './caught.js'
import { interpretRun } from './fused-closures.js'
import { generateRun, mayGenerateCode } from './fused-code.js'
import { expanding, takeRest } from './fused-expanding.js'
import { type Compile, FusedPass } from './fused-pass.js'
import { type FusedPart, shapeOf } from './fused-run.js'
import type { Signal } from './signal.js'
import { createPump, type Outlet, type SignalHandlers, signalOperator } from './signal-operator.js'

export type { FusedPart } from './fused-run.js'

export interface FuseOptions {
  /** False interprets the steps instead. Default: generate where the process may. */
  readonly generate?: boolean
  /** What takes the place of records whose errors the last step catches. */
  readonly caught?: Caught
}

/** Fuses steps, upstream first. Each keeps its own error policy and its own counters. */
export function fuse(
  parts: readonly FusedPart[],
  options: FuseOptions = {},
): OperatorFunction<Signal, Signal> {
  assert(parts.length > 0, 'a fused run has a step')
  const generate = options.generate ?? mayGenerateCode()
  const caught = options.caught ?? new Caught()
  const compile = generate ? generateRun : interpretRun
  return signalOperator((out) => {
    const rest = takeRest(parts)
    const { expands } = shapeOf(parts, { keyed: false, timed: false })
    return expands || rest.length > 0
      ? expanding(parts, compile, out, caught, rest)
      : oneToOne(parts, compile, out, caught)
  })
}

function oneToOne(
  parts: readonly FusedPart[],
  compile: Compile,
  out: Outlet<unknown>,
  caught: Caught,
): SignalHandlers<unknown> {
  const pass = new FusedPass(parts, compile)
  const pump = createPump(parts.at(-1)!.context.gate, out)
  return {
    batch(input) {
      pass.start(input)
      const output = pass.advance()
      pass.release()
      if (!caught.isEmpty) pump.start(caught.merge(output, input), () => {})
      else if (output !== null) out.emit(output)
    },
  }
}
