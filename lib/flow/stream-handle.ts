/** The stream that users hold: a handle on one output of a node. */

import { type CallSite, callSite } from '../base/call-site.js'
import { MillraceError } from '../base/errors.js'
import { refuseUnknownOptions } from '../base/unknown-option.js'
import type { Sink } from '../connectors/sink.js'
import { sinkTraits } from '../graph/draft.js'
import { MAIN } from '../graph/graph.js'
import type { OperatorDefinition } from '../operators/operator.js'
import {
  type AnyStream,
  attach,
  type Op,
  otherOutput,
  type SinkOf,
  type SinkOptions,
} from '../operators/stream.js'
import type { NodeRuntime } from './composed.js'
import type { NodeParts, Recorder } from './recorder.js'

/** A node without its inputs: they are the streams it is added behind. */
export type NodeBehind = Omit<NodeParts, 'inputs' | 'outputs'>

export class StreamHandle {
  readonly #recorder: Recorder
  readonly #node: number
  readonly #output: string

  constructor(recorder: Recorder, node: number, output = MAIN) {
    this.#recorder = recorder
    this.#node = node
    this.#output = output
  }

  pipe(...operators: Op<AnyStream, AnyStream>[]): AnyStream {
    return operators.reduce<AnyStream>((stream, operator, i) => {
      const next = apply(operator, stream)
      if (isStream(next)) return next
      throw noOperator(i + 1, operator, callSite())
    }, this)
  }

  to(sink: SinkOf<never>, options: SinkOptions = {}): void {
    const target = sink as Sink<never>
    if (!isSink(sink)) throw noSink(sink, callSite())
    refuseUnknownOptions(`to(${target.label})`, options, ['name', 'parallelism'])
    const parts: NodeBehind = {
      role: 'sink',
      kind: target.kind,
      label: target.label,
      givenName: options.name ?? null,
      parallelism: options.parallelism ?? target.parallelism,
      replays: target.guarantee !== 'at-least-once',
      traits: sinkTraits(target.guarantee === 'idempotent', target.marks === true),
      settings: target.settings,
      functions: target.functions,
    }
    this.#add(parts, { role: 'sink', sink: target }, [this], callSite())
  }

  [attach](
    definition: OperatorDefinition<never, unknown>,
    others: readonly AnyStream[] = [],
    site: CallSite = callSite(),
  ): AnyStream {
    const { kind, traits, options, settings, functions } = definition
    const parts: NodeBehind = {
      role: 'operator',
      kind,
      givenName: options.name ?? null,
      traits,
      parallelism: options.parallelism ?? null,
      chain: options.chain ?? true,
      fusable: definition.step !== undefined,
      replays: traits.replays,
      settings,
      functions,
      policy: options.onRecordError,
      ...(options.stateVersion !== undefined && {
        state: {
          version: options.stateVersion,
          from: Object.keys(options.upcast ?? {}).map(Number),
        },
      }),
    }
    const operator = definition as OperatorDefinition
    return this.#add(parts, { role: 'operator', operator }, [this, ...others], site)
  }

  [otherOutput](name: string, site: CallSite = callSite()): AnyStream {
    if (this.#output === MAIN) return new StreamHandle(this.#recorder, this.#node, name)
    throw new MillraceError(
      'E_NO_SIDE_OUTPUT',
      `sideOutput (${site()}) stands behind a side output, '${this.#output}', which has none of its own: ` +
        'put it directly behind the operator that sends there.',
      { details: { at: site() } },
    )
  }

  /** Adds a node that reads all of `streams`, which must be of one pipeline. */
  static join(
    streams: readonly AnyStream[],
    parts: NodeBehind,
    runtime: NodeRuntime,
    site: CallSite = callSite(),
  ): AnyStream {
    const [first] = streams
    if (!(first instanceof StreamHandle)) throw foreign(parts.kind, site)
    return first.#add(parts, runtime, streams, site)
  }

  #add(
    parts: NodeBehind,
    runtime: NodeRuntime,
    streams: readonly AnyStream[],
    site: CallSite,
  ): AnyStream {
    const inputs = streams.map((stream) => {
      if (!(stream instanceof StreamHandle)) throw foreign(parts.kind, site)
      if (stream.#recorder !== this.#recorder) throw this.#otherFlow(stream, parts.kind, site)
      return stream
    })
    const read = {
      inputs: inputs.map((stream) => stream.#node),
      outputs: inputs.map((stream) => stream.#output),
    }
    const node = this.#recorder.add({ ...parts, ...read }, runtime, site)
    return new StreamHandle(this.#recorder, node)
  }

  #otherFlow(stream: StreamHandle, kind: string, site: CallSite): MillraceError {
    const [here, there] = [this.#recorder.pipeline, stream.#recorder.pipeline]
    const other = here === there ? 'another composition of it' : `pipeline '${there}'`
    return new MillraceError(
      'E_OTHER_PIPELINE',
      `pipeline '${here}': ${kind} (${site()}) uses a stream of ${other}. Streams belong to the flow that made them: create it with this flow.from(…).`,
      { details: { pipeline: here, operator: kind, at: site() } },
    )
  }
}

/** A handle, or what stands for one between two operators (`window`). */
const isStream = (value: unknown): value is AnyStream =>
  typeof value === 'object' && value !== null && attach in value

/** Null where the function is an operator of RxJS, which does not know our streams. */
function apply(operator: Op<AnyStream, AnyStream>, stream: AnyStream): AnyStream | null {
  if (typeof operator !== 'function') return null
  try {
    return operator(stream)
  } catch (error) {
    if (error instanceof TypeError && error.message.includes('unknown Observable type')) return null
    throw error
  }
}

function noOperator(position: number, given: unknown, site: CallSite): MillraceError {
  const advice =
    typeof given === 'function'
      ? 'Import map, filter and the like from millrace; wrap what only RxJS has as rx(…).'
      : `It was given ${typeof given === 'object' ? 'an object' : String(given)}.`
  return new MillraceError(
    'E_NO_OPERATOR',
    `argument ${position} of pipe (${site()}) is no operator of millrace. ${advice}`,
    { details: { at: site() } },
  )
}

const isSink = (sink: unknown): boolean =>
  typeof sink === 'object' && sink !== null && 'open' in sink && 'guarantee' in sink

function noSink(given: unknown, site: CallSite): MillraceError {
  const advice =
    typeof given === 'function' && given.name !== ''
      ? `the function ${given.name}: a sink is made by calling it, like .to(${given.name}(…)); for a function of your own: .to(callback(…))`
      : `${given === null ? 'null' : `a ${typeof given}`}: for example .to(print())`
  return new MillraceError(
    'E_NO_SINK',
    `to (${site()}) needs a sink of millrace/connectors, but was given ${advice}.`,
    { details: { at: site() } },
  )
}

function foreign(kind: string, site: CallSite): MillraceError {
  return new MillraceError(
    'E_NO_STREAM',
    `${kind} (${site()}) needs streams made by flow.from(…), but was given something else.`,
    { details: { operator: kind, at: site() } },
  )
}
