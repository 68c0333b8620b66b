/** The stream that users hold: a handle on one node's main output. */
import { type CallSite, callSite } from '../base/call-site.js'
import { MillraceError } from '../base/errors.js'
import type { Sink } from '../connectors/sink.js'
import type { OperatorDefinition } from '../operators/operator.js'
import {
  type AnyStream,
  attach,
  type Op,
  type SinkOf,
  type SinkOptions,
} from '../operators/stream.js'
import type { NodeRuntime } from './composed.js'
import type { NodeParts, Recorder } from './recorder.js'

/** A node without its inputs: they are the streams it is added behind. */
export type NodeBehind = Omit<NodeParts, 'inputs'>

export class StreamHandle {
  readonly #recorder: Recorder
  readonly #node: number

  constructor(recorder: Recorder, node: number) {
    this.#recorder = recorder
    this.#node = node
  }

  pipe(...operators: Op<AnyStream, AnyStream>[]): AnyStream {
    return operators.reduce<AnyStream>((stream, operator) => operator(stream), this)
  }

  to(sink: SinkOf<never>, options: SinkOptions = {}): void {
    const target = sink as Sink<never>
    const parts: NodeBehind = {
      role: 'sink',
      kind: target.kind,
      label: target.label,
      givenName: options.name ?? null,
      parallelism: options.parallelism ?? target.parallelism,
      replays: target.guarantee === 'idempotent',
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
    }
    const operator = definition as OperatorDefinition
    return this.#add(parts, { role: 'operator', operator }, [this, ...others], site)
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
      return stream.#node
    })
    const node = this.#recorder.add({ ...parts, inputs }, runtime, site)
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

function foreign(kind: string, site: CallSite): MillraceError {
  return new MillraceError(
    'E_NO_STREAM',
    `${kind} (${site()}) needs streams made by flow.from(…), but was given something else.`,
    { details: { operator: kind, at: site() } },
  )
}
