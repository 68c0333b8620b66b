/** `pipeline(name, build)`: a pipeline as a value. Nothing runs until somebody runs it. */
import { callSite } from '../base/call-site.js'
import { MillraceError } from '../base/errors.js'
import { refuseUnknownOptions } from '../base/unknown-option.js'
import { requirePolicy } from '../operators/arguments.js'
import { compose } from './compose.js'
import type { Composed } from './composed.js'
import type { Flow } from './flow.js'
import { PIPELINE_OPTIONS, type PipelineOptions } from './options.js'

/** A pipeline that can be composed any number of times, here or in another thread. */
export interface Pipeline {
  readonly name: string
  /**
   * Runs the build function afresh. Throws a `MillraceError` which names every problem of the graph
   * with the operator, the user's line and what to do.
   */
  compose(): Composed
}

/** The same in every copy of the library: the mark of a pipeline. */
const brand = Symbol.for('millrace.pipeline')

/**
 * Describes a pipeline. `build` must build the same graph each time: it is evaluated in every worker
 * and on every host, and their fingerprints are compared.
 *
 * @example
 * export default pipeline('word-count', (flow) =>
 *   flow.from(lines('hamlet.txt')).pipe(keyBy((line) => line.length), count()).to(print()),
 * )
 */
export function pipeline(
  name: string,
  build: (flow: Flow) => void,
  options: PipelineOptions = {},
): Pipeline {
  if (typeof name !== 'string' || name.trim() === '') {
    throw new MillraceError(
      'E_PIPELINE_NAME',
      `pipeline(name, build) needs a name that is not empty, but got ${JSON.stringify(name)}: jobs, snapshots and logs are found by it.`,
    )
  }
  if (typeof build !== 'function') {
    throw new MillraceError(
      'E_BAD_ARGUMENT',
      `pipeline '${name}' (${callSite()()}): the second argument must be a function of the flow: (flow) => flow.from(…).to(…)`,
    )
  }
  refuseUnknownOptions(`pipeline '${name}'`, options, PIPELINE_OPTIONS)
  requirePolicy(`pipeline '${name}'`, options.onRecordError)
  const value = { name, compose: () => compose(name, build, options), [brand]: true }
  return Object.freeze(value)
}

/** True for what `pipeline` returns, also where another copy of the library made it. */
export function isPipeline(value: unknown): value is Pipeline {
  return typeof value === 'object' && value !== null && brand in value
}
