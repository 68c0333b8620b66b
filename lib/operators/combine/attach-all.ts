/** From a definition and its streams to a node of the graph: the factories' common part. */
import { type CallSite, callSite } from '../../base/call-site.js'
import { MillraceError } from '../../base/errors.js'
import type { OperatorDefinition, OperatorOptions, OperatorTraits } from '../operator.js'
import { recordWiseTraits } from '../record-wise.js'
import { type AnyStream, attach } from '../stream.js'

/** Keeps the key and the event time, and state per key; without one, depends on all records. */
export function combinedTraits(
  inputs: number,
  endsWith: NonNullable<OperatorTraits['endsWith']> = 'all',
): OperatorTraits {
  return {
    ...recordWiseTraits,
    stateful: true,
    orderSensitive: true,
    inputs: new Array<'main'>(inputs).fill('main'),
    endsWith,
  }
}

/** `f(a, b)` and `f([a, b], options)`, as one. */
export function streamsAndOptions<O extends OperatorOptions>(
  operator: string,
  given: readonly unknown[],
): { streams: readonly AnyStream[]; options: O } {
  const [first, options = {}] = given
  const isArray = Array.isArray(first)
  const streams: readonly unknown[] = isArray ? first : given
  if (streams.length === 0) requireStream(operator, undefined)
  const advice = isArray ? '' : ` Options go behind an array: ${operator}([streams], { … }).`
  for (const stream of streams) requireStream(operator, stream, advice)
  return { streams: streams as readonly AnyStream[], options: (isArray ? options : {}) as O }
}

/** Throws E_NO_STREAM for what is none: a forgotten `flow.from`, or an Observable. */
export function requireStream(operator: string, given: unknown, advice = ''): void {
  if (typeof given === 'object' && given !== null && attach in given) return
  const at = callSite()()
  const seen = given === undefined ? 'nothing' : given === null ? 'null' : `a ${typeof given}`
  throw new MillraceError(
    'E_NO_STREAM',
    `${operator} (${at}) needs streams made by flow.from(…), but was given ${typeof given === 'object' && given !== null ? 'another object' : seen}.${advice}`,
    { details: { operator, at } },
  )
}

/** Attaches behind all of `streams`, in order. What the result is its factory states. */
export function attachAll(
  streams: readonly AnyStream[],
  definition: OperatorDefinition,
  site: CallSite,
): AnyStream {
  const [first, ...others] = streams
  return first![attach](definition, others, site)
}
