/** From a definition and its streams to a node of the graph: the factories' common part. */
import { type CallSite, callSite } from '../../base/call-site.js'
import { MillraceError } from '../../base/errors.js'
import type { OperatorDefinition, OperatorOptions, OperatorTraits } from '../operator.js'
import { recordWiseTraits } from '../record-wise.js'
import { type AnyStream, attach, type Op } from '../stream.js'

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
function streamsAndOptions<O extends OperatorOptions>(
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
function attachAll(
  streams: readonly AnyStream[],
  definition: OperatorDefinition,
  site: CallSite,
): AnyStream {
  const [first, ...others] = streams
  return first![attach](definition, others, site)
}

/** An operator of a pipe: it reads `others` beside the stream it stands behind, which is the first. */
export function attachBeside(
  others: readonly AnyStream[],
  definition: OperatorDefinition,
): Op<AnyStream, AnyStream> {
  const site = callSite()
  return (stream) => attachAll([stream, ...others], definition, site)
}

/** The definition of an operator of any number of streams. */
type Define<O> = (operator: string, inputs: number, options: O) => OperatorDefinition

/** `operator(a, b)` or `operator([a, b], options)`: the stream that it makes of them. */
export function combineAll<O extends OperatorOptions>(
  operator: string,
  given: readonly unknown[],
  define: Define<O>,
): AnyStream {
  const { streams, options } = streamsAndOptions<O>(operator, given)
  return attachAll(streams, define(operator, streams.length, options), callSite())
}

/** As `combineAll`, in a pipe. */
export function combineWith<O extends OperatorOptions>(
  operator: string,
  given: readonly unknown[],
  define: Define<O>,
): Op<AnyStream, AnyStream> {
  const { streams, options } = streamsAndOptions<O>(operator, given)
  return attachBeside(streams, define(operator, streams.length + 1, options))
}
