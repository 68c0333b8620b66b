/** Runs a build function against a fresh recorder and makes of the record what a thread needs. */
import { MillraceError } from '../base/errors.js'
import { buildGraph } from '../graph/build.js'
import { codeHash, fingerprint } from '../graph/fingerprint.js'
import type { GraphOptions } from '../graph/graph.js'
import type { Composed } from './composed.js'
import { createFlow, type Flow } from './flow.js'
import { DEFAULT_MAX_PARALLELISM, type PipelineOptions } from './options.js'
import { policyText } from './policy.js'
import { Recorder } from './recorder.js'

export function compose(
  name: string,
  build: (flow: Flow) => void,
  options: PipelineOptions,
): Composed {
  const onRecordError = options.onRecordError ?? 'fail'
  const recorder = new Recorder(name, onRecordError)
  const result: unknown = build(createFlow(recorder))
  if (isPromise(result)) throw asyncBuild(name)
  const { drafts, runtime } = recorder.close()
  const graphOptions: GraphOptions = {
    maxParallelism: options.maxParallelism ?? DEFAULT_MAX_PARALLELISM,
    parallelism: options.parallelism ?? null,
    guarantee: options.guarantee ?? 'at-least-once',
    onRecordError: policyText(onRecordError, codeHash),
  }
  const graph = buildGraph(name, drafts, graphOptions)
  return { graph, fingerprint: fingerprint(graph), runtime, onRecordError }
}

function isPromise(value: unknown): value is Promise<unknown> {
  return value instanceof Promise
}

function asyncBuild(name: string): MillraceError {
  return new MillraceError(
    'E_ASYNC_BUILD',
    `pipeline '${name}': the build function returned a promise. It must build the graph at once: load what it needs before, at the top of the module.`,
  )
}
