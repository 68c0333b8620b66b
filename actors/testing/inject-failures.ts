/**
 * Failures on purpose: a pipeline whose named operators, sources or sinks fail after some records.
 *
 * The failure is that of the subtask, whatever `onRecordError` says: supervision decides. Counts go
 * over all subtasks and attempts of the operator, so that with `times: 1` the replay passes.
 */
import type { OperatorFunction } from 'rxjs'
import { MillraceError } from '../../lib/base/errors.js'
import { tap } from '../../lib/base/rxjs.js'
import type { Sink } from '../../lib/connectors/sink.js'
import type { Source } from '../../lib/connectors/source.js'
import type { Composed, NodeRuntime } from '../../lib/flow/composed.js'
import type { Pipeline } from '../../lib/flow/pipeline.js'
import type { OperatorContext, OperatorDefinition } from '../../lib/operators/operator.js'
import { BATCH, type Signal } from '../../lib/operators/signal.js'

/** A failure on purpose, in one operator. */
export interface Injection {
  /** Name of the operator, source or sink: given, or as `explain` shows it. */
  readonly operator: string
  /** It fails when it has seen this many records since its last failure. */
  readonly afterRecords: number
  /** How often. Default 1. */
  readonly times?: number
  /** Default: an error that says it was injected. */
  readonly error?: Error
}

/**
 * The same pipeline, which fails as told.
 *
 * @throws MillraceError `E_NO_SUCH_OPERATOR` when it is composed, listing the names there are.
 */
export function injectFailures(pipeline: Pipeline, injections: readonly Injection[]): Pipeline {
  const triggers = injections.map((injection) => ({ injection, pull: triggerOf(injection) }))
  return {
    ...pipeline,
    compose() {
      const composed = pipeline.compose()
      const runtime = new Map(composed.runtime)
      for (const { injection, pull } of triggers) {
        const id = nodeNamed(composed, injection.operator)
        runtime.set(id, failing(runtime.get(id)!, pull))
      }
      return { ...composed, runtime }
    },
  }
}

/** Counts records; throws when it is time. */
type Trigger = (records: number) => void

function triggerOf({ operator, afterRecords, times = 1, error }: Injection): Trigger {
  let seen = 0
  let left = times
  return (records) => {
    seen += records
    if (seen < afterRecords || left === 0) return
    left--
    seen = 0
    throw error ?? new Error(`injected failure of "${operator}" after ${afterRecords} records`)
  }
}

function nodeNamed({ graph }: Composed, name: string): number {
  const node = graph.nodes.find((candidate) => candidate.name === name || candidate.label === name)
  if (node !== undefined) return node.id
  throw new MillraceError(
    'E_NO_SUCH_OPERATOR',
    `a failure is to be injected into "${name}", but pipeline "${graph.pipeline}" has ` +
      `${graph.nodes.map((candidate) => `"${candidate.name}"`).join(', ')}`,
    { details: { operator: name } },
  )
}

function failing(runtime: NodeRuntime, pull: Trigger): NodeRuntime {
  switch (runtime.role) {
    case 'source':
      return { ...runtime, source: failingSource(runtime.source, pull) }
    case 'sink':
      return { ...runtime, sink: failingSink(runtime.sink, pull) }
    case 'operator':
      return { ...runtime, operator: failingOperator(runtime.operator, pull) }
    default:
      return runtime
  }
}

function failingSource(source: Source<unknown>, pull: Trigger): Source<unknown> {
  return {
    ...source,
    splits: (parallelism) => source.splits(parallelism),
    open(split, position, context) {
      const reader = source.open(split, position, context)
      return {
        read(out, max) {
          const before = out.length
          const status = reader.read(out, max)
          pull(out.length - before)
          return status
        },
        position: () => reader.position(),
        close: () => reader.close(),
      }
    },
  }
}

function failingSink(sink: Sink<never>, pull: Trigger): Sink<never> {
  return {
    ...sink,
    open(context) {
      const writer = sink.open(context)
      return {
        write(records) {
          pull(records.length)
          return writer.write(records)
        },
        flush: () => writer.flush(),
        finish: () => writer.finish(),
        abort: () => writer.abort(),
      }
    },
  }
}

/** It leaves its fused run, so that the failure is not a record's. */
function failingOperator(operator: OperatorDefinition, pull: Trigger): OperatorDefinition {
  const { step: _, ...rest } = operator
  const pulling = tap((signal: Signal) => {
    if (signal.tag === BATCH) pull(signal.records.length)
  })
  type Open = (context: OperatorContext) => OperatorFunction<Signal, Signal>
  const wrap =
    (open: Open): Open =>
    (context) => {
      const inner = open(context)
      return (source) => source.pipe(pulling, inner)
    }
  const openBefore = operator.openBefore?.bind(operator)
  return {
    ...rest,
    open: wrap((context) => operator.open(context)),
    ...(openBefore === undefined ? {} : { openBefore: wrap(openBefore) }),
  }
}
