/** From a definition to what the user puts into `pipe`. */
import { callSite } from '../base/call-site.js'
import type { OperatorDefinition } from './operator.js'
import { type AnyStream, attach, type Op } from './stream.js'

/**
 * Makes the operator that attaches `definition` behind a stream. The one place where the type of the
 * resulting stream is asserted: the factory that calls it states it in its signature.
 */
export function operate<In extends AnyStream, Out extends AnyStream>(
  definition: OperatorDefinition,
): Op<In, Out> {
  const site = callSite()
  return (stream) => stream[attach](definition, [], site) as Out
}
